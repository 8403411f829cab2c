"""A WebSocket session as a state machine: frames, verdicts and ticks of the clock in, effects out. Pure.

opening ──hello──▶ admitting ──admitted──▶ open ──drain──▶ draining
   └──────────────────┴──────────────────────┴────────────────┴──▶ closed
"""

from collections import deque
from dataclasses import dataclass
from enum import StrEnum

from kaftalk_gateway.rates import Bucket, Rate
from kaftalk_protocol import server_frames
from kaftalk_protocol.client_frames import (
    AnyClientFrame,
    BadFrame,
    Delete,
    Edit,
    Hello,
    InvalidFrame,
    React,
    Send,
    parse,
)
from kaftalk_protocol.errors import CloseCode, Code

HELLO_TIMEOUT_S = 5.0
PING_EVERY_S = 25.0
PONG_TIMEOUT_S = 10.0
BACKLOG_FRAMES_MAX = 64
FLOOD_FRAMES_MAX = 50
OTHER_FRAMES = Rate(50, 200)
"""All frames but those that write to a room: far above what a client needs, far below what hurts."""


class State(StrEnum):
    """Where a session is."""

    OPENING = "opening"
    ADMITTING = "admitting"
    OPEN = "open"
    DRAINING = "draining"
    CLOSED = "closed"


class IllegalTransition(RuntimeError):
    """The caller asked for a step that the state does not allow: a bug here, never a client's doing."""

    def __init__(self, state: State, step: str) -> None:
        super().__init__(f"a session that is {state} cannot {step}")


@dataclass(frozen=True, slots=True)
class Admit:
    """Redeem the ticket, then call `admitted` or close."""

    hello: Hello


@dataclass(frozen=True, slots=True)
class Act:
    """Do what an open session asked for."""

    frame: AnyClientFrame


@dataclass(frozen=True, slots=True)
class Answer:
    """Write one frame."""

    payload: bytes


@dataclass(frozen=True, slots=True)
class TurnedAway(Answer):
    """Answer that a message must wait; nothing behind it may be written before it comes again."""

    frame: Send


@dataclass(frozen=True, slots=True)
class Close:
    """Close the socket."""

    code: int
    reason: str


@dataclass(frozen=True, slots=True)
class Ping:
    """Ask the peer for a sign of life."""


Effect = Admit | Act | Answer | Close | Ping


def error_frame(
    code: Code | str, detail: str, *, frame_id: str | None = None, retry_after_ms: int | None = None
) -> bytes:
    """Write an `error` frame."""
    return server_frames.Error(id=frame_id, code=str(code), detail=detail, retry_after_ms=retry_after_ms).encode()


