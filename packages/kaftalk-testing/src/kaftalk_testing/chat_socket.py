"""One raw WebSocket to a gateway, frame by frame; every server frame is checked against the closed schemas."""

import asyncio
import itertools
import uuid
from collections.abc import Callable
from typing import Any, Self

import orjson
import websockets
from websockets.asyncio.client import ClientConnection

from kaftalk_protocol import server_frames
from kaftalk_testing.account import Account

Frame = dict[str, Any]
_ids = itertools.count(1)


class ChatSocket:
    """A WebSocket that has said `hello`; frames are dicts."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection
        self.seen: list[Frame] = []

    @classmethod
    async def dial(cls, url: str, *, origin: str | None = None, **options: Any) -> Self:
        """Open the socket without a `hello`."""
        connection = await websockets.connect(
            url, subprotocols=["kaftalk.v1"], compression=None, max_size=2**20, ping_interval=None,  # type: ignore[list-item]
            origin=origin, **options,  # type: ignore[arg-type]
        )  # fmt: skip
        return cls(connection)

    @classmethod
    async def open(
        cls,
        url: str,
        account: Account,
        *,
        stream: str | None = None,
        resume: dict[str, tuple[int, int]] | None = None,
    ) -> Self:
        """Open the socket, say `hello` and wait for `welcome`."""
        socket = await cls.dial(url)
        hello: Frame = {"t": "hello", "ticket": await account.ticket(), "stream": stream or str(uuid.uuid4())}
        await socket.send({**hello, "resume": resume} if resume is not None else hello)
        await socket.until(lambda frame: frame["t"] == "welcome")
        return socket

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.connection.close()

    async def send(self, frame: Frame | str | bytes) -> None:
        """Send a frame; text goes out as it is."""
        await self.connection.send(orjson.dumps(frame).decode() if isinstance(frame, dict) else frame)

    async def next(self, timeout_s: float = 30.0) -> Frame:
        """Receive one frame.

        Raises TimeoutError, websockets.ConnectionClosed, pydantic.ValidationError.
        """
        # wait_for of Python 3.11 may swallow a cancellation (python/cpython#86296); a timeout block does not.
        async with asyncio.timeout(timeout_s):
            data = await self.connection.recv()
        server_frames.FRAME.validate_json(data)
        frame: Frame = orjson.loads(data)
        self.seen.append(frame)
        return frame

    async def until(self, wanted: Callable[[Frame], bool], timeout_s: float = 30.0) -> Frame:
        """Receive until a frame is the wanted one, and give it."""
        async with asyncio.timeout(timeout_s):
            while not wanted(frame := await self.next(timeout_s)):
                pass
        return frame

    async def ask(self, frame: Frame, timeout_s: float = 30.0) -> Frame:
        """Send a frame with a fresh `id` and wait for what answers it."""
        asked = {"id": f"q{next(_ids)}", **frame}
        await self.send(asked)
        return await self.until(lambda answer: answer.get("id") == asked["id"], timeout_s)

    async def event(self, room: str, timeout_s: float = 30.0) -> Frame:
        """Wait for the next event of a room."""
        return await self.until(lambda frame: frame["t"] == "event" and frame["room"] == room, timeout_s)

    async def closed(self, timeout_s: float = 30.0) -> int:
        """Read until the server closes, and give the close code."""
        try:
            async with asyncio.timeout(timeout_s):
                while True:
                    await self.next(timeout_s)
        except websockets.ConnectionClosed as closed:
            return closed.rcvd.code if closed.rcvd else 1006
