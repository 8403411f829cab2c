"""What a gateway knows of one member's quiet hours, and what it tells her when. Pure; times are Unix ms."""

from typing import NamedTuple

from kaftalk_protocol.ids import RoomId
from kaftalk_protocol.quiet_state import HoldPlan, QuietState
from kaftalk_protocol.server_frames import HeldCount, Quiet

ARM_AHEAD_MS = 5_000
"""A hold is armed ahead: the broker's clock may run before this gateway's, and many begin at the same minute."""
BEGUN_AFTER_MS = 300
"""`active` is told late: this gateway's clock may run before the broker's, whose time decides."""
OVERDUE_MS = 3_000
_SOON_MS = 2_000


class Told(NamedTuple):
    """The content of a `quiet` frame."""

    active: bool
    until: int | None
    next_start: int | None

    def encode(self) -> bytes:
        """Write the frame."""
        return Quiet(active=self.active, until=self.until, next_start=self.next_start).encode()


NOTHING = Told(False, None, None)


class MemberQuiet:
    """One member's quiet hours here.

    `known` is False while nobody could tell. `armed` is the plan whose start her rooms watch for or have met: that
    part of `state` which this gateway has carried out. `counts` is what she was told to be held, by room.
    """

    __slots__ = ("armed", "changes", "counts", "known", "scheduled_ms", "state", "told")

    def __init__(self) -> None:
        self.state: QuietState | None = None
        self.known = False
        self.changes = 0
        self.armed: HoldPlan | None = None
        self.scheduled_ms: int | None = None
        self.told = NOTHING
        self.counts: dict[RoomId, HeldCount] = {}

    @property
    def active(self) -> bool:
        """Tell whether she has been told that quiet hours are on."""
        return self.told.active

    @property
    def holding(self) -> bool:
        """Tell whether quiet hours are on that hold what comes."""
        return self.told.active and self.armed is not None

    @property
    def hold_ms(self) -> int | None:
        """When the hold began, or is about to begin, that her rooms watch for; None if nothing is held."""
        return self.armed.start_ms if self.armed is not None else None

    @property
    def plan(self) -> HoldPlan | None:
        """The present or next hold that holds what comes."""
        hold = self.state.hold if self.state is not None else None
        return hold if hold is not None and hold.deliver == "hold" else None

    def take(self, state: QuietState | None) -> bool:
        """Take what is known by now; False if it is older than what was known before."""
        if state is not None and self.state is not None and state.version < self.state.version:
            return False
        self.changes += 1
        self.known = True
        self.state = state
        return True

    def open(self, now_ms: int) -> None:
        """Settle what is told to one who has just come, whatever she knew."""
        self.told = self._as_of(now_ms)
        if not self.told.active:
            self.counts.clear()

    def is_to_end(self) -> bool:
        """Tell whether what is armed is no longer meant."""
        return self.armed is not None and (self.plan is None or self.plan.release_id != self.armed.release_id)

    def is_to_arm(self, now_ms: int) -> bool:
        """Tell whether the hold begins so soon that the rooms must watch for it."""
        plan = self.plan
        return plan is not None and self.armed is None and now_ms >= plan.start_ms - ARM_AHEAD_MS

    def is_overdue(self, now_ms: int) -> bool:
        """Tell whether the hold should have been ended some time ago."""
        hold = self.state.hold if self.state is not None else None
        return hold is not None and now_ms >= hold.end_ms + OVERDUE_MS

    def tell(self, now_ms: int) -> Told | None:
        """Give what she is to be told now; None if she knows. What begins at once is told once it has."""
        told = self._as_of(now_ms)
        begins_soon = not told.active and told.next_start is not None and told.next_start - now_ms <= _SOON_MS
        if told == self.told or (begins_soon and not self.told.active):
            return None
        self.told = told
        return told

    def due_ms(self, now_ms: int) -> int | None:
        """Give when something is to be done next."""
        hold = self.state.hold if self.state is not None else None
        if hold is None:
            return None
        if self.plan is not None and self.armed is None:
            return hold.start_ms - ARM_AHEAD_MS
        return None if now_ms >= hold.start_ms + BEGUN_AFTER_MS else hold.start_ms + BEGUN_AFTER_MS

    def _as_of(self, now_ms: int) -> Told:
        if self.state is None or self.state.hold is None:
            return NOTHING if self.state is None else Told(False, None, self.state.next_start_ms)
        hold = self.state.hold
        if now_ms >= hold.start_ms + BEGUN_AFTER_MS:
            return Told(True, hold.end_ms, self.state.next_start_ms)
        return Told(False, None, hold.start_ms)
