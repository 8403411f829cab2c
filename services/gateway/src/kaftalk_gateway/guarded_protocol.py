"""uvicorn's sans-I/O WebSocket protocol, guarded, and with writes of prepared frames.

uvicorn has no bound on fragments, control frames and a buffer that a peer does not read, and its `send()` builds a
frame for every socket. Here a frame is built once (`prepare`) and the same bytes go to every transport, without
awaiting, and what a socket gets within one tick goes out in one write.
"""

import asyncio
import logging
import struct
from collections.abc import Callable
from email.utils import formatdate
from functools import partial
from http import HTTPStatus
from typing import Any, Final, cast

from uvicorn._types import ASGISendEvent
from uvicorn.config import Config
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState
from websockets.datastructures import Headers
from websockets.frames import Frame, Opcode
from websockets.http11 import Request, Response
from websockets.protocol import State
from websockets.server import ServerProtocol

from kaftalk_gateway import metrics
from kaftalk_gateway.handshake import problem
from kaftalk_protocol.errors import Code, Refused

EXTENSION: Final = "kaftalk.socket"
"""The name under which the protocol is in the ASGI scope's extensions."""

FRAGMENTS_MAX: Final = 64
CONTROL_BURST: Final = 100
CONTROL_PER_S: Final = 10
BUFFER_SOFT_BYTES: Final = 256 * 1024
BUFFER_HARD_BYTES: Final = 1024 * 1024
ABORT_AFTER_S: Final = 1.0

_PING: Final = b"\x89\x00"
_logger = logging.getLogger("kaftalk.websocket")
_logger.setLevel(logging.WARNING)


def prepare(payload: bytes) -> bytes:
    """Frame a text message as a server sends it: unmasked, in one fragment (RFC 6455 section 5.2)."""
    size = len(payload)
    if size < 126:
        return bytes((0x81, size)) + payload
    if size < 65_536:
        return struct.pack(">BBH", 0x81, 126, size) + payload
    return struct.pack(">BBQ", 0x81, 127, size) + payload


def refused_handshake(status: int, text: str) -> Response:
    """Answer a handshake that the library refuses, as a problem instead of its plain text."""
    code = Code.METHOD_NOT_ALLOWED if status == HTTPStatus.METHOD_NOT_ALLOWED else Code.INVALID
    answer = problem(Refused(code, text.partition("\n")[0]), status=int(status))
    headers = Headers({"Date": formatdate(usegmt=True), "Connection": "close", "Content-Length": str(len(answer.body))})
    # Who speaks another version is to hear which one is spoken here (RFC 6455 section 4.2.2).
    headers["Sec-WebSocket-Version"] = "13"
    for name, value in answer.headers:
        headers[name.decode()] = value.decode()
    return Response(answer.status, HTTPStatus(status).phrase, headers, answer.body)


def _take_frame(conn: ServerProtocol, frame: Frame) -> None:
    """Let a close come amid fragments, as any control frame may (RFC 6455 section 5.4); the library refuses it."""
    if frame.opcode is Opcode.CLOSE:
        conn.current_size = None
    ServerProtocol.recv_frame(conn, frame)


_unflushed: list["GuardedWebSocket"] = []


def flush() -> None:
    """Write out what the sockets of this process have collected in this tick, one write a socket."""
    sockets = _unflushed.copy()
    _unflushed.clear()
    for socket in sockets:
        socket.flush()


