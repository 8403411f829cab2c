"""What a person, a device, a gateway or an administrator asks of a user's quiet hours."""

from dataclasses import dataclass

from kaftalk_protocol.ids import RoomId, UserId
from kaftalk_protocol.quiet_profile import OrgQuiet, Profile
from kaftalk_protocol.quiet_records import PierceReason


@dataclass(frozen=True, slots=True)
class PutProfile:
    """Replace the profile."""

    profile: Profile


@dataclass(frozen=True, slots=True)
class SetSnooze:
    """Be quiet until an instant; replaces an earlier snooze, and lifts what `ResumeNow` set."""

    until_ms: int


@dataclass(frozen=True, slots=True)
class EndSnooze:
    """Take the snooze away; a window that is on stays on."""


@dataclass(frozen=True, slots=True)
class ResumeNow:
    """Release at once; the union that is on does not come back."""


@dataclass(frozen=True, slots=True)
class ReportZone:
    """Tell where a device is; counts at once if the person confirmed it, else when it has been stable."""

    zone: str
    confirmed: bool


@dataclass(frozen=True, slots=True)
class NotePierced:
    """Note an alert that went out in spite of a hold."""

    room: RoomId
    seq: int
    by: UserId
    reason: PierceReason


@dataclass(frozen=True, slots=True)
class FollowOrg:
    """Live by the organisation's defaults as they are now; `before` is what they were."""

    before: OrgQuiet


@dataclass(frozen=True, slots=True)
class Discard:
    """Drop the hold without a release: the account is no more."""


Command = PutProfile | SetSnooze | EndSnooze | ResumeNow | ReportZone | NotePierced | FollowOrg | Discard
