"""What is held and what was released: `/me/held`, `/me/releases`; and others: `/users/{id}/quiet`."""

from typing import Any

from fastapi import APIRouter, Request, Response

from kaftalk_dnd_batch.parts import Me, OfUser, Use
from kaftalk_dnd_batch.shapes import Held, HeldRoom, OthersQuiet, Release
from kaftalk_dnd_batch.shown import others_quiet, release
from kaftalk_protocol.errors import Code, Refused
from kaftalk_protocol.instants import instant_text
from kaftalk_protocol.quiet_records import Released
from kaftalk_rest.paging import link_next, part_of
from kaftalk_rest.parameters import Cursor, PageSize
from kaftalk_rest.problems import refusals
from kaftalk_rest.shapes import Listed

FAR_FUTURE_MS = 10**15

router = APIRouter(tags=["quiet hours"])


@router.get("/me/held", response_model=Held, responses=refusals(Code.UNAUTHENTICATED))
async def get_held(me: Me, parts: Use) -> Any:
    """Tell what is held now, by room."""
    state = parts.people.shown(me.user)
    hold = state.hold
    if hold is None or not state.active_at(parts.clock.now_ms()):
        return Held(active=False, until=None, total=0, rooms={})
    counts = await parts.held.of(me.user, hold.start_ms) if hold.deliver == "hold" else {}
    rooms = {
        str(room): HeldRoom(count=held.count, mentions=held.mentions, first_seq=held.first_seq)
        for room, held in counts.items()
        if held.first_seq is not None
    }
    return Held(
        active=True,
        until=instant_text(hold.end_ms),
        total=sum(held.count for held in rooms.values()),
        rooms=rooms,
    )


@router.get("/me/releases", response_model=Listed[Release], responses=refusals(Code.UNAUTHENTICATED))
async def list_releases(
    me: Me, parts: Use, request: Request, response: Response, limit: PageSize = 50, cursor: Cursor = None
) -> Any:
    """List what was released in the last 7 days, newest first."""
    part, next_cursor = part_of(await parts.people.digests(me.user), limit, cursor, _newest_first)
    link_next(request, response, next_cursor)
    return {"items": [release(released) for released in part], "next_cursor": next_cursor}


@router.get(
    "/users/{user_id}/quiet", response_model=OthersQuiet, responses=refusals(Code.UNAUTHENTICATED, Code.NOT_FOUND)
)
async def get_quiet_of_user(user: OfUser, parts: Use) -> Any:
    """Tell before one writes whether somebody is in quiet hours; nothing if that person does not share it."""
    if await parts.users.one(user) is None:
        raise Refused(Code.NOT_FOUND, "there is no such user")
    return others_quiet(parts.people.shown(user), parts.clock.now_ms())


def _newest_first(released: Released) -> tuple[Any, ...]:
    return (FAR_FUTURE_MS - released.window[0], released.release_id)
