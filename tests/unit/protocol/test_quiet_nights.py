"""What windows mean on the days on which clocks jump, and how spans of quiet join: the rules, one by one."""

from datetime import date
from typing import Any

import pytest

from kaftalk_protocol.instants import instant_ms, instant_text
from kaftalk_protocol.quiet_calendar import (
    HORIZON_DAYS,
    PreviewItem,
    QuietCalendar,
    QuietCalendars,
    Union,
    forget_zones,
)
from kaftalk_protocol.quiet_profile import DAYS, OrgQuiet, Profile
from kaftalk_protocol.quiet_records import Snooze

HOLIDAYS = {2027: frozenset({date(2027, 3, 17), date(2027, 12, 31)})}
CALENDARS = QuietCalendars(lambda _, year: HOLIDAYS.get(year, frozenset()))
HOUR_MS = 3_600_000
NIGHTS = {"days": DAYS, "start": "22:00", "end": "07:00"}
WEDNESDAY = "2027-03-17"
"""In UTC, a week with nothing special in it; the 14th is a Sunday."""


def window(days: str, start: str, end: str) -> dict[str, Any]:
    return {"days": days.split(), "start": start, "end": end}


def calendar(
    *windows: dict[str, Any],
    zone: str | None = "UTC",
    org: dict[str, Any] | None = None,
    snooze: tuple[str, str] | None = None,
    resume: str | None = None,
    **fields: Any,
) -> QuietCalendar:
    return CALENDARS.of(
        Profile.model_validate({"zone": zone, "windows": windows, **fields}),
        OrgQuiet.model_validate(org or {}),
        snooze=None if snooze is None else Snooze(from_ms=at(snooze[0]), until_ms=at(snooze[1])),
        resume_until_ms=None if resume is None else at(resume),
    )


def at(text: str) -> int:
    """Read `17 22:00` as a time in March 2027, UTC, and anything longer as it is."""
    return instant_ms(f"2027-03-{text.replace(' ', 'T')}:00Z" if len(text) == 8 else text)


def shown(union: Union | PreviewItem) -> str:
    start, end = instant_text(union.start_ms), instant_text(union.end_ms)
    return f"{start[8:10]} {start[11:16]} - {end[8:10]} {end[11:16]}"


def march(quiet: QuietCalendar, first: int = 14, days: int = 7) -> list[str]:
    return [shown(item) for item in quiet.preview(date(2027, 3, first), days)]


@pytest.mark.parametrize(
    ("zone", "day", "start", "end", "meant"),
    [
        ("America/New_York", "2027-03-13", "22:00", "07:00", "2027-03-14T03:00Z 8.0"),
        ("America/New_York", "2027-11-06", "22:00", "07:00", "2027-11-07T02:00Z 10.0"),
        ("America/New_York", "2027-03-14", "01:30", "02:30", "2027-03-14T06:30Z 0.5"),
        ("America/New_York", "2027-03-14", "02:30", "03:30", "2027-03-14T07:00Z 0.5"),
        ("America/New_York", "2027-03-14", "02:15", "02:45", None),
        ("America/New_York", "2027-11-07", "00:30", "01:30", "2027-11-07T04:30Z 2.0"),
        ("America/New_York", "2027-11-07", "01:30", "01:45", "2027-11-07T05:30Z 1.25"),
        ("America/New_York", "2027-03-14", "00:00", "24:00", "2027-03-14T05:00Z 23.0"),
        ("America/New_York", "2027-11-07", "12:00", "12:00", "2027-11-07T17:00Z 24.0"),
        ("Australia/Lord_Howe", "2027-04-03", "22:00", "07:00", "2027-04-03T11:00Z 9.5"),
        ("Australia/Lord_Howe", "2027-10-02", "22:00", "07:00", "2027-10-02T11:30Z 8.5"),
        ("Europe/Berlin", "2027-03-28", "02:30", "08:00", "2027-03-28T01:00Z 5.0"),
        ("Asia/Seoul", "2027-03-28", "22:00", "07:00", "2027-03-28T13:00Z 9.0"),
        ("Asia/Kathmandu", "2027-03-28", "22:00", "07:00", "2027-03-28T16:15Z 9.0"),
        ("Antarctica/Troll", "2027-03-27", "22:00", "07:00", "2027-03-27T22:00Z 7.0"),
        ("Pacific/Apia", "2011-12-29", "22:00", "07:00", "2011-12-30T08:00Z 2.0"),
    ],
)
def test_a_window_on_a_day_on_which_the_clock_jumps(
    zone: str, day: str, start: str, end: str, meant: str | None
) -> None:
    on = date.fromisoformat(day)
    items = calendar(window(DAYS[on.weekday()], start, end), zone=zone).preview(on, 1)
    spans = [f"{instant_text(item.start_ms)[:16]}Z {(item.end_ms - item.start_ms) / HOUR_MS}" for item in items]
    assert spans == ([] if meant is None else [meant])


