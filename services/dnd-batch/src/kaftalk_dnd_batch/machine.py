"""How a user's quiet hours go on: pure, and the same result whoever computes it and however late.

A hold begins with the first union that is not settled and ends with the union: HOLDING → RELEASING → (DONE, a record
of its own) → no hold. What is read from the log after a crash says how far it got.
"""

from collections.abc import Iterator
from itertools import islice
from typing import Any, Protocol, TypeVar

from pydantic import BaseModel

from kaftalk_dnd_batch.commands import (
    Command,
    Discard,
    EndSnooze,
    FollowOrg,
    NotePierced,
    PutProfile,
    ReportZone,
    ResumeNow,
    SetSnooze,
)
from kaftalk_protocol.ids import UserId
from kaftalk_protocol.quiet_calendar import Union
from kaftalk_protocol.quiet_profile import Deliver, OrgQuiet, Profile
from kaftalk_protocol.quiet_records import (
    PIERCED_MAX,
    RELEASES_KEPT_MS,
    RELEASES_MAX,
    Hold,
    PastRelease,
    Pierced,
    Snooze,
    UserQuiet,
    ZoneChange,
    next_release_id,
    release_id,
)
from kaftalk_protocol.quiet_state import HoldPlan, QuietState

LEAD_MS = 1_000
"""A hold that somebody starts begins so much ahead, and every gateway knows it first."""
STABLE_MS = 600_000
ZONE_CHANGE_EVERY_MS = 3_600_000
LOOK_AGAIN_MS = 3_600_000
LATE_FROM_MS = 5_000

_M = TypeVar("_M", bound=BaseModel)


class Calendar(Protocol):
    """When one user is quiet."""

    @property
    def zone(self) -> str:
        """Give the zone in force."""

    def next_union(self, after_ms: int) -> Union | None:
        """Give the first interval of quiet that ends after an instant; an endless one is cut far ahead."""


class Calendars(Protocol):
    """What makes calendars of profiles."""

    def of(
        self, profile: Profile | None, org: OrgQuiet, *, snooze: Snooze | None, resume_until_ms: int | None
    ) -> Calendar:
        """Give the calendar of one user."""


