"""Public holidays of the calendars that a profile may name, by the library `holidays`; nothing is written by hand."""

from collections.abc import Callable
from datetime import date
from functools import cache

import holidays

from kaftalk_runtime.logs import get_logger

HolidayDates = Callable[[str, int], frozenset[date]]

_log = get_logger(__name__)


@cache
def holiday_dates(calendar: str, year: int) -> frozenset[date]:
    """Give the days off of a country (ISO 3166) in a year; none for a year that the library does not know.

    Nation-wide days only: those of single provinces or states are left out. Days that a government moves later come
    with a newer library; a restart takes them up.
    """
    try:
        return frozenset(holidays.country_holidays(calendar, years=year))
    except NotImplementedError:
        _log.error("holiday_calendar_unknown", calendar=calendar)
        return frozenset()
