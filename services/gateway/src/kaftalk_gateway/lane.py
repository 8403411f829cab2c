"""One stream's sends in one room: each message stored once, in the sender's order. Pure.

The identity `(user, stream, n)` is the record's; here it decides what is written, what is only awaited, what is
known to be stored, and what must wait its turn behind a message that was refused for now.
"""

from enum import Enum, auto

from kaftalk_protocol.stream_window import StreamWindow

UNANSWERED_MAX = 32
AHEAD_MAX = 63
_ANSWERED_KEPT = 128


class Offer(Enum):
    """What becomes of a message that a client sends."""

    WRITE = auto()
    """It is new here: write it."""
    AWAIT = auto()
    """It is being written: answer with its answer."""
    STORED = auto()
    """It is stored: answer `dup`."""
    TOO_FAR = auto()
    """It runs too far ahead of the oldest unanswered."""
    FULL = auto()
    """Too many are unanswered."""
    OUT_OF_TURN = auto()
    """One before it was refused for now and has not come again: written now it would stand before it."""


class Lane:
    """What is known of one stream in one room at this gateway."""

    __slots__ = ("_answered", "_refused", "_unanswered", "window")

    def __init__(self) -> None:
        self.window: StreamWindow | None = None
        """What the room's view knew of the stream when this lane began; None until asked, or if nothing."""
        self._unanswered: set[int] = set()
        self._answered: dict[int, tuple[int, int] | None] = {}
        self._refused: set[int] = set()

    @property
    def unanswered(self) -> int:
        """How many messages are being written."""
        return len(self._unanswered)

    def offer(self, n: int) -> Offer:
        """Take message `n`; after WRITE call `answered`, `refused` or `given_up` once."""
        if n in self._unanswered:
            return Offer.AWAIT
        if n in self._answered or (self.window is not None and self.window.knows(n)):
            return Offer.STORED
        if self._unanswered and n > min(self._unanswered) + AHEAD_MAX:
            return Offer.TOO_FAR
        if self._is_out_of_turn(n):
            self.refused(n)
            return Offer.OUT_OF_TURN
        if len(self._unanswered) >= UNANSWERED_MAX:
            self.refused(n)
            return Offer.FULL
        self._unanswered.add(n)
        return Offer.WRITE

    def place(self, n: int) -> tuple[int, int] | None:
        """Give (epoch, seq) of a stored message if it is known."""
        return self._answered.get(n)

    def answered(self, n: int, place: tuple[int, int] | None) -> None:
        """Note that message `n` is stored."""
        self._unanswered.discard(n)
        self._answered[n] = place
        if len(self._answered) > _ANSWERED_KEPT:
            self._forget(next(iter(self._answered)))

    def refused(self, n: int) -> None:
        """Note that message `n` was refused for now: the client will send it again before anything new."""
        self._unanswered.discard(n)
        self._refused.add(n)
        if len(self._refused) > AHEAD_MAX + 1:
            self._refused.discard(max(self._refused))

    def turned_away(self, n: int) -> None:
        """Note that message `n` was refused for now before it was offered; one that is being written stays so."""
        if n not in self._unanswered and n not in self._answered:
            self.refused(n)

    def given_up(self, n: int) -> None:
        """Note that message `n` was refused for good; it leaves a gap."""
        self._unanswered.discard(n)

    def _is_out_of_turn(self, n: int) -> bool:
        """See whether `n` overtakes a refused message.

        A client resends in order, so one that sends a refused `n` again has resent or given up all before it.
        """
        if not self._refused:
            return False
        if n in self._refused:
            self._refused = {other for other in self._refused if other > n}
            return False
        return any(other < n for other in self._refused)

    def _forget(self, n: int) -> None:
        """Drop an old answer into the window, which knows it without its place."""
        del self._answered[n]
        if self.window is None:
            self.window = StreamWindow()
        if not self.window.knows(n):
            self.window.take(n, 0)
