"""Public holidays come from the library, for the calendars that a profile may name."""

from datetime import date
from typing import get_args

import pytest

from kaftalk_dnd_batch.holidays_calendar import holiday_dates
from kaftalk_protocol.quiet_profile import HolidayCalendar


@pytest.mark.parametrize(
    ("calendar", "day"),
    [("KR", "2027-03-01"), ("JP", "2027-05-03"), ("CN", "2027-10-01"), ("US", "2027-07-04"), ("DE", "2027-10-03")],
)
def test_every_calendar_has_its_days(calendar: str, day: str) -> None:
    dates = holiday_dates(calendar, 2027)
    assert date.fromisoformat(day) in dates
    assert {found.year for found in dates} == {2027}


def test_every_calendar_of_a_profile_is_known() -> None:
    assert all(len(holiday_dates(calendar, 2026)) >= 9 for calendar in get_args(HolidayCalendar))


def test_what_nobody_knows_is_no_holiday() -> None:
    assert holiday_dates("KR", 2199) == frozenset()
    assert holiday_dates("XX", 2027) == frozenset()
