"""What is answered about quiet hours, as pydantic models; what is asked lies in `kaftalk_protocol.quiet_profile`."""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from kaftalk_protocol.quiet_profile import (
    Away,
    DateException,
    Deliver,
    HolidayCalendar,
    OrgQuiet,
    Pierce,
    Profile,
    Window,
    ZoneMode,
)
from kaftalk_protocol.quiet_records import Digest, PierceReason
from kaftalk_rest.shapes import Answer

Time = Annotated[str, Field(json_schema_extra={"format": "date-time"})]

READ_ONLY = (
    "origin", "updated_at", "minimum", "active", "until", "next_start", "snooze_until", "resume_until", "zone_change",
)  # fmt: skip


class QuietHours(Answer):
    """One's quiet hours as they are in force, and what follows from them now.

    `origin` is `org` while one has not said anything oneself. `minimum` is what the organisation gives everybody.
    """

    zone: str
    zone_mode: ZoneMode
    windows: tuple[Window, ...]
    holidays: HolidayCalendar | None
    exceptions: tuple[DateException, ...]
    away: Away | None
    deliver: Deliver
    pierce: Pierce
    share: bool
    origin: Literal["user", "org"]
    updated_at: Time | None
    minimum: tuple[Window, ...]
    active: bool
    until: Time | None
    next_start: Time | None
    snooze_until: Time | None
    resume_until: Time | None
    zone_change: "ZoneReport | None"


class ZoneReport(Answer):
    """A device says that it is in `zone`, and nobody has confirmed it yet."""

    zone: str
    since: Time


class NewQuietHours(Profile):
    """One's new profile; what `GET` gives besides is left aside."""

    @model_validator(mode="before")
    @classmethod
    def _without_read_only(cls, given: Any) -> Any:
        if isinstance(given, dict):
            return {name: value for name, value in given.items() if name not in READ_ONLY}
        return given

    def profile(self) -> Profile:
        """Give the profile alone."""
        return Profile.model_construct(**{name: getattr(self, name) for name in Profile.model_fields})


class PreviewItem(Answer):
    """Quiet from `start` to `end`, and why."""

    start: Time
    end: Time
    sources: tuple[str, ...]


class Preview(Answer):
    """What the next days will be like."""

    items: list[PreviewItem]


class HeldRoom(Answer):
    """What is held of a room."""

    count: int
    mentions: int
    first_seq: int


class Held(Answer):
    """What is held now; `rooms` has those with messages."""

    active: bool
    until: Time | None
    total: int
    rooms: dict[str, HeldRoom]


class Release(Answer):
    """What was released at the end of a hold."""

    release_id: str
    window: tuple[Time, Time]
    late_by_s: int | None = Field(default=None, exclude_if=lambda value: value is None)
    digest: Digest


class PiercedMessage(Answer):
    """A message that sounded in spite of one's quiet hours."""

    room: str
    seq: int
    by: str
    reason: PierceReason
    ts: int


class OthersQuiet(Answer):
    """Whether somebody is in quiet hours, and when the next ones begin and end."""

    quiet: bool
    next_start: Time | None
    next_end: Time | None


__all__ = [
    "READ_ONLY", "Held", "HeldRoom", "NewQuietHours", "OrgQuiet", "OthersQuiet", "PiercedMessage", "Preview",
    "PreviewItem", "QuietHours", "Release", "Time", "ZoneReport",
]  # fmt: skip