class GuardedWebSocket(WebSocketsSansIOProtocol):
    """One WebSocket; pass it to uvicorn as `ws=GuardedWebSocket`, with deflate and uvicorn's pings off.

    The application finds it as `scope["extensions"][EXTENSION]`. `on_text` gets every text message, without a pause
    of reading (set it after `websocket.accept`); `on_drained` is called when a congested buffer has been read.
    """

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        # uvicorn logs the whole query string of an accepted socket at INFO: a token in it would reach the log.
        self.logger = _logger
        self.conn.reject = refused_handshake  # type: ignore[method-assign]
        self.conn.recv_frame = partial(_take_frame, self.conn)  # type: ignore[method-assign]
        self.on_text: Callable[[str], None] | None = None
        self.on_drained: Callable[[], None] | None = None
        self.congested = False
        self.last_received = self.loop.time()
        self._outbox: list[bytes] = []
        self._control_left = float(CONTROL_BURST)
        self._control_at = self.last_received
        self._abort_timer: asyncio.TimerHandle | None = None

    # --- what the application calls ---

    @property
    def buffered(self) -> int:
        """Bytes that are written and not yet taken by the kernel."""
        return self.transport.get_write_buffer_size()

    def write(self, payload: bytes) -> None:
        """Send one text message; never awaits."""
        self.write_prepared(prepare(payload))

    def write_prepared(self, frame: bytes) -> None:
        """Send bytes that are framed already; they go out at the end of the tick, or with `flush`."""
        if self.close_sent or self.disconnected:
            return
        if not self._outbox:
            if not _unflushed:
                self.loop.call_soon(flush)
            _unflushed.append(self)
        self._outbox.append(frame)

    def flush(self) -> None:
        """Write what has been collected for this socket."""
        self._write_out()
        if self.congested and self.buffered > BUFFER_HARD_BYTES:
            self.close(4001, "too slow a reader")

    def ping(self) -> None:
        """Send a ping; the pong moves `last_received`."""
        self.write_prepared(_PING)

    def close(self, code: int, reason: str) -> None:
        """Send what is collected and a close frame; abort after 1 s, since a peer that does not read never drains."""
        if self.close_sent or self.disconnected:
            return
        self._write_out()
        if self.conn.state is State.OPEN:
            self.conn.send_close(code, reason)
            self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        metrics.closes.labels(str(int(code))).inc()
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})
        self._resume_reading()
        self._abort_soon()

    # --- what the transport calls ---

    def handle_connect(self, event: Request) -> None:
        """Offer this object to the application as an extension of the scope."""
        super().handle_connect(event)
        if hasattr(self, "scope"):
            cast(dict[str, Any], self.scope["extensions"])[EXTENSION] = self
            self.transport.set_write_buffer_limits(high=BUFFER_SOFT_BYTES, low=BUFFER_SOFT_BYTES // 4)

    def data_received(self, data: bytes) -> None:
        """Take bytes; a broken handshake gets 400 (uvicorn would leave the connection open)."""
        self.last_received = self.loop.time()
        super().data_received(data)
        if self.conn.handshake_exc is not None and not self.handshake_initiated:
            answer = refused_handshake(HTTPStatus.BAD_REQUEST, "the handshake is broken")
            self.transport.write(answer.serialize())
            self.handshake_initiated = self.handshake_complete = self.close_sent = True
            self.transport.close()

    async def send(self, message: ASGISendEvent) -> None:
        """Perform what the application sends; a handshake that it refused counts as complete.

        Else uvicorn logs an error for each: whoever knocks could fill the log.
        """
        await super().send(message)
        if message["type"] == "websocket.http.response.body" and not message.get("more_body"):
            self.handshake_complete = True

    def pause_writing(self) -> None:
        """Note that the peer reads too slowly."""
        self.congested = True
        super().pause_writing()

    def resume_writing(self) -> None:
        """Note that the peer has caught up."""
        self.congested = False
        super().resume_writing()
        if self.on_drained is not None:
            self.on_drained()

    def handle_cont(self, event: Frame) -> None:
        """Refuse a message of over 64 fragments: tiny ones cost far more memory than they carry."""
        if len(self.frames) >= FRAGMENTS_MAX:
            self.frames = []
            self.close(1009, "too many fragments")
            return
        super().handle_cont(event)

    def handle_ping(self) -> None:
        """Answer within the budget for control frames."""
        if self._within_control_budget():
            super().handle_ping()

    def handle_pong(self, event: Frame) -> None:
        """Count the pong against the budget; any pong shows that the peer lives."""
        del event
        self._within_control_budget()

    def handle_parser_exception(self) -> None:
        """Close as the protocol says, and do not wait for a peer that does not read."""
        super().handle_parser_exception()
        self._abort_soon()

    def send_receive_event_to_app(self) -> None:
        """Give a text message to `on_text`; anything else goes the way of uvicorn."""
        if self.on_text is None or self.close_sent or self.curr_msg_data_type != "text":
            super().send_receive_event_to_app()
            return
        data = self.frames[0] if len(self.frames) == 1 else b"".join(self.frames)
        self.frames = []
        try:
            text = data.decode()
        except UnicodeDecodeError:
            self.close(1007, "invalid UTF-8")
            return
        self.on_text(text)

    def handle_close(self, event: Frame) -> None:
        """Finish the closing handshake, and do not wait for a peer that no longer reads."""
        super().handle_close(event)
        if self.close_sent:
            self.transport.close()
        self._abort_soon()

    def shutdown(self) -> None:
        """Close for a restart of the server."""
        super().shutdown()
        self._abort_soon()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the timers and what was not sent."""
        if self._abort_timer is not None:
            self._abort_timer.cancel()
        self._outbox.clear()
        self.on_text = self.on_drained = None
        super().connection_lost(exc)

    # --- helpers ---

    def _write_out(self) -> None:
        if self._outbox and not self.transport.is_closing():
            self.transport.write(b"".join(self._outbox))
        self._outbox.clear()

    def _within_control_budget(self) -> bool:
        now = self.loop.time()
        self._control_left = min(CONTROL_BURST, self._control_left + (now - self._control_at) * CONTROL_PER_S) - 1
        self._control_at = now
        if self._control_left >= 0 and self.buffered <= BUFFER_HARD_BYTES:
            return True
        self.conn.data_to_send()
        if not self.transport.is_closing():
            self.transport.abort()
        return False

    def _resume_reading(self) -> None:
        if self.read_paused:
            self.read_paused = False
            self.transport.resume_reading()

    def _abort_soon(self) -> None:
        if self._abort_timer is None and not self.disconnected:
            self._abort_timer = self.loop.call_later(ABORT_AFTER_S, self.transport.abort)
