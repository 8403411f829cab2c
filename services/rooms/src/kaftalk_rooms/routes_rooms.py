"""Rooms: `/rooms`."""

from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, Request, Response

from kaftalk_protocol.errors import Code, Refused
from kaftalk_protocol.ids import RoomId, UserId
from kaftalk_rest.etags import check_match, etag_of
from kaftalk_rest.kept_answers import Place
from kaftalk_rest.kept_answers import Request as Asked
from kaftalk_rest.paging import decode_cursor, encode_cursor, link_next, part_of
from kaftalk_rest.parameters import Cursor, IfMatch, Key, PageSize, Text
from kaftalk_rest.problems import refusals
from kaftalk_rest.shapes import NO_FIELDS, Listed, NoFields
from kaftalk_rooms.parts import InRoom, Me, Parts, Use, shown_room
from kaftalk_rooms.shapes import Mute, NewDirectRoom, NewRoom, Room, RoomEntry, RoomPatch

router = APIRouter(prefix="/rooms", tags=["rooms"])

FAR_FUTURE_MS = 10**15
ROOM_FIELDS = ("name", "topic", "history", "members_invite", "archived")

_HIDDEN = (Code.UNAUTHENTICATED, Code.NOT_FOUND)
_MEMBERS = (*_HIDDEN, Code.NOT_MEMBER)
_CREATING = (Code.UNAUTHENTICATED, Code.CONFLICT, Code.RATE_LIMITED, Code.UNKNOWN_OUTCOME)
_CHANGING = (*_MEMBERS, Code.FORBIDDEN, Code.UNKNOWN_OUTCOME)


@router.post("", status_code=201, response_model=Room, responses=refusals(*_CREATING))
async def create_room(asked: NewRoom, me: Me, parts: Use, key: Key = None) -> Any:
    """Create a public or private room with oneself as its owner."""
    members = [UserId(user) for user in asked.member_ids]
    parts.membership.check_users(members, field="member_ids")

    async def create(place: Place) -> dict[str, Any]:
        await parts.limits.take(parts.limit("room-creations", parts.settings.limit_room_creations), me.user)
        await parts.membership.check_rooms_of([me.user, *members])
        return await shown_room(parts, await parts.creation.create(me.user, asked, place), me.user)

    return await parts.answers.once(Asked(me.user, "/rooms", key, asked), create)


@router.post(
    "/direct", status_code=201, response_model=Room,
    responses=refusals(*_CREATING) | {200: {"model": Room, "description": "The room was there already"}},
)  # fmt: skip
async def create_direct_room(asked: NewDirectRoom, me: Me, parts: Use, response: Response, key: Key = None) -> Any:
    """Find or create the direct room with somebody, or with oneself."""
    other = UserId(asked.user_id)
    parts.membership.check_users([other], field="user_id")

    async def create(_: Place) -> dict[str, Any]:
        await parts.limits.take(parts.limit("room-creations", parts.settings.limit_room_creations), me.user)
        room, is_new = await parts.creation.direct(me.user, other)
        return {"room": await shown_room(parts, room, me.user), "is_new": is_new}

    made = await parts.answers.once(Asked(me.user, "/rooms/direct", key, asked), create)
    response.status_code = 201 if made["is_new"] else 200
    return made["room"]


@router.get("", response_model=Listed[RoomEntry], responses=refusals(Code.UNAUTHENTICATED))
async def list_rooms(
    me: Me, parts: Use, request: Request, response: Response, limit: PageSize = 50, cursor: Cursor = None
) -> Any:
    """List one's own rooms, newest activity first; in a hold the last events are those before it."""
    entries = await parts.listing.entries(me.user, await parts.quiet.hold_ms(me.user))
    items, next_cursor = part_of(entries, limit, cursor, _newest_first)
    link_next(request, response, next_cursor)
    return {"items": items, "next_cursor": next_cursor}


