"""A connection and the member behind it: what the parts of the gateway know of a socket."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from kaftalk_gateway.quiet_member import MemberQuiet
from kaftalk_gateway.session import Answer, Close, Effect, Ping, Session, State, error_frame
from kaftalk_protocol.client_frames import Delete, Edit, React
from kaftalk_protocol.ids import RoomId, SessionId, StreamId, UserId
from kaftalk_views.errors import ResetReason

_DRAIN_POLL_S = 0.05
_DRAIN_TIMEOUT_S = 10.0


class Socket(Protocol):
    """One WebSocket; nothing here awaits, and what is written goes out at the end of the tick."""

    congested: bool
    last_received: float
    on_text: Callable[[str], None] | None
    on_drained: Callable[[], None] | None

    def write(self, payload: bytes) -> None:
        """Send one text message."""

    def write_prepared(self, frame: bytes) -> None:
        """Send bytes that are framed already."""

    def flush(self) -> None:
        """Write out at once."""

    def ping(self) -> None:
        """Send a ping."""

    def close(self, code: int, reason: str) -> None:
        """Send a close frame and abort soon."""


@dataclass(slots=True)
class CatchUp:
    """A room that a connection is not live in yet: all after `position` is still to be sent (None: from now on).

    `given` is the position a `resume` named, None where no answer is owed. `added`: a `room added` goes first.
    `reset` is the reason of a `reset` that is owed.
    """

    position: int | None
    epoch: int | None = None
    given: int | None = None
    added: bool = False
    reset: ResetReason | None = None
    count: int = 0
    from_log: bool = False


class Member:
    """A user who is connected here: her connections, her rooms, her quiet hours."""

    __slots__ = ("connections", "presence", "quiet", "rooms", "user")

    def __init__(self, user: UserId) -> None:
        self.user = user
        self.connections: dict[Connection, None] = {}
        self.rooms: dict[RoomId, None] = {}
        self.presence = ""
        self.quiet = MemberQuiet()

    def write(self, payload: bytes) -> None:
        """Send one frame to all her connections."""
        for connection in self.connections:
            connection.write(payload)


class Connection:
    """One open socket with its session."""

    __slots__ = (
        "active_until", "annotating", "annotations", "appended", "catching", "catching_task", "focused", "focused_at",
        "key", "member", "questions", "releasing", "session", "sid", "slow_since", "socket", "stream", "stream_known",
        "watched",
    )  # fmt: skip

    def __init__(self, key: str, socket: Socket, session: Session) -> None:
        self.key = key
        self.socket = socket
        self.session = session
        self.member: Member | None = None
        self.sid = SessionId("")
        self.stream = StreamId("")
        self.stream_known = False
        self.catching: dict[RoomId, CatchUp] = {}
        self.catching_task: asyncio.Task[None] | None = None
        self.appended: dict[RoomId, int] = {}
        self.annotations: deque[Edit | Delete | React] = deque()
        self.annotating: asyncio.Task[None] | None = None
        self.questions = 0
        self.watched: frozenset[UserId] = frozenset()
        self.active_until = 0.0
        self.slow_since: float | None = None
        self.focused: RoomId | None = None
        self.focused_at = -1
        self.releasing = False

    @property
    def user(self) -> UserId:
        """The user; only after admission."""
        return self.admitted.user

    @property
    def rooms(self) -> dict[RoomId, None]:
        """The user's rooms; only after admission."""
        return self.admitted.rooms

    @property
    def is_open(self) -> bool:
        """Tell whether anything may still be written."""
        return self.session.state is not State.CLOSED

    def hears(self, room: RoomId | None = None) -> bool:
        """Tell whether what is not kept, as of a room, is pushed: in a hold only what is of the room in view."""
        return not self.admitted.quiet.holding or (room is not None and room == self.focused)

    def write(self, payload: bytes) -> None:
        """Send one frame."""
        if self.is_open:
            self.socket.write(payload)

    async def drained(self) -> None:
        """Wait with a large frame until the socket has taken what it was given, or does not for 10 s."""
        deadline = asyncio.get_running_loop().time() + _DRAIN_TIMEOUT_S
        while self.is_open and self.socket.congested:
            if asyncio.get_running_loop().time() > deadline:
                return
            await asyncio.sleep(_DRAIN_POLL_S)

    def refuse(self, code: str, detail: str, *, frame_id: str | None = None, retry_after_ms: int | None = None) -> None:
        """Send an `error` frame."""
        self.write(error_frame(code, detail, frame_id=frame_id, retry_after_ms=retry_after_ms))

    def close(self, code: int, reason: str) -> None:
        """End the session and close the socket."""
        self.apply(self.session.close(code, reason))

    def apply(self, effect: Effect | None) -> None:
        """Perform what concerns the socket alone."""
        match effect:
            case Answer(payload):
                self.socket.write(payload)
            case Close(code, reason):
                self.socket.close(code, reason)
            case Ping():
                self.socket.ping()

    @property
    def admitted(self) -> Member:
        """The member behind the connection; only after admission."""
        if self.member is None:
            raise RuntimeError("the connection has no user yet")
        return self.member
