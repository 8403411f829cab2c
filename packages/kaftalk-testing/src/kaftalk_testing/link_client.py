"""A gateway's end of a link, for tests of delivery: it notes what it is sent and acknowledges as it is told."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from kaftalk_protocol.deliveries import (
    PATH,
    SUBPROTOCOL,
    TO_GATEWAY,
    BatchAck,
    LinkHello,
    RoomEvent,
    Signal,
    Subscribe,
    Subscribed,
    Unsubscribe,
    decode_batch,
)
from kaftalk_protocol.ids import RoomId
from kaftalk_runtime.internal_auth import HEADER, InternalKeys

_WAIT_S = 20.0


class LinkClient:
    """`events` and `controls` are all that came, in order; with `acknowledges` off, batches stay unacknowledged."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._news = asyncio.Condition()
        self.acknowledges = True
        self.last_number = 0
        self.events: list[RoomEvent] = []
        self.controls: list[Any] = []

    async def subscribe(self, *rooms: RoomId) -> Subscribed:
        """Subscribe to rooms until all are known, and give the answer that has them."""
        known: dict[RoomId, Any] = {}
        while missing := [room for room in rooms if room not in known]:
            before = len(self.controls)
            await self._socket.send(Subscribe(rooms=missing).encode())
            answer = await self.control(Subscribed, since=before)
            known |= answer.rooms
            if answer.unknown:
                await asyncio.sleep(0.1)
        return Subscribed(rooms=known)

    async def unsubscribe(self, *rooms: RoomId) -> None:
        """Unsubscribe from rooms."""
        await self._socket.send(Unsubscribe(rooms=list(rooms)).encode())

    async def signal(self, signal: Signal) -> None:
        """Send a signal."""
        await self._socket.send(signal.encode())

    async def acknowledge(self) -> None:
        """Acknowledge all that came."""
        await self._socket.send(BatchAck(number=self.last_number).encode())

    async def control(self, kind: type[Any], *, since: int = 0, where: Callable[[Any], bool] = lambda _: True) -> Any:
        """Wait for a control message of a kind."""

        def found() -> Any:
            return next((one for one in self.controls[since:] if isinstance(one, kind) and where(one)), None)

        await self.until(lambda: found() is not None)
        return found()

    async def seqs(self, room: RoomId, last: int) -> list[int]:
        """Wait for the event at `last` of a room, and give the seqs of all its events."""
        await self.until(lambda: any(event.room == room and event.seq >= last for event in self.events))
        return [event.seq for event in self.events if event.room == room]

    async def until(self, holds: Callable[[], bool], timeout_s: float = _WAIT_S) -> None:
        """Wait until something holds of what came. Raises TimeoutError."""
        async with asyncio.timeout(timeout_s), self._news:
            await self._news.wait_for(holds)

    async def listen(self) -> None:
        """Take what comes until the link ends."""
        try:
            async for message in self._socket:
                await self._take(message)
        except ConnectionClosed:
            return

    async def _take(self, message: str | bytes) -> None:
        if isinstance(message, str):
            self.controls.append(TO_GATEWAY.validate_json(message))
        else:
            self.last_number, events = decode_batch(message)
            self.events += events
            if self.acknowledges:
                await self.acknowledge()
        async with self._news:
            self._news.notify_all()


@asynccontextmanager
async def open_link(url: str, keys: Iterable[str], gateway: str) -> AsyncIterator[LinkClient]:
    """Open a link to the delivery instance at `ws://host:port`, as the gateway of that name."""
    headers = {HEADER: InternalKeys(tuple(keys)).sign("GET", PATH)}
    subprotocols = [Subprotocol(SUBPROTOCOL)]
    async with connect(
        url + PATH, subprotocols=subprotocols, additional_headers=headers, compression=None, max_size=None
    ) as socket:
        client = LinkClient(socket)
        await socket.send(LinkHello(gateway=gateway).encode())
        listening = asyncio.create_task(client.listen())
        try:
            yield client
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)