@router.get("/directory", response_model=Listed[Room], responses=refusals(Code.UNAUTHENTICATED))
async def list_directory(
    me: Me, parts: Use, request: Request, response: Response, q: Text = "", limit: PageSize = 50, cursor: Cursor = None
) -> Any:
    """Find public rooms by a part of their names."""
    items, rest = await parts.listing.directory(q, me.user, cursor=decode_cursor(cursor), limit=limit)
    next_cursor = encode_cursor(rest) if rest else None
    link_next(request, response, next_cursor)
    return {"items": items, "next_cursor": next_cursor}


@router.get("/{room_id}", response_model=Room, responses=refusals(*_HIDDEN))
async def get_room(room: InRoom, me: Me, parts: Use, response: Response) -> Any:
    """Give one room."""
    await parts.membership.access(room, me.user)
    shown = await parts.listing.room(room, me.user)
    response.headers["ETag"] = etag_of(shown, ROOM_FIELDS)
    return shown


@router.patch("/{room_id}", response_model=Room, responses=refusals(*_CHANGING, Code.PRECONDITION_FAILED))
async def update_room(
    room: InRoom, patch: RoomPatch, me: Me, parts: Use, response: Response, if_match: IfMatch = None
) -> Any:
    """Change a room's name, topic or settings."""
    await _require_match(parts, room, me.user, if_match)
    await parts.membership.patch(room, me.user, patch)
    return await _shown(parts, room, me.user, response)


@router.delete("/{room_id}", status_code=204, responses=refusals(*_CHANGING, Code.PRECONDITION_FAILED))
async def delete_room(room: InRoom, me: Me, parts: Use, if_match: IfMatch = None) -> None:
    """Delete a room for everybody."""
    await _require_match(parts, room, me.user, if_match)
    await parts.membership.delete(room, me.user)


@router.post("/{room_id}/archive", response_model=Room, responses=refusals(*_CHANGING))
async def archive_room(room: InRoom, me: Me, parts: Use, response: Response, _: NoFields = NO_FIELDS) -> Any:
    """Close a room for messages."""
    await parts.membership.set_archived(room, me.user, archived=True)
    return await _shown(parts, room, me.user, response)


@router.post("/{room_id}/unarchive", response_model=Room, responses=refusals(*_CHANGING))
async def unarchive_room(room: InRoom, me: Me, parts: Use, response: Response, _: NoFields = NO_FIELDS) -> Any:
    """Open a room for messages again."""
    await parts.membership.set_archived(room, me.user, archived=False)
    return await _shown(parts, room, me.user, response)


@router.put("/{room_id}/mute", status_code=204, responses=refusals(*_MEMBERS))
async def mute_room(room: InRoom, asked: Mute, me: Me, parts: Use) -> None:
    """Have no alerts of a room until a time, for ever, or again (null)."""
    await parts.membership.require_member(room, me.user)
    until = asked.until
    if isinstance(until, datetime):
        await parts.cursors.mute(room, me.user, _ms(until))
    else:
        await parts.cursors.mute(room, me.user, until)
    await parts.notices.entry_changed(room, me.user)


def _newest_first(entry: dict[str, Any]) -> tuple[Any, ...]:
    last = entry["last_event"]
    return (FAR_FUTURE_MS - (last["ts"] if last else 0), entry["id"])


def _ms(moment: datetime) -> int:
    try:
        return int(moment.astimezone(UTC).timestamp() * 1000)
    except (OverflowError, ValueError) as error:
        raise Refused(Code.INVALID, "is out of range", field="until") from error


async def _shown(parts: Parts, room: RoomId, viewer: UserId, response: Response) -> dict[str, Any]:
    shown = await shown_room(parts, room, viewer)
    response.headers["ETag"] = etag_of(shown, ROOM_FIELDS)
    return shown


async def _require_match(parts: Parts, room: RoomId, member: UserId, if_match: str | None) -> None:
    """See that a conditional change of a room knows its newest state.

    Raises Refused: `precondition_failed` where a member knows an older state, else as `require_member`.
    """
    await parts.membership.require_member(room, member)
    if if_match is not None:
        check_match(if_match, etag_of(await parts.listing.room(room, member), ROOM_FIELDS))
