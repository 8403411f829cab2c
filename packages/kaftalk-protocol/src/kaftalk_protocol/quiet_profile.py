"""What a person or an organisation says about quiet hours; validated here, evaluated in `quiet_calendar`.

Wall-clock times and IANA zones only, never offsets: what they mean is decided anew for each day. Moments
(`until`, `away`) are RFC 3339 text with an offset on the wire and Unix ms in the objects.
"""

import re
from collections.abc import Hashable, Iterable
from datetime import date, datetime
from functools import cache
from typing import Annotated, Any, Literal
from zoneinfo import available_timezones

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationInfo,
    field_validator,
    model_validator,
)

from kaftalk_protocol.errors import Code, Refused
from kaftalk_protocol.instants import YEAR_MAX, YEAR_MIN, Instant
from kaftalk_protocol.text import Uuid, single_line

WINDOWS_MAX = 50
EXCEPTIONS_MAX = 400
VIP_MAX = 200
LABEL_CHARS_MAX = 40
AWAY_MS_MAX = 366 * 24 * 3600 * 1000
SNOOZE_MS_MIN = 1_000
SNOOZE_MS_MAX = 30 * 24 * 3600 * 1000

STORED = {"stored": True}
"""Validation context of what was accepted once: a zone that has left the database since is kept as it is."""

_START = r"^([01][0-9]|2[0-3]):[0-5][0-9]$"
_END = r"^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$"
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


@cache
def zones() -> frozenset[str]:
    """Give the zones that a profile may name: the database without its aliases for this machine."""
    return frozenset(available_timezones() - {"localtime", "Factory"})


def _zone(name: str, info: ValidationInfo) -> str:
    if not (isinstance(info.context, dict) and info.context.get("stored")) and name not in zones():
        raise ValueError("is no zone of the IANA database")
    return name


def _calendar_date(value: object) -> object:
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    if not isinstance(value, str) or not _DATE.fullmatch(value):
        raise ValueError("must be a date, as 2027-03-14")
    return value


def _near(day: date) -> date:
    if not YEAR_MIN <= day.year <= YEAR_MAX:
        raise ValueError(f"must be in the years {YEAR_MIN} to {YEAR_MAX}")
    return day


def _label(text: str) -> str:
    text = single_line(text)
    if not 1 <= len(text) <= LABEL_CHARS_MAX:
        raise ValueError(f"must have 1 to {LABEL_CHARS_MAX} characters")
    return text


def _once(values: Iterable[Hashable], what: str) -> None:
    seen: set[Hashable] = set()
    for value in values:
        if value in seen:
            raise ValueError(f"names {what} {value} twice")
        seen.add(value)


def _at_most(most: int, what: str) -> BeforeValidator:
    """Refuse a long list by one error, before each of its items is looked at."""

    def check(values: object) -> object:
        if isinstance(values, list | tuple) and len(values) > most:
            raise ValueError(f"must have at most {most} {what}")
        return values

    return BeforeValidator(check)


Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
ZoneName = Annotated[str, StringConstraints(min_length=1, max_length=64), AfterValidator(_zone)]
CalendarDate = Annotated[date, BeforeValidator(_calendar_date, json_schema_input_type=str), AfterValidator(_near)]
Label = Annotated[str, StringConstraints(max_length=1_000), AfterValidator(_label)]
Flag = Annotated[bool, Field(strict=True)]
HolidayCalendar = Literal["KR", "JP", "CN", "US", "DE"]
Deliver = Literal["hold", "silent"]
ZoneMode = Literal["fixed", "follow_device"]


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Window(_Closed):
    """Quiet from `start` to `end`, half-open, on each of `days`, in wall-clock time.

    `end` before `start` is on the next day and belongs to the day it started on; `end` equal to `start` means 24
    hours of the wall clock. "24:00" is the midnight that ends the day.
    """

    days: Annotated[tuple[Day, ...], Field(min_length=1, max_length=7)]
    start: Annotated[str, StringConstraints(pattern=_START)]
    end: Annotated[str, StringConstraints(pattern=_END)]
    label: Label | None = None

    @field_validator("days")
    @classmethod
    def _each_once(cls, days: tuple[Day, ...]) -> tuple[Day, ...]:
        _once(days, "the day")
        return days


