"""One's own quiet hours: `/me/quiet-hours` and `/me/snooze`."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from kaftalk_dnd_batch.commands import EndSnooze, PutProfile, ReportZone, ResumeNow, SetSnooze
from kaftalk_dnd_batch.parts import Me, Parts, Use
from kaftalk_dnd_batch.shapes import NewQuietHours, PiercedMessage, Preview, PreviewItem, QuietHours
from kaftalk_dnd_batch.shown import pierced, profile_etag, quiet_hours
from kaftalk_protocol.errors import Code, Refused
from kaftalk_protocol.ids import UserId
from kaftalk_protocol.instants import instant_text
from kaftalk_protocol.quiet_calendar import QuietCalendar
from kaftalk_protocol.quiet_profile import CalendarDate, DeviceZone, SnoozeRequest
from kaftalk_protocol.quiet_records import UserQuiet
from kaftalk_rest.etags import check_match
from kaftalk_rest.json_bodies import check_length
from kaftalk_rest.paging import link_next, part_of
from kaftalk_rest.parameters import Cursor, IfMatch, PageSize, PlainDigits
from kaftalk_rest.problems import refusals
from kaftalk_rest.shapes import NO_FIELDS, Listed, NoFields

PREVIEW_DAYS_MAX = 62
FAR_FUTURE_MS = 10**15

router = APIRouter(prefix="/me", tags=["quiet hours"])

Days = Annotated[int, Query(ge=1, le=PREVIEW_DAYS_MAX), PlainDigits]
From = Annotated[CalendarDate | None, Query(alias="from")]

_CHANGING = (Code.UNAUTHENTICATED, Code.RATE_LIMITED, Code.UNKNOWN_OUTCOME)


@router.get("/quiet-hours", response_model=QuietHours, responses=refusals(Code.UNAUTHENTICATED))
async def get_quiet_hours(me: Me, parts: Use, response: Response) -> Any:
    """Give one's quiet hours; the organisation's while one has none of one's own."""
    return await _answered(parts, await parts.people.get(me.user), response)


@router.put("/quiet-hours", response_model=QuietHours, responses=refusals(*_CHANGING, Code.PRECONDITION_FAILED))
async def put_quiet_hours(
    asked: NewQuietHours, me: Me, parts: Use, request: Request, response: Response, if_match: IfMatch = None
) -> Any:
    """Replace one's quiet hours."""
    check_length(await request.body())

    def check(before: UserQuiet) -> None:
        check_match(if_match, _etag(parts, before))

    return await _answered(parts, await parts.change(me.user, PutProfile(asked.profile()), check=check), response)


@router.post("/snooze", response_model=QuietHours, responses=refusals(*_CHANGING))
async def set_snooze(asked: SnoozeRequest, me: Me, parts: Use, response: Response) -> Any:
    """Be quiet for a while, from the next second on; replaces an earlier snooze."""
    until_ms = asked.until_ms(parts.clock.now_ms())
    return await _answered(parts, await parts.change(me.user, SetSnooze(until_ms)), response)


@router.delete("/snooze", response_model=QuietHours, responses=refusals(*_CHANGING))
async def end_snooze(me: Me, parts: Use, response: Response) -> Any:
    """End the snooze; hours that are quiet anyway stay quiet."""
    return await _answered(parts, await parts.change(me.user, EndSnooze()), response)


@router.post("/quiet-hours/resume", response_model=QuietHours, responses=refusals(*_CHANGING))
async def resume_now(me: Me, parts: Use, response: Response, _: NoFields = NO_FIELDS) -> Any:
    """Be told at once what was held, and of all that comes until these hours are over."""
    return await _answered(parts, await parts.change(me.user, ResumeNow()), response)


@router.post("/quiet-hours/device-zone", response_model=QuietHours, responses=refusals(*_CHANGING))
async def report_device_zone(asked: DeviceZone, me: Me, parts: Use, response: Response) -> Any:
    """Tell in which zone a device is; it counts if the quiet hours follow the device."""
    command = ReportZone(asked.zone, asked.confirmed)
    return await _answered(parts, await parts.change(me.user, command), response)


@router.get("/quiet-hours/preview", response_model=Preview, responses=refusals(Code.UNAUTHENTICATED))
async def preview_quiet_hours(me: Me, parts: Use, first: From = None, days: Days = 14) -> Any:
    """List the quiet hours that begin in some days, in UTC and whole; `from` is a date in one's zone, else today."""
    calendar = _calendar(parts, await parts.people.get(me.user))
    try:
        unions = calendar.preview(first or calendar.date_at(parts.clock.now_ms()), days)
    except ValueError as error:
        raise Refused(Code.INVALID, f"from: {error}", field="from") from error
    return {
        "items": [
            PreviewItem(start=instant_text(union.start_ms), end=instant_text(union.end_ms), sources=union.sources)
            for union in unions
        ]
    }


@router.get("/quiet-hours/pierced", response_model=Listed[PiercedMessage], responses=refusals(Code.UNAUTHENTICATED))
async def list_pierced(
    me: Me, parts: Use, request: Request, response: Response, limit: PageSize = 50, cursor: Cursor = None
) -> Any:
    """List the messages that sounded in spite of one's quiet hours, newest first."""
    notes = pierced(await parts.people.get(me.user))
    part, next_cursor = part_of(notes, limit, cursor, lambda note: (FAR_FUTURE_MS - note.ts, note.room, note.seq))
    link_next(request, response, next_cursor)
    return {"items": part, "next_cursor": next_cursor}


async def _answered(parts: Parts, quiet: UserQuiet, response: Response) -> QuietHours:
    state = parts.people.shown(UserId(quiet.user))
    response.headers["ETag"] = _etag(parts, quiet)
    zone = _calendar(parts, quiet).zone
    return quiet_hours(quiet, parts.org, state, zone, parts.clock.now_ms())


def _etag(parts: Parts, quiet: UserQuiet) -> str:
    return profile_etag(quiet, parts.org, _calendar(parts, quiet).zone)


def _calendar(parts: Parts, quiet: UserQuiet) -> QuietCalendar:
    return parts.calendars.of(quiet.profile, parts.org, snooze=quiet.snooze, resume_until_ms=quiet.resume_until_ms)
