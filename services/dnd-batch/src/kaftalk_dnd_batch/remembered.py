"""Calendars that are asked again and again: whoever has the same quiet hours shares what was worked out.

In a stampede tens of thousands ask the same question, when the next union is after the end of this one.
"""

from kaftalk_dnd_batch.machine import Calendar, Calendars
from kaftalk_protocol.quiet_calendar import Union
from kaftalk_protocol.quiet_profile import OrgQuiet, Profile
from kaftalk_protocol.quiet_records import Snooze, UserQuiet

PROFILES_MAX = 1 << 14
ANSWERS_MAX = 64


class RememberedCalendars:
    """Makes calendars by `calendars`, one for all equal profiles; those with a snooze or "resume now" are their own."""

    def __init__(self, calendars: Calendars) -> None:
        self._calendars = calendars
        self._profiles: dict[Profile, Profile] = {}
        self._kept: dict[int, tuple[Profile | None, OrgQuiet, _Remembered]] = {}

    def shared(self, quiet: UserQuiet) -> UserQuiet:
        """Give the state with a profile that is one object for all who have the same."""
        if quiet.profile is None:
            return quiet
        if len(self._profiles) >= PROFILES_MAX:
            self._profiles.clear()
        profile = self._profiles.setdefault(quiet.profile, quiet.profile)
        return quiet if profile is quiet.profile else quiet.model_copy(update={"profile": profile})

    def of(
        self, profile: Profile | None, org: OrgQuiet, *, snooze: Snooze | None, resume_until_ms: int | None
    ) -> Calendar:
        """Give the calendar of one user."""
        if snooze is not None or resume_until_ms is not None:
            return self._calendars.of(profile, org, snooze=snooze, resume_until_ms=resume_until_ms)
        kept = self._kept.get(id(profile))
        # What is kept holds its profile, so that no other object can have its id.
        if kept is None or kept[1] is not org:
            if len(self._kept) >= PROFILES_MAX:
                self._kept.clear()
            calendar = self._calendars.of(profile, org, snooze=None, resume_until_ms=None)
            kept = self._kept[id(profile)] = (profile, org, _Remembered(calendar))
        return kept[2]


class _Remembered:
    """A calendar that remembers its answers."""

    __slots__ = ("_answers", "_calendar", "zone")

    def __init__(self, calendar: Calendar) -> None:
        self._calendar = calendar
        self._answers: dict[int, Union | None] = {}
        self.zone = calendar.zone

    def next_union(self, after_ms: int) -> Union | None:
        """Give the first interval of quiet that ends after an instant."""
        if after_ms in self._answers:
            return self._answers[after_ms]
        if len(self._answers) >= ANSWERS_MAX:
            self._answers.clear()
        answer = self._answers[after_ms] = self._calendar.next_union(after_ms)
        return answer