def test_quiet_begins_with_its_first_millisecond_and_ends_before_its_last() -> None:
    quiet = calendar(NIGHTS)
    night = Union(at("17 22:00"), at("18 07:00"))
    assert quiet.union_at(night.start_ms - 1) is None
    assert quiet.union_at(night.start_ms) == quiet.union_at(night.end_ms - 1) == night
    assert quiet.union_at(night.end_ms) is None
    assert quiet.next_union(night.end_ms) == Union(at("18 22:00"), at("19 07:00"))
    assert [quiet.next_transition(at(now)) for now in ("17 21:59", "17 22:00", "18 07:00")] == [
        at("17 22:00"), at("18 07:00"), at("18 22:00"),
    ]  # fmt: skip


def test_a_window_over_midnight_belongs_to_the_day_it_starts_on() -> None:
    assert march(calendar(window("fri", "22:00", "07:00"))) == ["19 22:00 - 20 07:00"]
    assert march(calendar(window("sun", "22:00", "07:00"))) == ["14 22:00 - 15 07:00"]


def test_equal_start_and_end_mean_a_whole_day() -> None:
    assert march(calendar(window("tue", "09:00", "09:00"))) == ["16 09:00 - 17 09:00"]


def test_what_touches_or_overlaps_is_released_once() -> None:
    touching = calendar(window("mon", "22:00", "24:00"), window("tue", "00:00", "07:00"))
    assert march(touching) == ["15 22:00 - 16 07:00"]
    overlapping = calendar(window("mon", "20:00", "23:00"), window("mon", "22:00", "07:00"))
    assert march(overlapping) == ["15 20:00 - 16 07:00"]
    work = calendar(window("mon tue wed thu fri", "19:00", "09:00"), window("sat sun", "09:00", "09:00"))
    assert march(work, first=18, days=4)[-1] == "19 19:00 - 22 09:00"


def test_holidays_and_quiet_dates_are_quiet_all_day_in_their_zone() -> None:
    quiet = calendar(
        zone="Asia/Seoul", holidays="KR", exceptions=[{"date": "2027-03-19", "kind": "quiet"}]
    )  # fmt: skip
    assert march(quiet) == ["16 15:00 - 17 15:00", "18 15:00 - 19 15:00"]
    assert [item.sources for item in quiet.preview(date(2027, 3, 14), 7)] == [("holiday",), ("exception",)]
    assert march(calendar(zone="Asia/Seoul")) == []


def test_holidays_count_over_the_turn_of_the_year() -> None:
    quiet = calendar(holidays="KR")
    assert quiet.next_union(instant_ms("2027-12-30T00:00:00Z")) == Union(
        instant_ms("2027-12-31T00:00:00Z"), instant_ms("2028-01-01T00:00:00Z")
    )


def test_a_date_without_quiet_is_cut_out_of_everything() -> None:
    free = [{"date": WEDNESDAY, "kind": "no_quiet"}]
    assert march(calendar(NIGHTS, exceptions=free), first=16, days=3) == [
        "16 22:00 - 17 00:00", "18 00:00 - 18 07:00", "18 22:00 - 19 07:00",
    ]  # fmt: skip
    snoozed = calendar(exceptions=free, snooze=("16 12:00", "18 12:00"))
    assert march(snoozed) == ["16 12:00 - 17 00:00", "18 00:00 - 18 12:00"]
    away = {"from": "2027-03-16T12:00:00Z", "to": "2027-03-18T12:00:00Z"}
    assert march(calendar(exceptions=free, away=away)) == march(snoozed)


def test_being_away_joins_the_nights_it_meets() -> None:
    away = {"from": "2027-03-17T06:00:00Z", "to": "2027-03-17T12:00:00+09:00"}
    with pytest.raises(ValueError, match="to must come after from"):
        calendar(away=away)
    away = {"from": "2027-03-17T06:00:00Z", "to": "2027-03-19T23:00:00Z"}
    (first, *_) = calendar(NIGHTS, away=away).preview(date(2027, 3, 16), 3)
    assert shown(first) == "16 22:00 - 20 07:00"
    assert first.sources == ("window", "away")


