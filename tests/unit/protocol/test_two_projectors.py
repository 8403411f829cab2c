"""Property (i): two projectors and a writer that projects by itself, in any interleaving, give the fold of the log.

The view is moved only by compare-and-set, as by the Lua script: a change that was computed from another
`applied_seq` is refused, and the caller loads again.
"""

from dataclasses import dataclass, field
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from kaftalk_protocol.records import AnyRecord
from kaftalk_protocol.room_state import Reason, RoomState
from kaftalk_testing.room_logs import OPENINGS, RECORDS, ROOM, START_MS

PROJECTORS = st.integers(0, 1)


@dataclass
class Change:
    """What one batch does to a view: it adds to lists, so that applying it twice shows."""

    expected: int
    state: dict[str, Any]
    shown: list[int]
    voids: dict[int, Reason]


@dataclass
class View:
    """A room's view, and the only way to move it."""

    state: dict[str, Any] = field(default_factory=lambda: RoomState(ROOM).to_json())
    shown: list[int] = field(default_factory=list)
    voids: dict[int, Reason] = field(default_factory=dict)

    def compare_and_apply(self, change: Change) -> bool:
        if self.state["applied_seq"] != change.expected:
            return False
        self.state = change.state
        self.shown += change.shown
        self.voids |= change.voids
        return True


def fold(start: RoomState, log: list[AnyRecord], to: int) -> tuple[RoomState, Change]:
    expected, shown, voids = start.applied_seq, [], {}
    for seq in range(expected + 1, to + 1):
        verdict = start.apply(seq, START_MS + seq, log[seq])
        if verdict.reason is None:
            shown.append(seq)
        else:
            voids[seq] = verdict.reason
    return start, Change(expected, start.to_json(), shown, voids)


class Projections(RuleBasedStateMachine):
    """Owners fold in memory and write later; a rebalance makes two of them; the writer does not wait."""

    def __init__(self) -> None:
        super().__init__()
        self.log: list[AnyRecord] = []
        self.view = View()
        self.owners: list[RoomState | None] = [None, None]
        self.pending: list[list[Change]] = [[], []]

    @initialize(opening=OPENINGS)
    def create(self, opening: AnyRecord) -> None:
        self.log.append(opening)

    @rule(records=st.lists(RECORDS, min_size=1, max_size=4))
    def append(self, records: list[AnyRecord]) -> None:
        self.log += records

    @rule(who=PROJECTORS, count=st.integers(1, 5))
    def fold_a_batch(self, who: int, count: int) -> None:
        state = self.owners[who] or RoomState.from_json(self.view.state)
        to = min(state.applied_seq + count, len(self.log) - 1)
        self.owners[who], change = fold(state, self.log, to)
        self.pending[who].append(change)

    @rule(who=PROJECTORS)
    def write_the_oldest_change(self, who: int) -> None:
        if self.pending[who] and not self.view.compare_and_apply(self.pending[who].pop(0)):
            self.owners[who], self.pending[who] = None, []

    @rule(who=PROJECTORS)
    def crash(self, who: int) -> None:
        self.owners[who], self.pending[who] = None, []

    @rule(record=RECORDS)
    def append_and_project_by_oneself(self, record: AnyRecord) -> None:
        self.log.append(record)
        seq = len(self.log) - 1
        _, change = fold(RoomState.from_json(self.view.state), self.log, seq)
        assert self.view.compare_and_apply(change)

    @invariant()
    def the_view_is_the_fold_of_the_log(self) -> None:
        applied = self.view.state["applied_seq"]
        state, change = fold(RoomState(ROOM), self.log, applied)
        assert RoomState.from_json(self.view.state) == state
        assert (self.view.shown, self.view.voids) == (change.shown, change.voids)


TestProjections = Projections.TestCase
TestProjections.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


def test_a_change_is_applied_once() -> None:
    view = View()
    change = Change(-1, view.state | {"applied_seq": 0}, [0], {})
    assert [view.compare_and_apply(change), view.compare_and_apply(change)] == [True, False]
    assert view.shown == [0]
