"""When a profile is quiet, without the acts of the moment (snooze, resume): windows, dates, holidays, away.

Equal profiles share one `Schedule`, and so what it has worked out.
"""

from collections.abc import Callable, Iterable
from datetime import date
from typing import Literal, NamedTuple

from kaftalk_protocol.quiet_profile import DAYS, Away, DateException, HolidayCalendar, Window
from kaftalk_protocol.quiet_wall import DAY_MS, date_at, end_instant, start_instant

Source = Literal["window", "minimum", "holiday", "exception", "away", "snooze"]
Holidays = Callable[[HolidayCalendar, int], frozenset[date]]
"""The holidays of a calendar in a year."""

HORIZON_DAYS = 400
"""How far a union is followed to both sides: one that goes on for longer is given up to there."""

_BACK_DAYS, _AHEAD_DAYS = 3, 4
_KEPT_DAYS = 64


class Union(NamedTuple):
    """A span of quiet that is as long as it can be, half-open; two of them never overlap or touch."""

    start_ms: int
    end_ms: int


class Part(NamedTuple):
    """A span that one source asks for, before merging and cutting."""

    start_ms: int
    end_ms: int
    source: Source


class Rules(NamedTuple):
    """All that decides a `Schedule`; `zone` is a known one."""

    zone: str
    windows: tuple[Window, ...]
    minimum: tuple[Window, ...]
    holidays: HolidayCalendar | None
    exceptions: tuple[DateException, ...]
    away: Away | None


class Schedule:
    """The unions of some rules; remembers them by day."""

    def __init__(self, rules: Rules, holidays: Holidays) -> None:
        self.zone = rules.zone
        self._calendar = rules.holidays
        self._holidays = holidays
        self._away = [] if rules.away is None else [Part(rules.away.from_, rules.away.to, "away")]
        self._week = _by_weekday(rules)
        self._quiet = {exception.date for exception in rules.exceptions if exception.kind == "quiet"}
        no_quiet = (exception.date.toordinal() for exception in rules.exceptions if exception.kind == "no_quiet")
        self._cuts = [Union(self.midnight(day), self.midnight(day + 1)) for day in sorted(no_quiet)]
        self._is_empty = not (any(self._week) or self._quiet or self._away or self._calendar)
        self._known: dict[int, tuple[Union, ...]] = {}

    def next_union(self, after_ms: int) -> Union | None:
        """Give the first union that ends after `after_ms`: the one that contains it, else the next."""
        if self._is_empty:
            return None
        number = after_ms // DAY_MS
        unions = self._known.get(number)
        if unions is None:
            unions = self._remember(number)
        for union in unions:
            if union.end_ms > after_ms:
                return union
        return None

    def midnight(self, day: int) -> int:
        """Give the instant at which the date with this ordinal begins."""
        return start_instant(self.zone, day, 0)

    def cut(self, unions: Iterable[Union]) -> list[Union]:
        """Take the dates without quiet out of ascending unions."""
        return _subtract(list(unions), self._cuts) if self._cuts else list(unions)

    def parts(self, first_day: int, last_day: int) -> list[Part]:
        """Give what begins in some dates, and the whole of being away."""
        found = list(self._away)
        for day in range(first_day, last_day + 1):
            for start, end, source in self._week[(day - 1) % 7]:
                found.append(Part(start_instant(self.zone, day, start), end_instant(self.zone, day, end), source))
            if self._quiet or self._calendar:
                found += self._whole_day(day)
        return found

    def _whole_day(self, day: int) -> list[Part]:
        on = date.fromordinal(day)
        sources: list[Source] = ["exception"] if on in self._quiet else []
        if self._calendar is not None and on in self._holidays(self._calendar, on.year):
            sources.append("holiday")
        return [Part(self.midnight(day), end_instant(self.zone, day + 1, 0), source) for source in sources]

    def _remember(self, number: int) -> tuple[Union, ...]:
        if len(self._known) >= _KEPT_DAYS:
            self._known.clear()
        unions = self._known[number] = self._look(number * DAY_MS, (number + 1) * DAY_MS)
        return unions

    def _look(self, since_ms: int, until_ms: int) -> tuple[Union, ...]:
        """Give the unions that end after `since_ms`, up to the first that starts at `until_ms` or later.

        Looks at more days until the start of the first and the end of the last are beyond the reach of days that
        were not looked at.
        """
        today = date_at(self.zone, since_ms).toordinal()
        back, ahead = _BACK_DAYS, _AHEAD_DAYS
        while True:
            unions = self.cut(_merge(self.parts(today - back, today + ahead)))
            unions = [union for union in unions if union.end_ms > since_ms]
            last = next((i for i, union in enumerate(unions) if union.start_ms >= until_ms), None)
            reach_ms = end_instant(self.zone, today - back + 1, 0)
            is_whole = back >= HORIZON_DAYS or not unions or unions[0].start_ms > reach_ms
            is_long = last is not None and unions[last].end_ms < self.midnight(today + ahead + 1)
            if is_whole and (is_long or ahead >= HORIZON_DAYS):
                return tuple(unions if last is None else unions[: last + 1])
            back = back if is_whole else min(3 * back, HORIZON_DAYS)
            ahead = ahead if is_long else min(3 * ahead, HORIZON_DAYS)


def _by_weekday(rules: Rules) -> list[list[tuple[int, int, Source]]]:
    week: list[list[tuple[int, int, Source]]] = [[] for _ in DAYS]
    sources: tuple[tuple[tuple[Window, ...], Source], ...] = ((rules.windows, "window"), (rules.minimum, "minimum"))
    for windows, source in sources:
        for window in windows:
            start, end = _minute(window.start), _minute(window.end)
            for day in window.days:
                week[DAYS.index(day)].append((start, end if end > start else end + 1440, source))
    return week


def _minute(clock: str) -> int:
    return int(clock[:2]) * 60 + int(clock[3:])


def _merge(parts: list[Part]) -> list[Union]:
    """Join what overlaps or touches; empty parts (a window inside a gap) vanish."""
    merged: list[Union] = []
    start = end = None
    for part in sorted(parts):
        if part.start_ms >= part.end_ms:
            continue
        if start is None or end is None:
            start, end = part.start_ms, part.end_ms
        elif part.start_ms <= end:
            end = max(end, part.end_ms)
        else:
            merged.append(Union(start, end))
            start, end = part.start_ms, part.end_ms
    if start is not None and end is not None:
        merged.append(Union(start, end))
    return merged


def _subtract(unions: list[Union], cuts: list[Union]) -> list[Union]:
    for cut in cuts:
        if cut.start_ms < cut.end_ms:
            unions = [piece for union in unions for piece in _outside(union, cut)]
    return unions


def _outside(union: Union, cut: Union) -> list[Union]:
    if union.end_ms <= cut.start_ms or cut.end_ms <= union.start_ms:
        return [union]
    pieces = [Union(union.start_ms, cut.start_ms), Union(cut.end_ms, union.end_ms)]
    return [piece for piece in pieces if piece.start_ms < piece.end_ms]