@pytest.mark.parametrize(
    ("snooze", "unions"),
    [
        (("17 12:00", "17 13:00"), ["17 12:00 - 17 13:00", "17 22:00 - 18 07:00"]),
        (("17 20:00", "17 22:00"), ["17 20:00 - 18 07:00"]),
        (("17 23:00", "18 06:00"), ["17 22:00 - 18 07:00"]),
        (("18 06:00", "18 08:30"), ["17 22:00 - 18 08:30"]),
        (("17 20:00", "18 23:00"), ["17 20:00 - 19 07:00"]),
        (("17 13:00", "17 13:00"), ["17 22:00 - 18 07:00"]),
    ],
)
def test_a_snooze_stands_alone_or_joins_the_windows_it_meets(snooze: tuple[str, str], unions: list[str]) -> None:
    quiet = calendar(NIGHTS, snooze=snooze)
    assert march(quiet, first=17, days=1) == unions
    for text in unions:
        start, end = (at(text[:8]), at(text[11:]))
        for moment in (start, (start + end) // 2, end - 1):
            assert quiet.union_at(moment) == Union(start, end)


def test_a_snooze_holds_without_any_profile() -> None:
    quiet = CALENDARS.of(None, OrgQuiet(), snooze=Snooze(from_ms=1_000, until_ms=2_001))
    assert quiet.next_union(0) == Union(1_000, 2_001)
    assert quiet.next_union(2_001) is None
    assert quiet.next_transition(2_001) is None


def test_ending_a_snooze_keeps_the_window_that_is_on() -> None:
    assert calendar(NIGHTS).union_at(at("18 06:30")) == Union(at("17 22:00"), at("18 07:00"))


def test_resume_now_ends_the_union_and_the_same_window_does_not_come_back() -> None:
    quiet = calendar(NIGHTS, resume="18 07:00")
    assert quiet.union_at(at("18 03:00")) is None
    assert quiet.next_union(at("18 03:00")) == Union(at("18 22:00"), at("19 07:00"))
    longer = calendar(window("wed", "22:00", "09:00"), resume="18 07:00")
    assert longer.next_union(at("18 03:00")) == Union(at("18 07:00"), at("18 09:00"))


def test_the_preview_shows_whole_what_begins_in_its_days() -> None:
    quiet = calendar(NIGHTS, zone="Asia/Seoul")
    assert march(quiet, first=17, days=2) == ["17 13:00 - 17 22:00", "18 13:00 - 18 22:00"]
    assert march(quiet, first=17, days=0) == []
    assert quiet.date_at(at("16 15:00")) == date(2027, 3, 17)
    for first, days in ((date(1999, 12, 31), 1), (date(2199, 12, 31), 1)):
        with pytest.raises(ValueError, match="must be in the years"):
            quiet.preview(first, days)


def test_the_organisation_speaks_for_who_said_nothing_and_its_minimum_for_all() -> None:
    org = OrgQuiet.model_validate(
        {"zone": "Asia/Seoul", "windows": [NIGHTS], "minimum": [window("wed", "12:00", "13:00")]}
    )
    theirs = CALENDARS.of(None, org)
    assert theirs.zone == "Asia/Seoul"
    assert march(theirs, first=17, days=1) == ["17 03:00 - 17 04:00", "17 13:00 - 17 22:00"]
    own = CALENDARS.of(Profile.model_validate({"zone": "UTC", "windows": []}), org)
    assert [(shown(item), item.sources) for item in own.preview(date(2027, 3, 14), 7)] == [
        ("17 12:00 - 17 13:00", ("minimum",))
    ]


def test_a_missing_or_forgotten_zone_falls_back_and_never_fails() -> None:
    assert calendar(zone=None, org={"zone": "Asia/Seoul"}).zone == "Asia/Seoul"
    assert calendar(zone=None).zone == "UTC"
    forgotten = Profile.model_validate({"zone": "UTC", "windows": []}).model_copy(update={"zone": "Mars/Base"})
    assert CALENDARS.of(forgotten, OrgQuiet()).zone == "UTC"


def test_quiet_without_an_end_is_given_up_to_the_horizon() -> None:
    always = calendar(window(" ".join(DAYS), "00:00", "24:00"), snooze=("17 12:00", "17 13:00"))
    for now in (at("17 12:00"), at("18 12:00")):
        union = always.union_at(now)
        assert union is not None
        assert min(now - union.start_ms, union.end_ms - now) >= (HORIZON_DAYS - 1) * 24 * HOUR_MS
    assert march(always) == []


def test_what_comes_later_than_the_horizon_is_not_looked_for() -> None:
    far = calendar(exceptions=[{"date": "2029-01-01", "kind": "quiet"}])
    assert far.next_union(at("17 12:00")) is None
    assert far.next_union(instant_ms("2028-12-01T00:00:00Z")) is not None


def test_a_long_absence_is_one_union_from_its_first_day_to_its_last() -> None:
    away = {"from": "2027-03-01T12:00:00Z", "to": "2028-02-29T12:00:00Z"}
    union = calendar(NIGHTS, away=away).union_at(instant_ms("2027-09-01T12:00:00Z"))
    assert union == Union(instant_ms("2027-03-01T12:00:00Z"), instant_ms("2028-02-29T12:00:00Z"))


def test_the_zone_database_can_be_read_anew() -> None:
    before = calendar(NIGHTS, zone="Europe/Dublin").next_union(at("17 12:00"))
    forget_zones()
    anew = QuietCalendars(lambda *_: frozenset())
    profile = Profile.model_validate({"zone": "Europe/Dublin", "windows": [NIGHTS]})
    assert anew.of(profile, OrgQuiet()).next_union(at("17 12:00")) == before