class Machine:
    """The transitions of one user's state; the clock is an argument."""

    def __init__(self, calendars: Calendars) -> None:
        self._calendars = calendars

    def advance(self, quiet: UserQuiet, org: OrgQuiet, now_ms: int) -> UserQuiet:
        """Do what time has brought: begin a hold, prolong it, or begin its release; the same object if nothing.

        Nothing is released inside a union: what could not be released before the next one began waits for its end.
        """
        quiet = self._pass_time(quiet, org, now_ms)
        change = quiet.zone_change
        if change is not None and change.zone is not None and _zone_due_ms(change) <= now_ms:
            moved = _moved(quiet, change.zone, now_ms, changed_ms=now_ms)
            quiet = self._pass_time(self._replan(quiet, org, moved, org, now_ms), org, now_ms)
        return quiet

    def perform(self, quiet: UserQuiet, org: OrgQuiet, command: Command, now_ms: int) -> UserQuiet:
        """Do what was asked, after what time has brought; the same object if nothing changes."""
        if isinstance(command, Discard):
            settled_ms = max(quiet.settled_ms, now_ms)
            return _with(quiet, hold=None, snooze=None, zone_change=None, settled_ms=settled_ms)
        org_before = command.before if isinstance(command, FollowOrg) else org
        before = self.advance(quiet, org_before, now_ms)
        if isinstance(command, ResumeNow):
            return self._resume(before, org, now_ms)
        if isinstance(command, NotePierced):
            return _noted(before, command, now_ms)
        after = self._report(before, org, command, now_ms) if isinstance(command, ReportZone) else before
        after = _changed(after, command, now_ms)
        if after is before and org_before is org:
            return before
        return self._replan(before, org_before, after, org, now_ms)

    def done(self, quiet: UserQuiet, now_ms: int, *, noted: bool) -> UserQuiet:
        """End the hold after its release; `noted`: it goes on the list of releases."""
        hold = quiet.hold
        if hold is None:
            return quiet
        released = [past for past in quiet.released if past.window[1] > now_ms - RELEASES_KEPT_MS]
        if noted:
            window = (hold.start_ms, hold.end_ms)
            late_s = late_by_s(hold, now_ms)
            released.append(PastRelease(release_id=hold.release_id, window=window, late_by_s=late_s))
        settled_ms = max(quiet.settled_ms, hold.end_ms)
        snooze, resume_until_ms = quiet.snooze, quiet.resume_until_ms
        return _with(
            quiet,
            hold=None,
            settled_ms=settled_ms,
            released=tuple(released[-RELEASES_MAX:]),
            snooze=snooze if snooze and snooze.until_ms > settled_ms else None,
            resume_until_ms=resume_until_ms if resume_until_ms and resume_until_ms > settled_ms else None,
        )

    def due_ms(self, quiet: UserQuiet, org: OrgQuiet, now_ms: int) -> int:
        """Give the instant at which to advance next; an hour ahead at most, for a new time-zone database."""
        instants = [now_ms + LOOK_AGAIN_MS]
        if quiet.zone_change is not None and quiet.zone_change.zone is not None:
            instants.append(_zone_due_ms(quiet.zone_change))
        if quiet.hold is not None:
            instants.append(quiet.hold.end_ms if quiet.hold.state == "holding" else now_ms)
        else:
            instants += [union.start_ms for union in islice(self._ahead(quiet, org), 1)]
        return min(instants)

    def state(self, quiet: UserQuiet, org: OrgQuiet) -> QuietState:
        """Give what gateways are told: the present hold or the next, and when the one after it begins."""
        says = quiet.profile or org
        ahead = list(islice(self._ahead(quiet, org), 2))
        hold = quiet.hold
        if hold is not None:
            plan: HoldPlan | None = _plan(Union(hold.start_ms, hold.end_ms), hold.release_id, hold.deliver)
        elif ahead:
            plan = _plan(ahead[0], release_id(quiet.user, ahead.pop(0).start_ms), says.deliver)
        else:
            plan = None
        return QuietState(
            user=quiet.user,
            version=quiet.version,
            hold=plan,
            next_start_ms=ahead[0].start_ms if ahead else None,
            pierce=says.pierce,
            urgent_allowed=org.urgent_allowed,
            share=says.share,
        )

    def shown(self, quiet: UserQuiet, org: OrgQuiet, now_ms: int) -> QuietState:
        """Give what people are shown: a hold that has ended is over for them, though its release is on its way."""
        quiet = self.advance(quiet, org, now_ms)
        if quiet.hold is not None and quiet.hold.state == "releasing":
            quiet = self.done(quiet, now_ms, noted=False)
        return self.state(quiet, org)

    def _calendar(self, quiet: UserQuiet, org: OrgQuiet) -> Calendar:
        return self._calendars.of(quiet.profile, org, snooze=quiet.snooze, resume_until_ms=quiet.resume_until_ms)

    def _ahead(self, quiet: UserQuiet, org: OrgQuiet) -> Iterator[Union]:
        """Give the unions after the hold, of each what is not settled."""
        calendar = self._calendar(quiet, org)
        after_ms = max(quiet.settled_ms, quiet.hold.end_ms if quiet.hold else 0)
        while (union := calendar.next_union(after_ms)) is not None:
            # One without an end is cut far ahead, and what follows is the same one.
            yield Union(max(union.start_ms, after_ms), union.end_ms)
            after_ms = union.end_ms

    def _pass_time(self, quiet: UserQuiet, org: OrgQuiet, now_ms: int) -> UserQuiet:
        hold = quiet.hold
        if hold is not None and hold.state == "holding" and now_ms < hold.end_ms:
            return quiet
        first = last = None
        for union in self._ahead(quiet, org):
            if union.start_ms > now_ms:
                break
            first, last = first or union, union
        if hold is None:
            if first is None or last is None:
                return quiet
            hold = _hold(quiet.user, Union(first.start_ms, last.end_ms), (quiet.profile or org).deliver)
        elif last is not None and last.end_ms > now_ms:
            # Some gateway may have had the release that was begun, so what is held now is another one.
            name = next_release_id(hold.release_id) if hold.state == "releasing" else hold.release_id
            return _with(quiet, hold=_with(hold, end_ms=last.end_ms, state="holding", release_id=name))
        elif hold.state == "releasing":
            return quiet
        elif last is not None:
            hold = _with(hold, end_ms=last.end_ms)
        state = "holding" if now_ms < hold.end_ms else "releasing"
        return _with(quiet, hold=_with(hold, state=state))

    def _replan(
        self, before: UserQuiet, org_before: OrgQuiet, after: UserQuiet, org: OrgQuiet, now_ms: int
    ) -> UserQuiet:
        """Fit the hold to changed plans; what was delivered is never held again."""
        hold, deliver = after.hold, (after.profile or org).deliver
        if hold is None or hold.state == "releasing":
            return _with(after, settled_ms=self._settled_ms(before, org_before, after, org, now_ms))
        present = self._calendar(after, org).next_union(now_ms)
        if present is None or present.start_ms > now_ms:
            return _with(after, hold=_ended(hold, now_ms))
        if hold.deliver != deliver:
            return _with(after, hold=_ended(hold, now_ms), settled_ms=max(after.settled_ms, now_ms + LEAD_MS))
        return _with(after, hold=_with(hold, end_ms=present.end_ms))

    def _settled_ms(self, before: UserQuiet, org_before: OrgQuiet, after: UserQuiet, org: OrgQuiet, now_ms: int) -> int:
        """Give the instant before which nothing begins.

        Gateways know a start that was planned, and any other a second ahead; what is past was delivered.
        """
        planned = next(self._ahead(before, org_before), None)
        union = next(self._ahead(after, org), None)
        if union is None or union.start_ms >= now_ms + LEAD_MS or _as_planned(union, planned, now_ms):
            return after.settled_ms
        union = self._calendar(after, org).next_union(now_ms)
        unknown = union is not None and union.start_ms < now_ms + LEAD_MS and not _as_planned(union, planned, now_ms)
        return max(after.settled_ms, now_ms + LEAD_MS if unknown else now_ms)

    def _resume(self, quiet: UserQuiet, org: OrgQuiet, now_ms: int) -> UserQuiet:
        hold = quiet.hold
        if hold is not None and hold.state == "releasing":
            return quiet
        union = self._calendar(quiet, org).next_union(now_ms)
        if union is None or union.start_ms > now_ms + LEAD_MS:
            return quiet if hold is None else _with(quiet, hold=_ended(hold, now_ms))
        snooze = quiet.snooze if quiet.snooze and quiet.snooze.until_ms > union.end_ms else None
        quiet = _with(quiet, resume_until_ms=union.end_ms, snooze=snooze)
        return quiet if hold is None else _with(quiet, hold=_ended(hold, now_ms))

    def _report(self, quiet: UserQuiet, org: OrgQuiet, report: ReportZone, now_ms: int) -> UserQuiet:
        profile, change = quiet.profile, quiet.zone_change or ZoneChange()
        if profile is None or profile.zone_mode != "follow_device":
            return quiet
        if report.zone == self._calendar(quiet, org).zone:
            return _with(quiet, zone_change=_with(change, zone=None, since_ms=None)) if change.zone else quiet
        if report.confirmed:
            return _moved(quiet, report.zone, now_ms, changed_ms=change.changed_ms)
        if report.zone == change.zone:
            return quiet
        return _with(quiet, zone_change=_with(change, zone=report.zone, since_ms=now_ms))


