"""One link to one delivery instance: a WebSocket that this gateway dials, until the instance is gone."""

import asyncio
import ssl
from collections import deque
from typing import Any, Protocol

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException
from websockets.typing import Subprotocol

from kaftalk_protocol.deliveries import PATH, SUBPROTOCOL, TO_GATEWAY, BatchAck, LinkHello, RoomEvent, decode_batch
from kaftalk_protocol.ids import RoomId
from kaftalk_runtime.internal_auth import HEADER, InternalKeys
from kaftalk_runtime.logs import get_logger, told
from kaftalk_runtime.tls import INTERNAL_NAME

SILENT_S = 5.0
_OPEN_TIMEOUT_S = 3.0
_BATCH_BYTES_MAX = 64 * 1024 * 1024
_OUT_MAX = 100_000

_log = get_logger(__name__)


class LinkOwner(Protocol):
    """Takes what a link brings."""

    def link_opened(self, link: "Link") -> None:
        """The instance answers."""

    def link_batch(self, link: "Link", events: list[RoomEvent]) -> None:
        """Events came, in order."""

    def link_control(self, link: "Link", message: Any) -> None:
        """A control message came."""

    def link_closed(self, link: "Link") -> None:
        """Nothing comes any more."""


class Link:
    """Dials, says who calls, and hands on what comes. `rooms` are those subscribed to here."""

    def __init__(
        self,
        instance: str,
        url: str,
        gateway: str,
        keys: InternalKeys,
        owner: LinkOwner,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.instance = instance
        self.url = calling_url(url, tls)
        self._tls = tls
        self.rooms: set[RoomId] = set()
        self.heard_at = 0.0
        self._gateway = gateway
        self._keys = keys
        self._owner = owner
        self._out: deque[str] = deque()
        self._wake = asyncio.Event()
        self._socket: ClientConnection | None = None

    @property
    def is_open(self) -> bool:
        """Tell whether the instance answers."""
        return self._socket is not None

    def send(self, message: str) -> None:
        """Queue a control message; dropped while the link is down. A queue that is full ends the link."""
        if self._socket is None:
            return
        if len(self._out) >= _OUT_MAX:
            self.drop()
            return
        self._out.append(message)
        self._wake.set()

    def drop(self) -> None:
        """End the connection at once; `dial` returns."""
        if self._socket is not None:
            self._socket.transport.abort()

    async def dial(self) -> None:
        """Connect, and serve until the connection ends. Trouble is no error: it is tried again."""
        try:
            async with connect(
                self.url + PATH,
                subprotocols=[Subprotocol(SUBPROTOCOL)],
                additional_headers={HEADER: self._keys.sign("GET", PATH)},
                compression=None,
                proxy=None,
                ssl=self._tls,
                server_hostname=INTERNAL_NAME if self._tls else None,
                max_size=_BATCH_BYTES_MAX,
                ping_interval=None,
                open_timeout=_OPEN_TIMEOUT_S,
                close_timeout=1.0,
            ) as socket:
                await self._serve(socket)
        except (OSError, TimeoutError, WebSocketException) as error:
            _log.info("link_down", delivery=self.instance, error=repr(error))

    async def _serve(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._out.clear()
        self.rooms.clear()
        self.heard_at = asyncio.get_running_loop().time()
        self.send(LinkHello(gateway=self._gateway).encode())
        sending = asyncio.create_task(self._send(socket))
        self._owner.link_opened(self)
        try:
            await self._receive(socket)
        except ValueError as error:
            _log.warning("link_broken", delivery=self.instance, error=told(error))
        finally:
            self._socket = None
            sending.cancel()
            self._owner.link_closed(self)

    async def _receive(self, socket: ClientConnection) -> None:
        clock = asyncio.get_running_loop().time
        async for message in socket:
            self.heard_at = clock()
            if isinstance(message, bytes):
                number, events = decode_batch(message)
                self._owner.link_batch(self, events)
                self.send(BatchAck(number=number).encode())
            else:
                self._owner.link_control(self, TO_GATEWAY.validate_json(message))

    async def _send(self, socket: ClientConnection) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._out:
                await socket.send(self._out.popleft())


def calling_url(url: str, tls: ssl.SSLContext | None) -> str:
    """Give the address that is dialled: who has certificates never calls without, whatever was advertised."""
    return url.replace("ws://", "wss://", 1) if tls else url