class Session:
    """The life of one connection; times are monotonic seconds."""

    __slots__ = (
        "_backlog",
        "_bucket",
        "_floods",
        "_floods_at",
        "_limited_until",
        "_others",
        "_rate",
        "opened",
        "pinged",
        "state",
    )

    def __init__(self, now: float, sends: Rate) -> None:
        self.state = State.OPENING
        self.opened = now
        self.pinged = 0.0
        self._rate = sends
        self._bucket = Bucket()
        self._others = Bucket()
        self._backlog: deque[AnyClientFrame] | None = None
        self._limited_until = 0.0
        self._floods = 0.0
        self._floods_at = now

    def receive(self, text: str, now: float) -> Effect | None:
        """Take a text message of the peer."""
        if self.state is State.CLOSED:
            return None
        try:
            frame = parse(text)
        except BadFrame as error:
            return self._close(CloseCode.BAD_FRAME, str(error))
        except InvalidFrame as error:
            if self.state is State.OPENING:
                return self._close(CloseCode.BAD_FRAME, "the first frame must be a right hello")
            return self._limited(now, error.frame_id) or Answer(
                error_frame(Code.INVALID, error.detail, frame_id=error.frame_id)
            )
        return self._take(frame, now)

    def admitted(self) -> None:
        """Note that the ticket was good: what comes now is acted on.

        Raises IllegalTransition.
        """
        if self.state is not State.ADMITTING:
            raise IllegalTransition(self.state, "be admitted")
        self.state = State.OPEN

    def next_waiting(self, now: float) -> Effect | None:
        """Give the effect of the next frame that came while the ticket was looked at; None when there is none."""
        while self._backlog and self.state is not State.CLOSED:
            effect = self._act(self._backlog.popleft(), now)
            if effect is not None:
                return effect
        self._backlog = None
        return None

    def drain(self) -> None:
        """Note that the peer has been told to go.

        Raises IllegalTransition.
        """
        if self.state is not State.OPEN:
            raise IllegalTransition(self.state, "drain")
        self.state = State.DRAINING

    def tick(self, now: float, last_received: float) -> Effect | None:
        """See whether something is due: the hello, a ping, a pong that did not come."""
        if self.state in (State.OPENING, State.ADMITTING):
            if self.state is State.OPENING and now - self.opened >= HELLO_TIMEOUT_S:
                return self._close(CloseCode.NO_HELLO, "no hello in time")
            return None
        if self.state is State.CLOSED:
            return None
        if self.pinged > last_received and now - self.pinged >= PONG_TIMEOUT_S:
            return self._close(CloseCode.TOO_SLOW, "no pong in time")
        if now - max(self.pinged, self.opened) >= PING_EVERY_S:
            self.pinged = now
            return Ping()
        return None

    def due(self, last_received: float) -> float:
        """Tell when `tick` has something to do next."""
        if self.state is State.OPENING:
            return self.opened + HELLO_TIMEOUT_S
        if self.pinged > last_received:
            return self.pinged + PONG_TIMEOUT_S
        return max(self.pinged, self.opened) + PING_EVERY_S

    def close(self, code: int, reason: str) -> Close | None:
        """End the session for a reason of the gateway's; None if it has ended already."""
        return None if self.state is State.CLOSED else self._close(code, reason)

    def gone(self) -> None:
        """Note that the peer has closed."""
        self.state = State.CLOSED

    def _close(self, code: int, reason: str) -> Close:
        self.state = State.CLOSED
        self._backlog = None
        return Close(code, reason)

    def _take(self, frame: AnyClientFrame, now: float) -> Effect | None:
        if isinstance(frame, Hello):
            if self.state is not State.OPENING:
                return self._close(CloseCode.BAD_FRAME, "a second hello")
            self.state = State.ADMITTING
            return Admit(frame)
        if self.state is State.OPENING:
            return self._close(CloseCode.BAD_FRAME, "the first frame must be hello")
        if self.state is State.ADMITTING:
            return self._wait(frame)
        return self._act(frame, now)

    def _wait(self, frame: AnyClientFrame) -> Effect | None:
        if self._backlog is None:
            self._backlog = deque()
        if len(self._backlog) >= BACKLOG_FRAMES_MAX:
            return self._close(CloseCode.FLOODING, "too much before welcome")
        self._backlog.append(frame)
        return None

    def _act(self, frame: AnyClientFrame, now: float) -> Effect:
        frame_id = getattr(frame, "id", None)
        if not isinstance(frame, Send | Edit | Delete | React):
            return self._limited(now, frame_id) or Act(frame)
        wait_ms = self._bucket.take(self._rate, now)
        if not wait_ms:
            return Act(frame)
        refused = self._refuse(now, wait_ms, frame_id)
        if isinstance(frame, Send) and isinstance(refused, Answer):
            return TurnedAway(refused.payload, frame)
        return refused

    def _limited(self, now: float, frame_id: str | None) -> Effect | None:
        wait_ms = self._others.take(OTHER_FRAMES, now)
        return self._refuse(now, wait_ms, frame_id) if wait_ms else None

    def _refuse(self, now: float, wait_ms: int, frame_id: str | None) -> Effect:
        """Answer `rate_limited`; who goes on regardless is closed with 4504."""
        self._floods = max(0.0, self._floods - (now - self._floods_at))
        self._floods_at = now
        if now < self._limited_until:
            self._floods += 1
        self._limited_until = now + wait_ms / 1000
        if self._floods > FLOOD_FRAMES_MAX:
            return self._close(CloseCode.FLOODING, "sends on before retry_after_ms is over")
        return Answer(error_frame(Code.RATE_LIMITED, "too many frames", frame_id=frame_id, retry_after_ms=wait_ms))
