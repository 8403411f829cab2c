"""When a user is quiet: pure, from what she and her organisation said, a snooze, and "resume now".

Quiet(t) = ((windows ∪ holidays ∪ quiet dates ∪ away ∪ snooze) minus the dates without quiet) and t ≥ resume_until.
All instants are Unix ms; spans are half-open. No clock and no I/O; holidays are given by a function.
"""

from datetime import date
from functools import lru_cache
from typing import NamedTuple, get_args

from kaftalk_protocol.instants import YEAR_MAX, YEAR_MIN
from kaftalk_protocol.quiet_profile import OrgQuiet, Profile, zones
from kaftalk_protocol.quiet_records import Snooze
from kaftalk_protocol.quiet_schedule import HORIZON_DAYS, Holidays, Part, Rules, Schedule, Source, Union
from kaftalk_protocol.quiet_wall import date_at, forget_zones

SERVER_ZONE = "UTC"
_SCHEDULES_MAX = 1 << 14
_ORDER: tuple[Source, ...] = get_args(Source)


class PreviewItem(NamedTuple):
    """A union, and what asks for it."""

    start_ms: int
    end_ms: int
    sources: tuple[Source, ...]


class QuietCalendar:
    """The unions of one user; immutable, made by `QuietCalendars.of`.

    Unions neither overlap nor touch, so the one after `union` is `next_union(union.end_ms)`. A union that goes on
    for more than `HORIZON_DAYS` to one side is given up to there: that end moves on as time does.
    """

    __slots__ = ("_resume_ms", "_schedule", "_snooze", "_snoozed")

    def __init__(self, schedule: Schedule, snooze: Snooze | None, resume_until_ms: int | None) -> None:
        self._schedule = schedule
        self._snooze = snooze if snooze is not None and snooze.from_ms < snooze.until_ms else None
        self._snoozed: list[Union] | None = None if self._snooze else []
        self._resume_ms = resume_until_ms or 0

    @property
    def zone(self) -> str:
        """The IANA zone by whose clock it goes."""
        return self._schedule.zone

    def date_at(self, ms: int) -> date:
        """Give the date at an instant, in the zone."""
        return date_at(self.zone, ms)

    def union_at(self, ms: int) -> Union | None:
        """Give the union that contains an instant."""
        union = self.next_union(ms)
        return union if union is not None and union.start_ms <= ms else None

    def next_union(self, after_ms: int) -> Union | None:
        """Give the first union that ends after `after_ms`: the one that contains it, else the next.

        None if there is none within `HORIZON_DAYS`.
        """
        union = self._next(max(after_ms, self._resume_ms))
        if union is not None and union.start_ms < self._resume_ms:
            return Union(self._resume_ms, union.end_ms)
        return union

    def next_transition(self, now_ms: int) -> int | None:
        """Give the first instant after `now_ms` at which quiet begins or ends."""
        union = self.next_union(now_ms)
        if union is None:
            return None
        return union.start_ms if union.start_ms > now_ms else union.end_ms

    def preview(self, first: date, days: int) -> list[PreviewItem]:
        """Give the unions that begin in `days` dates of the zone from `first` on, whole, with what asks for them.

        Raises ValueError if the dates leave the years 2000 to 2199.
        """
        if not (first.year >= YEAR_MIN and first.toordinal() + days <= date(YEAR_MAX, 12, 31).toordinal()):
            raise ValueError(f"must be in the years {YEAR_MIN} to {YEAR_MAX}")
        at_ms, until_ms = (self._schedule.midnight(first.toordinal() + day) for day in (0, days))
        since_ms, items = at_ms, []
        while at_ms < until_ms and (union := self.next_union(at_ms)) is not None and union.start_ms < until_ms:
            if union.start_ms >= since_ms:
                items.append(PreviewItem(*union, self._sources(union)))
            at_ms = union.end_ms
        return items

    def _next(self, after_ms: int) -> Union | None:
        """As `next_union`, before "resume now"."""
        union = self._schedule.next_union(after_ms)
        for snoozed in self._snoozes():
            if snoozed.end_ms > after_ms:
                return snoozed if union is None or snoozed.start_ms <= union.start_ms else union
        return union

    def _snoozes(self) -> list[Union]:
        """Give the unions that a snooze is in, ascending; a date without quiet parts them."""
        if self._snoozed is None and self._snooze is not None:
            pieces = self._schedule.cut([Union(self._snooze.from_ms, self._snooze.until_ms)])
            self._snoozed = [self._grown(piece) for piece in pieces]
        return self._snoozed or []

    def _grown(self, piece: Union) -> Union:
        start_ms, end_ms = piece
        left = self._schedule.next_union(start_ms - 1)
        if left is not None and left.start_ms < start_ms:
            start_ms, end_ms = left.start_ms, max(end_ms, left.end_ms)
        # At most one: unions of a schedule do not touch, but for one without an end, which is cut and goes on.
        right = self._schedule.next_union(end_ms)
        if right is not None and right.start_ms <= end_ms:
            end_ms = right.end_ms
        return Union(start_ms, end_ms)

    def _sources(self, union: Union) -> tuple[Source, ...]:
        first, last = (date_at(self.zone, ms).toordinal() for ms in union)
        parts = self._schedule.parts(first - 2, last)
        if self._snooze is not None:
            parts.append(Part(self._snooze.from_ms, self._snooze.until_ms, "snooze"))
        found = {
            part.source
            for part in parts
            if part.start_ms < part.end_ms and part.start_ms < union.end_ms and part.end_ms > union.start_ms
        }
        return tuple(source for source in _ORDER if source in found)


class QuietCalendars:
    """Makes calendars; equal profiles share what was worked out.

    `holidays` gives the dates of a calendar in a year, and is asked once for each. `server_zone` is for who has no
    zone, and whose organisation has none. Make a new one when the holidays or the zone database change
    (`forget_zones` first).
    """

    def __init__(self, holidays: Holidays, *, server_zone: str = SERVER_ZONE) -> None:
        self._holidays: Holidays = lru_cache(maxsize=512)(holidays)
        self._server_zone = server_zone
        self._schedules: dict[Rules, Schedule] = {}

    def of(
        self,
        profile: Profile | None,
        org: OrgQuiet,
        *,
        snooze: Snooze | None = None,
        resume_until_ms: int | None = None,
    ) -> QuietCalendar:
        """Give the calendar of a user; without a profile of her own the organisation's holds, `minimum` always."""
        own = org if profile is None else profile
        zone = self.zone_of(profile, org)
        rules = Rules(zone, own.windows, org.minimum, own.holidays, own.exceptions, own.away)
        return QuietCalendar(self._schedule(rules), snooze, resume_until_ms)

    def zone_of(self, profile: Profile | None, org: OrgQuiet) -> str:
        """Give the zone that holds: her own, else the organisation's, else the server's; unknown ones are passed by."""
        for zone in (profile.zone if profile is not None else None, org.zone):
            if zone is not None and zone in zones():
                return zone
        return self._server_zone

    def _schedule(self, rules: Rules) -> Schedule:
        schedule = self._schedules.get(rules)
        if schedule is None:
            if len(self._schedules) >= _SCHEDULES_MAX:
                self._schedules.clear()
            schedule = self._schedules[rules] = Schedule(rules, self._holidays)
        return schedule


__all__ = [
    "HORIZON_DAYS",
    "Holidays",
    "PreviewItem",
    "QuietCalendar",
    "QuietCalendars",
    "Source",
    "Union",
    "forget_zones",
]
