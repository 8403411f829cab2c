"""uvicorn's HTTP/1.1 protocol with deadlines: uvicorn itself waits for ever for headers and bodies (uvicorn#157)."""

import asyncio
from typing import Any, Literal

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

HEADERS_TIMEOUT_S = 10.0
BODY_TIMEOUT_S = 30.0

_Waiting = Literal["headers", "body"]


class GuardedHttp(H11Protocol):
    """Close connections whose request headers take over 10 s or whose body takes over 30 s to arrive.

    Pass it to uvicorn as `http=GuardedHttp`. A silent connection that never sends a byte counts as late headers.
    """

    _waiting: _Waiting | None = None
    _deadline: asyncio.TimerHandle | None = None
    _handed_over = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the clock for the first request."""
        super().connection_made(transport)
        self._wait_for("headers")

    def data_received(self, data: bytes) -> None:
        """Take bytes, then see what is still to come."""
        super().data_received(data)
        self._wait_for(self._still_to_come())

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        """Hand the connection over; the WebSocket protocol has limits of its own."""
        super().handle_websocket_upgrade(event)
        self._handed_over = True

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clock."""
        self._wait_for(None)
        super().connection_lost(exc)

    def _still_to_come(self) -> _Waiting | None:
        if self._handed_over:
            return None  # h11 has not been asked for the end of the request: to it, a body is still to come
        state = self.conn.their_state
        if state is h11.SEND_BODY:
            return "body"
        partial: tuple[Any, bool] = self.conn.trailing_data
        return "headers" if state is h11.IDLE and partial[0] else None

    def _wait_for(self, what: _Waiting | None) -> None:
        if what == self._waiting:
            return
        self._waiting = what
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        if what is not None:
            seconds = HEADERS_TIMEOUT_S if what == "headers" else BODY_TIMEOUT_S
            self._deadline = self.loop.call_later(seconds, self._too_late)

    def _too_late(self) -> None:
        self._deadline = None
        if not self.transport.is_closing():
            self.transport.abort()