def late_by_s(hold: Hold, now_ms: int) -> int | None:
    """Tell by how many seconds a release comes late; None if it is in time."""
    late_ms = now_ms - hold.end_ms
    return late_ms // 1000 if late_ms >= LATE_FROM_MS else None


def _as_planned(union: Union, planned: Union | None, now_ms: int) -> bool:
    return planned is not None and planned.start_ms == union.start_ms > now_ms


def _changed(quiet: UserQuiet, command: Command, now_ms: int) -> UserQuiet:
    match command:
        case PutProfile(profile):
            last = quiet.zone_change and _with(quiet.zone_change, zone=None, since_ms=None)
            return _with(quiet, profile=profile, zone_change=last, updated_ms=now_ms)
        case SetSnooze(until_ms):
            holding = quiet.hold is not None and quiet.hold.state == "holding"
            snooze = Snooze(from_ms=now_ms if holding else now_ms + LEAD_MS, until_ms=until_ms)
            return _with(quiet, snooze=snooze, resume_until_ms=None)
        case EndSnooze():
            return _with(quiet, snooze=None)
    return quiet


def _moved(quiet: UserQuiet, zone: str, now_ms: int, *, changed_ms: int | None) -> UserQuiet:
    profile = quiet.profile and _with(quiet.profile, zone=zone)
    return _with(quiet, profile=profile, zone_change=ZoneChange(changed_ms=changed_ms), updated_ms=now_ms)


def _zone_due_ms(change: ZoneChange) -> int:
    """Give the instant at which a reported zone counts: stable for 10 minutes, one change an hour."""
    stable_ms = (change.since_ms or 0) + STABLE_MS
    return stable_ms if change.changed_ms is None else max(stable_ms, change.changed_ms + ZONE_CHANGE_EVERY_MS)


def _noted(quiet: UserQuiet, note: NotePierced, now_ms: int) -> UserQuiet:
    if any((pierced.room, pierced.seq) == (note.room, note.seq) for pierced in quiet.pierced):
        return quiet
    pierced = Pierced(room=note.room, seq=note.seq, by=note.by, reason=note.reason, ts=now_ms)
    return _with(quiet, pierced=(*quiet.pierced, pierced)[-PIERCED_MAX:])


def _hold(user: UserId, union: Union, deliver: Deliver) -> Hold:
    start_ms, end_ms = union
    return Hold(start_ms=start_ms, end_ms=end_ms, release_id=release_id(user, start_ms), deliver=deliver)


def _ended(hold: Hold, now_ms: int) -> Hold:
    # Never empty: what is held after it would begin at the same instant, under the same id.
    return _with(hold, end_ms=max(now_ms, hold.start_ms + 1), state="releasing")


def _plan(union: Union, release: str, deliver: Deliver) -> HoldPlan:
    return HoldPlan(start_ms=union.start_ms, end_ms=union.end_ms, release_id=release, deliver=deliver)


def _with(model: _M, **changes: Any) -> _M:
    """Give a changed copy, or the same object if nothing changes."""
    if all(getattr(model, name) == value for name, value in changes.items()):
        return model
    return model.model_copy(update=changes)