Windows = Annotated[tuple[Window, ...], Field(max_length=WINDOWS_MAX), _at_most(WINDOWS_MAX, "windows")]


class DateException(_Closed):
    """A date of the profile's zone that is quiet all day, or not quiet at all."""

    date: CalendarDate
    kind: Literal["quiet", "no_quiet"]


class Away(_Closed):
    """Quiet from one moment to another, half-open."""

    from_: Instant = Field(alias="from")
    to: Instant

    @model_validator(mode="after")
    def _ordered(self) -> "Away":
        if not 0 < self.to - self.from_ <= AWAY_MS_MAX:
            raise ValueError("to must come after from, by at most 366 days")
        return self


class Pierce(_Closed):
    """Who and what may sound in quiet hours."""

    vip: Annotated[tuple[Uuid, ...], Field(max_length=VIP_MAX), _at_most(VIP_MAX, "users")] = ()
    direct_send_anyway: Flag = True
    urgent_rooms: Flag = False

    @field_validator("vip")
    @classmethod
    def _each_once(cls, vip: tuple[str, ...]) -> tuple[str, ...]:
        _once(vip, "the user")
        return vip


class Profile(_Closed):
    """The quiet hours of a person, as in `PUT /me/quiet-hours`.

    `zone` null means the organisation's, else the server's. `share`: others may see that and until when one is quiet.
    """

    zone: ZoneName | None = None
    zone_mode: ZoneMode = "fixed"
    windows: Windows
    holidays: HolidayCalendar | None = None
    exceptions: Annotated[
        tuple[DateException, ...], Field(max_length=EXCEPTIONS_MAX), _at_most(EXCEPTIONS_MAX, "dates")
    ] = ()
    away: Away | None = None
    deliver: Deliver = "hold"
    pierce: Pierce = Pierce()
    share: Flag = True

    @field_validator("exceptions")
    @classmethod
    def _each_once(cls, exceptions: tuple[DateException, ...]) -> tuple[DateException, ...]:
        _once((exception.date for exception in exceptions), "the date")
        return exceptions


class OrgQuiet(Profile):
    """The quiet hours of an organisation, as in `PUT /org/quiet-hours`; the default one says nothing.

    The fields of a profile hold for who has none of her own. `minimum` is quiet for everybody, in each one's own
    zone, beside her own windows; `urgent_allowed: false` switches `notify: "urgent"` off.
    """

    windows: Windows = ()
    urgent_allowed: Flag = True
    minimum: Windows = ()

    def default(self) -> Profile:
        """Give the profile of who has none of her own."""
        return Profile.model_construct(**{name: getattr(self, name) for name in Profile.model_fields})


class SnoozeRequest(_Closed):
    """`POST /me/snooze`: quiet `until` a moment or for some `minutes`."""

    until: Instant | None = None
    minutes: Annotated[int, Field(ge=1, le=SNOOZE_MS_MAX // 60_000, strict=True)] | None = None

    @model_validator(mode="before")
    @classmethod
    def _one_of(cls, given: Any) -> Any:
        if isinstance(given, dict) and len({"until", "minutes"} & given.keys()) != 1:
            raise ValueError("takes one of until, minutes")
        return given

    def until_ms(self, now_ms: int) -> int:
        """Give the moment at which it ends: 1 s to 30 days after `now_ms`.

        Raises Refused (`invalid`, field `until` or `minutes`).
        """
        if self.minutes is not None:
            return now_ms + self.minutes * 60_000
        if self.until is None:
            raise Refused(Code.INVALID, "until: must be a time", field="until")
        if not SNOOZE_MS_MIN <= self.until - now_ms <= SNOOZE_MS_MAX:
            raise Refused(Code.INVALID, "until: must be 1 second to 30 days ahead", field="until")
        return self.until


class DeviceZone(_Closed):
    """`POST /me/quiet-hours/device-zone`: where a device says it is, and whether the person confirmed it."""

    zone: ZoneName
    confirmed: Flag = False
