"""Quiet hours worked out a second time, by another library (`whenever`) and another way: point by point.

Slow and plain: it looks at every span between two instants at which anything may change.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Literal

from whenever import Instant, PlainDateTime

from kaftalk_protocol.quiet_profile import DAYS, OrgQuiet, Profile, Window
from kaftalk_protocol.quiet_records import Snooze

Span = tuple[int, int]
"""`(start_ms, end_ms)`, half-open."""


@dataclass(frozen=True)
class Situation:
    """All that decides when a user is quiet; the profile names a zone."""

    profile: Profile
    org: OrgQuiet = OrgQuiet()
    holidays: frozenset[date] = frozenset()
    snooze: Snooze | None = None
    resume_until_ms: int | None = None

    @property
    def zone(self) -> str:
        """The zone of the profile."""
        assert self.profile.zone is not None
        return self.profile.zone


def first_instant(zone: str, day: date, clock: str) -> int:
    """Give the instant at which a start is meant."""
    return _instant(zone, day, clock, "earlier")


def last_instant(zone: str, day: date, clock: str) -> int:
    """Give the instant at which an end is meant; "24:00" is known."""
    if clock == "24:00":
        day, clock = day + timedelta(days=1), "00:00"
    return _instant(zone, day, clock, "later")


def local_date(zone: str, ms: int) -> date:
    """Give the date on the clock of a zone."""
    return Instant.from_timestamp(ms, unit="millisecond").to_tz(zone).date().to_stdlib()


def quiet_spans(situation: Situation, first: date, last: date) -> list[Span]:
    """Give the spans of quiet between the midnights that begin two dates, clipped to them."""
    zone = situation.zone
    low, high = first_instant(zone, first, "00:00"), first_instant(zone, last, "00:00")
    parts = list(_parts(situation, first - timedelta(days=3), last + timedelta(days=3)))
    free = {exception.date for exception in situation.profile.exceptions if exception.kind == "no_quiet"}
    changes = {low, high, situation.resume_until_ms or 0}.union(*parts)
    for day in free:
        changes |= {first_instant(zone, day, "00:00"), first_instant(zone, day + timedelta(days=1), "00:00")}
    edges = sorted(change for change in changes if low <= change <= high)
    spans: list[Span] = []
    for start, end in zip(edges, edges[1:], strict=False):
        asked = any(part[0] <= start < part[1] for part in parts) and start >= (situation.resume_until_ms or 0)
        if not asked or local_date(zone, start) in free:
            continue
        touches = bool(spans) and spans[-1][1] == start
        spans[-1:] = [(spans[-1][0], end)] if touches else [*spans[-1:], (start, end)]
    return spans


def _parts(situation: Situation, first: date, last: date) -> Iterator[Span]:
    profile, zone = situation.profile, situation.zone
    whole_days = {exception.date for exception in profile.exceptions if exception.kind == "quiet"}
    if profile.holidays:
        whole_days |= situation.holidays
    for number in range((last - first).days + 1):
        day = first + timedelta(days=number)
        for window in (*profile.windows, *situation.org.minimum):
            if DAYS[day.weekday()] in window.days:
                yield _occurrence(zone, day, window)
        if day in whole_days:
            yield first_instant(zone, day, "00:00"), last_instant(zone, day, "24:00")
    if profile.away is not None:
        yield profile.away.from_, profile.away.to
    if situation.snooze is not None:
        yield situation.snooze.from_ms, situation.snooze.until_ms


def _occurrence(zone: str, day: date, window: Window) -> Span:
    ends_on = day if window.end > window.start else day + timedelta(days=1)
    return first_instant(zone, day, window.start), last_instant(zone, ends_on, window.end)


def _instant(zone: str, day: date, clock: str, which: Literal["earlier", "later"]) -> int:
    """Of a time that the clock skips, go on minute by minute to the first that it shows."""
    at = datetime.combine(day, time.fromisoformat(clock))
    while True:
        wall = PlainDateTime(at)
        shown = wall.assume_tz(zone, disambiguation=which)
        if shown.to_plain() == wall:
            return shown.timestamp(unit="millisecond")
        at += timedelta(minutes=1)
