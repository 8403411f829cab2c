"""Random quiet hours for Hypothesis: around the days on which clocks jump, at the times at which they do."""

from datetime import date, datetime, timedelta
from functools import cache
from typing import Any

from hypothesis import strategies as st
from whenever import PlainDateTime

from kaftalk_protocol.instants import instant_text
from kaftalk_protocol.quiet_profile import DAYS, OrgQuiet, Profile
from kaftalk_protocol.quiet_records import Snooze
from kaftalk_testing.quiet_twin import Situation

ZONES = (
    "Asia/Seoul", "America/New_York", "Australia/Lord_Howe", "Europe/Dublin", "Pacific/Apia", "Africa/Casablanca",
    "Asia/Kathmandu", "Antarctica/Troll",
)  # fmt: skip
FIRST, LAST = date(2009, 1, 1), date(2040, 1, 1)
_DAY_MS = 24 * 3600 * 1000
_TIMES = ("00:00", "00:30", "01:00", "01:30", "02:00", "02:15", "02:30", "02:45", "03:00", "07:00", "12:00", "22:00")


@cache
def jumps(zone: str) -> tuple[date, ...]:
    """Give the days on which the clock of a zone jumps (which it does at any time of the day)."""
    at = PlainDateTime(datetime(FIRST.year, 1, 1)).assume_tz(zone, disambiguation="earlier")
    found: list[date] = []
    while (after := at.next_transition()) is not None and after.year < LAST.year:
        found.append(after.date().to_stdlib())
        at = after
    return tuple(found)


def clock() -> st.SearchStrategy[str]:
    """A wall-clock time, often one of interest."""
    anywhere = st.integers(0, 1439).map(lambda minute: f"{minute // 60:02}:{minute % 60:02}")
    return st.sampled_from(_TIMES) | anywhere


def windows(most: int) -> st.SearchStrategy[list[dict[str, Any]]]:
    """Some windows."""
    days = st.lists(st.sampled_from(DAYS), min_size=1, max_size=7, unique=True) | st.just(list(DAYS))
    window = st.fixed_dictionaries({"days": days, "start": clock(), "end": clock() | st.just("24:00")})
    return st.lists(window, max_size=most)


@st.composite
def middles(draw: st.DrawFn, zone: str) -> date:
    """A date, mostly within two days of a jump of the clock."""
    near = st.sampled_from(jumps(zone) or (FIRST + timedelta(days=9),))
    return draw(near | st.dates(FIRST, LAST)) + timedelta(days=draw(st.integers(-2, 2)))


@st.composite
def situations(draw: st.DrawFn) -> tuple[Situation, date]:
    """Quiet hours in one of the zones, and the date around which they are interesting."""
    zone = draw(st.sampled_from(ZONES))
    middle = draw(middles(zone))
    middle_ms = int(datetime.fromisoformat(f"{middle}T00:00:00+00:00").timestamp()) * 1000
    dates = st.integers(-4, 6).map(lambda day: middle + timedelta(days=day))
    moments = st.integers(-4 * _DAY_MS, 6 * _DAY_MS).map(lambda ms: middle_ms + ms)
    kinds = st.dictionaries(dates, st.sampled_from(("quiet", "no_quiet")), max_size=3)
    away = draw(st.none() | st.tuples(moments, moments).map(sorted).filter(lambda span: span[0] < span[1]))
    snooze = draw(st.none() | st.tuples(moments, moments))
    given = {
        "zone": zone,
        "windows": draw(windows(4)),
        "holidays": draw(st.sampled_from((None, "KR"))),
        "exceptions": [{"date": str(day), "kind": kind} for day, kind in draw(kinds).items()],
        "away": away and {"from": instant_text(away[0]), "to": instant_text(away[1])},
    }
    situation = Situation(
        profile=Profile.model_validate(given),
        org=OrgQuiet.model_validate({"minimum": draw(windows(1))}),
        holidays=draw(st.frozensets(dates, max_size=2)),
        snooze=snooze and Snooze(from_ms=snooze[0], until_ms=snooze[1]),
        resume_until_ms=draw(st.none() | moments),
    )
    return situation, middle
