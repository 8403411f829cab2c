"""Members and invites: `/rooms/{id}/members`, `/rooms/{id}/invites`, `/invites`."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response

from kaftalk_protocol.errors import Code, Refused
from kaftalk_protocol.ids import RoomId, UserId
from kaftalk_protocol.room_state import InviteState
from kaftalk_rest.kept_answers import Place
from kaftalk_rest.kept_answers import Request as Asked
from kaftalk_rest.paging import decode_cursor, encode_cursor, link_next, part_of
from kaftalk_rest.parameters import Cursor, Key, PageSize
from kaftalk_rest.problems import refusals
from kaftalk_rest.shapes import NO_FIELDS, Listed, NoFields
from kaftalk_rooms.parts import InRoom, Me, OfUser, Parts, Use, shown_room
from kaftalk_rooms.shapes import (
    NO_SUCCESSOR,
    PLAIN_INVITE,
    Invite,
    InvitePreview,
    Leaving,
    Member,
    NewInvite,
    NewMembers,
    RolePatch,
    Room,
)
from kaftalk_views.listing import rfc3339

router = APIRouter(tags=["members"])

Code_ = Annotated[str, Path()]

_MEMBERS = (Code.UNAUTHENTICATED, Code.NOT_FOUND, Code.NOT_MEMBER)
_CHANGING = (*_MEMBERS, Code.FORBIDDEN, Code.UNKNOWN_OUTCOME)


@router.post("/rooms/{room_id}/join", response_model=Room, responses=refusals(*_CHANGING, Code.CONFLICT))
async def join_room(room: InRoom, me: Me, parts: Use, _: NoFields = NO_FIELDS) -> Any:
    """Join a public room."""
    await parts.membership.join(room, me.user)
    return await shown_room(parts, room, me.user)


@router.post("/rooms/{room_id}/leave", status_code=204, responses=refusals(*_CHANGING, Code.LAST_OWNER))
async def leave_room(room: InRoom, me: Me, parts: Use, asked: Leaving = NO_SUCCESSOR) -> None:
    """Leave a room; the last owner names a successor."""
    await parts.membership.leave(room, me.user, UserId(asked.successor) if asked.successor else None)


@router.get("/rooms/{room_id}/members", response_model=Listed[Member], responses=refusals(*_MEMBERS))
async def list_members(
    room: InRoom, me: Me, parts: Use, request: Request, response: Response, limit: PageSize = 50, cursor: Cursor = None
) -> Any:
    """List who is in a room."""
    await parts.membership.require_member(room, me.user)
    items, rest = await parts.listing.members(room, cursor=decode_cursor(cursor), limit=limit)
    next_cursor = encode_cursor(rest) if rest else None
    link_next(request, response, next_cursor)
    return {"items": items, "next_cursor": next_cursor}


@router.post("/rooms/{room_id}/members", status_code=204, responses=refusals(*_CHANGING, Code.CONFLICT))
async def add_members(room: InRoom, asked: NewMembers, me: Me, parts: Use) -> None:
    """Add people to a room: all of them or nobody."""
    await parts.membership.add(room, me.user, [UserId(user) for user in asked.user_ids])


@router.patch(
    "/rooms/{room_id}/members/{user_id}", response_model=Member, responses=refusals(*_CHANGING, Code.LAST_OWNER)
)
async def set_role(room: InRoom, user: OfUser, asked: RolePatch, me: Me, parts: Use) -> Any:
    """Give a member another role."""
    await parts.membership.set_role(room, me.user, user, asked.role)
    return await _member(parts, room, user)


@router.delete("/rooms/{room_id}/members/{user_id}", status_code=204, responses=refusals(*_CHANGING, Code.CONFLICT))
async def remove_member(room: InRoom, user: OfUser, me: Me, parts: Use, ban: Annotated[bool, Query()] = False) -> None:
    """Remove a member, and with `ban` keep her from joining again."""
    await parts.membership.kick(room, me.user, user, ban=ban)


@router.get("/rooms/{room_id}/invites", response_model=Listed[Invite], responses=refusals(*_MEMBERS, Code.FORBIDDEN))
async def list_invites(
    room: InRoom, me: Me, parts: Use, request: Request, response: Response, limit: PageSize = 50, cursor: Cursor = None
) -> Any:
    """List the invites that still work."""
    found = await parts.membership.invites(room, me.user)
    part, next_cursor = part_of(found, limit, cursor, lambda item: (item[1].expires_at or 0, item[0] or ""))
    link_next(request, response, next_cursor)
    return {"items": [_invite(parts, code, invite) for code, invite in part], "next_cursor": next_cursor}


@router.post(
    "/rooms/{room_id}/invites", status_code=201, response_model=Invite, responses=refusals(*_CHANGING, Code.CONFLICT)
)
async def create_invite(room: InRoom, me: Me, parts: Use, asked: NewInvite = PLAIN_INVITE, key: Key = None) -> Any:
    """Make an invite."""

    async def create(place: Place) -> dict[str, Any]:
        return _invite(parts, *await parts.membership.invite(room, me.user, asked, place))

    return await parts.answers.once(Asked(me.user, f"/rooms/{room}/invites", key, asked), create)


@router.delete("/rooms/{room_id}/invites/{code}", status_code=204, responses=refusals(*_CHANGING))
async def revoke_invite(room: InRoom, code: Code_, me: Me, parts: Use) -> None:
    """Switch an invite off."""
    await parts.membership.revoke(room, me.user, code)


@router.get(
    "/invites/{code}", response_model=InvitePreview,
    responses=refusals(Code.UNAUTHENTICATED, Code.NOT_FOUND, Code.GONE),
)  # fmt: skip
async def preview_invite(code: Code_, _: Me, parts: Use) -> Any:
    """Show where an invite leads."""
    room, invite = await parts.membership.invited(code)
    facts = await parts.membership.facts(room)
    return {
        "room": {
            "id": room, "name": facts.name, "kind": facts.kind, "topic": facts.topic,
            "member_count": facts.member_count,
        },
        "expires_at": rfc3339(invite.expires_at) if invite.expires_at else None,
    }  # fmt: skip


@router.post(
    "/invites/{code}", response_model=Room,
    responses=refusals(
        Code.UNAUTHENTICATED, Code.NOT_FOUND, Code.FORBIDDEN, Code.CONFLICT, Code.GONE, Code.UNKNOWN_OUTCOME
    ),
)  # fmt: skip
async def accept_invite(code: Code_, me: Me, parts: Use, _: NoFields = NO_FIELDS) -> Any:
    """Join by an invite."""
    return await shown_room(parts, await parts.membership.accept(code, me.user), me.user)


async def _member(parts: Parts, room: RoomId, user: UserId) -> dict[str, Any]:
    member = await parts.membership.member(room, user)
    account = parts.accounts.book.get(user)
    if member is None or account is None:
        raise Refused(Code.NOT_FOUND, "there is no such member")
    cursor = await parts.cursors.of(room, user)
    read_seq = max(cursor.seq or 0, member.joined_seq)
    return {"user": account.user(), "role": member.role, "joined_seq": member.joined_seq, "read_seq": read_seq}


def _invite(parts: Parts, code: str | None, invite: InviteState) -> dict[str, Any]:
    return {
        "code": code,
        "url": f"{parts.settings.public_url}/invite/{code}" if code else None,
        "expires_at": rfc3339(invite.expires_at) if invite.expires_at else None,
        "max_uses": invite.max_uses,
        "uses": invite.uses,
    }
