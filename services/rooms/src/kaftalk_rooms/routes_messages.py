"""Messages, reactions and read cursors: `/rooms/{id}/messages`, `/rooms/{id}/read`."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query
from pydantic import TypeAdapter, ValidationError

from kaftalk_protocol.client_frames import SEQ_MAX
from kaftalk_protocol.errors import Code, Refused
from kaftalk_protocol.text import Emoji
from kaftalk_rest.kept_answers import Place
from kaftalk_rest.kept_answers import Request as Asked
from kaftalk_rest.parameters import Key, PageSize, PlainDigits
from kaftalk_rest.problems import refusals
from kaftalk_rooms.parts import AtSeq, InRoom, Me, Use
from kaftalk_rooms.shapes import Event, MessagePatch, NewMessage, Page, Readers, ReadTo, Stored

KEPT_S = 30 * 24 * 3600

router = APIRouter(prefix="/rooms/{room_id}", tags=["messages"])

_MEMBERS = (Code.UNAUTHENTICATED, Code.NOT_FOUND, Code.NOT_MEMBER)
_CHANGING = (*_MEMBERS, Code.FORBIDDEN, Code.UNKNOWN_OUTCOME)
_EMOJI: TypeAdapter[str] = TypeAdapter(Emoji)

Place_ = Annotated[int | None, Query(ge=0, le=SEQ_MAX), PlainDigits]


def _emoji(_me: Me, emoji: Annotated[str, Path()]) -> str:
    try:
        return _EMOJI.validate_python(emoji)
    except ValidationError as error:
        raise Refused(Code.INVALID, "is not one emoji of at most 64 bytes", field="emoji") from error


WithEmoji = Annotated[str, Depends(_emoji)]


@router.get("/messages", response_model=Page, responses=refusals(*_MEMBERS))
async def get_messages(
    room: InRoom, me: Me, parts: Use, before: Place_ = None, after: Place_ = None, around: Place_ = None,
    limit: PageSize = 50,
) -> Any:  # fmt: skip
    """Give a page of the history: the newest, or that before, after or around a seq."""
    if sum(place is not None for place in (before, after, around)) > 1:
        raise Refused(Code.INVALID, "takes one of before, after, around")
    return await parts.messages.page(room, me.user, before=before, after=after, around=around, limit=limit)


@router.post(
    "/messages", status_code=201, response_model=Stored,
    responses=refusals(*_CHANGING, Code.ARCHIVED, Code.CONFLICT, Code.RATE_LIMITED),
)  # fmt: skip
async def send_message(room: InRoom, asked: NewMessage, me: Me, parts: Use, key: Key = None) -> Any:
    """Send a message; with an `Idempotency-Key` it is stored once, however often it is repeated within 30 days."""

    async def send(_: Place) -> dict[str, Any]:
        made = await parts.messages.send(room, me.user, asked, key)
        return {"epoch": made.epoch, "seq": made.seq}

    await parts.membership.require_member(room, me.user)
    return await parts.answers.once(Asked(me.user, f"/rooms/{room}/messages", key, asked, KEPT_S), send)


@router.get("/messages/{seq}", response_model=Event, responses=refusals(*_MEMBERS))
async def get_message(room: InRoom, seq: AtSeq, me: Me, parts: Use) -> Any:
    """Give one message as of now."""
    return await parts.messages.message(room, me.user, seq)


@router.patch("/messages/{seq}", response_model=Event, responses=refusals(*_CHANGING, Code.GONE))
async def edit_message(room: InRoom, seq: AtSeq, patch: MessagePatch, me: Me, parts: Use) -> Any:
    """Replace the text of an own message."""
    await parts.messages.edit(room, me.user, seq, patch)
    return await parts.messages.message(room, me.user, seq)


@router.delete("/messages/{seq}", status_code=204, responses=refusals(*_CHANGING))
async def delete_message(room: InRoom, seq: AtSeq, me: Me, parts: Use) -> None:
    """Take a message away for everybody."""
    await parts.messages.delete(room, me.user, seq)


@router.put(
    "/messages/{seq}/reactions/{emoji}", status_code=204, responses=refusals(*_CHANGING, Code.GONE, Code.CONFLICT)
)
async def add_reaction(room: InRoom, seq: AtSeq, emoji: WithEmoji, me: Me, parts: Use) -> None:
    """Put an emoji at a message."""
    await parts.messages.react(room, me.user, seq, emoji, on=True)


@router.delete("/messages/{seq}/reactions/{emoji}", status_code=204, responses=refusals(*_CHANGING, Code.GONE))
async def remove_reaction(room: InRoom, seq: AtSeq, emoji: WithEmoji, me: Me, parts: Use) -> None:
    """Take one's emoji away from a message."""
    await parts.messages.react(room, me.user, seq, emoji, on=False)


@router.put("/read", status_code=204, responses=refusals(*_MEMBERS))
async def set_read(room: InRoom, asked: ReadTo, me: Me, parts: Use) -> None:
    """Move one's read cursor up."""
    if await parts.messages.read(room, me.user, asked.seq):
        await parts.notices.read(room, me.user, asked.seq)


@router.get("/messages/{seq}/readers", response_model=Readers, responses=refusals(*_MEMBERS))
async def count_readers(room: InRoom, seq: AtSeq, me: Me, parts: Use) -> Any:
    """Count who has read up to a message."""
    return {"count": await parts.messages.readers(room, me.user, seq)}
