"""What a member is told of her quiet hours, and when something is due."""

from kaftalk_gateway.quiet_member import ARM_AHEAD_MS, BEGUN_AFTER_MS, OVERDUE_MS, MemberQuiet, Told
from kaftalk_protocol.ids import UserId
from kaftalk_protocol.quiet_profile import Deliver
from kaftalk_protocol.quiet_state import HoldPlan, QuietState

S, E = 1_000_000_000, 2_000_000_000


def _state(version: int = 1, *, deliver: Deliver = "hold", start: int = S, end: int = E) -> QuietState:
    hold = HoldPlan(start_ms=start, end_ms=end, release_id=str(start), deliver=deliver)
    return QuietState(user=UserId("u"), version=version, hold=hold, next_start_ms=3 * S)


def test_the_rooms_are_armed_ahead_and_active_is_told_once_it_has_begun() -> None:
    quiet = MemberQuiet()
    assert quiet.take(_state())
    now = S - 60_000
    assert quiet.tell(now) == Told(False, None, S)
    assert quiet.due_ms(now) == S - ARM_AHEAD_MS
    assert not quiet.is_to_arm(S - ARM_AHEAD_MS - 1)
    assert quiet.is_to_arm(S - ARM_AHEAD_MS)
    quiet.armed = quiet.plan
    assert quiet.due_ms(S - ARM_AHEAD_MS) == S + BEGUN_AFTER_MS
    assert quiet.tell(S + BEGUN_AFTER_MS - 1) is None
    assert quiet.tell(S + BEGUN_AFTER_MS) == Told(True, E, 3 * S)
    assert quiet.holding
    assert quiet.due_ms(S + BEGUN_AFTER_MS) is None


def test_what_begins_at_once_is_told_once_it_has_begun() -> None:
    quiet = MemberQuiet()
    quiet.take(_state())
    assert quiet.tell(S - 900) is None
    assert quiet.tell(S + BEGUN_AFTER_MS) == Told(True, E, 3 * S)


def test_silent_hours_are_told_and_hold_nothing() -> None:
    quiet = MemberQuiet()
    quiet.take(_state(deliver="silent"))
    assert not quiet.is_to_arm(S)
    assert quiet.tell(S + BEGUN_AFTER_MS) == Told(True, E, 3 * S)
    assert quiet.active
    assert not quiet.holding


def test_another_end_of_the_same_hold_only_changes_what_is_told() -> None:
    quiet = MemberQuiet()
    quiet.take(_state())
    quiet.armed = quiet.plan
    quiet.tell(S + BEGUN_AFTER_MS)
    quiet.take(_state(2, end=E + 5))
    assert not quiet.is_to_end()
    assert quiet.tell(S + 1_000) == Told(True, E + 5, 3 * S)


def test_another_hold_or_none_ends_the_one_that_is_on() -> None:
    for after in (_state(2, start=S + 7), _state(2, deliver="silent"), QuietState(user=UserId("u"), version=2)):
        quiet = MemberQuiet()
        quiet.take(_state())
        quiet.armed = quiet.plan
        quiet.take(after)
        assert quiet.is_to_end()


def test_older_news_are_ignored() -> None:
    quiet = MemberQuiet()
    assert quiet.take(_state(5))
    assert not quiet.take(QuietState(user=UserId("u"), version=4))
    assert quiet.plan is not None


def test_only_an_end_long_past_is_overdue() -> None:
    quiet = MemberQuiet()
    quiet.take(_state())
    assert not quiet.is_overdue(E + OVERDUE_MS - 1)
    assert quiet.is_overdue(E + OVERDUE_MS)
