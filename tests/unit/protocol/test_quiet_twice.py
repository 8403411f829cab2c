"""Quiet hours are worked out twice, in two ways by two libraries, and are the same."""

from datetime import date, timedelta

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from kaftalk_protocol.quiet_calendar import HORIZON_DAYS, QuietCalendar, QuietCalendars, Union
from kaftalk_protocol.quiet_profile import DAYS, OrgQuiet, Profile
from kaftalk_testing.quiet_situations import ZONES, clock, situations
from kaftalk_testing.quiet_twin import Situation, Span, first_instant, last_instant, local_date, quiet_spans

CASES = situations()
ENDLESS_MS = HORIZON_DAYS // 2 * 24 * 3_600_000


def calendar_of(situation: Situation) -> QuietCalendar:
    calendars = QuietCalendars(lambda _, year: frozenset(day for day in situation.holidays if day.year == year))
    return calendars.of(
        situation.profile, situation.org, snooze=situation.snooze, resume_until_ms=situation.resume_until_ms
    )


def spans_between(calendar: QuietCalendar, low: int, high: int) -> list[Span]:
    found = []
    union = calendar.next_union(low)
    while union is not None and union.start_ms < high:
        found.append((max(union.start_ms, low), min(union.end_ms, high)))
        union = calendar.next_union(union.end_ms) if union.end_ms < high else None
    return found


def is_endless(union: Union | None) -> bool:
    """Quiet without an end is cut at the horizon, and that moves on."""
    return union is not None and union.end_ms - union.start_ms > ENDLESS_MS


def agrees(case: tuple[Situation, date]) -> None:
    situation, middle = case
    first, last = middle - timedelta(days=5), middle + timedelta(days=8)
    low, high = (first_instant(situation.zone, day, "00:00") for day in (first, last))
    assert spans_between(calendar_of(situation), low, high) == quiet_spans(situation, first, last)


@settings(max_examples=150, deadline=None)
@given(CASES)
def test_both_ways_agree(case: tuple[Situation, date]) -> None:
    agrees(case)


@pytest.mark.slow
@pytest.mark.timeout(900)
@settings(max_examples=10_000, deadline=None)
@given(CASES)
def test_both_ways_agree_on_ten_thousand_schedules(case: tuple[Situation, date]) -> None:
    agrees(case)


@settings(max_examples=40, deadline=None)
@given(CASES)
def test_unions_never_overlap_or_touch(case: tuple[Situation, date]) -> None:
    situation, middle = case
    calendar, at = calendar_of(situation), first_instant(situation.zone, middle - timedelta(days=5), "00:00")
    before: Union | None = None
    for _ in range(30):
        union = calendar.next_union(at)
        if union is None:
            break
        assume(not is_endless(union))
        assert at < union.end_ms
        assert union.start_ms < union.end_ms
        assert before is None or before.end_ms < union.start_ms
        before, at = union, union.end_ms


@settings(max_examples=40, deadline=None)
@given(CASES, st.integers(-5 * 24 * 3_600_000, 8 * 24 * 3_600_000))
def test_transitions_go_forward_and_change_quiet_each_time(case: tuple[Situation, date], away_ms: int) -> None:
    situation, middle = case
    calendar = calendar_of(situation)
    now = first_instant(situation.zone, middle, "00:00") + away_ms
    for _ in range(10):
        assume(not is_endless(calendar.next_union(now)))
        was_quiet = calendar.union_at(now) is not None
        after = calendar.next_transition(now)
        if after is None:
            assert not was_quiet
            return
        assert after > now
        assert (calendar.union_at(after - 1) is not None) == was_quiet
        assert (calendar.union_at(after) is not None) != was_quiet
        now = after


@settings(max_examples=40, deadline=None)
@given(CASES, st.lists(st.integers(0, 14 * 24 * 3_600_000), max_size=20))
def test_the_preview_says_what_will_be(case: tuple[Situation, date], moments: list[int]) -> None:
    situation, middle = case
    calendar, zone = calendar_of(situation), situation.zone
    low = first_instant(zone, middle, "00:00")
    high = first_instant(zone, middle + timedelta(days=14), "00:00")
    items = calendar.preview(middle, 14)
    already = calendar.union_at(low - 1)
    assume(not any(is_endless(union) for union in (already, calendar.next_union(high))))
    for at in (moment + low for moment in moments if moment + low < high):
        shown = [item for item in items if item.start_ms <= at < item.end_ms]
        begun = already is not None and already.start_ms <= at < already.end_ms
        assert len(shown) + begun == (calendar.union_at(at) is not None)
    for item in items:
        assert low <= item.start_ms < high
        assert calendar.union_at(item.start_ms) == Union(item.start_ms, item.end_ms)
        assert item.sources


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(ZONES), clock(), clock(), st.dates(date(2024, 1, 1), date(2037, 1, 1)))
def test_a_night_is_one_union_from_its_first_start_to_its_last_end(
    zone: str, start: str, end: str, night: date
) -> None:
    day = DAYS[night.weekday()]
    profile = Profile.model_validate({"zone": zone, "windows": [{"days": [day], "start": start, "end": end}]})
    ends_on = night if end > start else night + timedelta(days=1)
    span = (first_instant(zone, night, start), last_instant(zone, ends_on, end))
    items = calendar_of(Situation(profile)).preview(local_date(zone, span[0]), 1)
    assert [(item.start_ms, item.end_ms) for item in items] == ([span] if span[0] < span[1] else [])


@given(st.dates(date(2020, 1, 1), date(2100, 1, 1)))
def test_a_night_in_seoul_always_has_nine_hours(night: date) -> None:
    profile = Profile.model_validate(
        {"zone": "Asia/Seoul", "windows": [{"days": DAYS, "start": "22:00", "end": "07:00"}]}
    )
    (item,) = QuietCalendars(lambda *_: frozenset()).of(profile, OrgQuiet()).preview(night, 1)
    assert item.end_ms - item.start_ms == 9 * 3_600_000
