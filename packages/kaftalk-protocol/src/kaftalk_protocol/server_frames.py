"""Frames from the gateway to a client: a closed tagged union on `t`.

`event` frames are joined from stored bytes (`event_frame`), never re-serialised; the models here are the
contract for all of them, and write the small ones.
"""

from typing import Annotated, Any, Literal

import pydantic_core
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from kaftalk_protocol.ids import RoomId, SessionId, StreamId, UserId
from kaftalk_protocol.quiet_records import Digest, PierceReason, Window
from kaftalk_protocol.records import HistoryPolicy, Role, RoomKind

SERVER_FRAME_BYTES_MAX = 1024 * 1024


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class User(_Closed):
    """A user as others see her."""

    id: UserId
    username: str
    display_name: str
    kind: Literal["person", "bot"]
    active: bool


class Event(_Closed):
    """One event of a room's log; `prev` is the room's previous shown event."""

    epoch: int
    seq: int
    prev: int | None
    ts: int
    e: dict[str, Any]


class Me(_Closed):
    """One's own membership."""

    role: Role
    joined_seq: int


class Room(_Closed):
    """A room as in `GET /rooms/{id}`."""

    id: RoomId
    name: str | None
    kind: RoomKind
    topic: str | None
    history: HistoryPolicy
    members_invite: bool
    created_at: str
    created_by: UserId
    member_count: int
    archived: bool
    peer: User | None
    me: Me | None


class RoomEntry(Room):
    """A room as in `GET /rooms`: plus, flat, what is one's own about it."""

    unread: int
    mentions: int
    last_event: Event | None
    head: int
    read_seq: int
    muted_until: str | None


class RemovedRoom(_Closed):
    """A room that is no longer one's own."""

    id: RoomId
    reason: Literal["left", "kicked", "deleted"]


class Page(_Closed):
    """All that is visible in `(from, to]`, as of `as_of`."""

    epoch: int
    from_: int = Field(alias="from")
    to: int
    as_of: int
    items: list[Event]
    has_before: bool
    has_after: bool

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class _Frame(_Closed):
    def encode(self) -> bytes:
        """Write the frame as compact JSON, with the names of the wire; optional fields that are null stay out."""
        data = self.model_dump(by_alias=True)
        optional = {name for name, field in type(self).model_fields.items() if not field.is_required()}
        return pydantic_core.to_json({k: v for k, v in data.items() if v is not None or k not in optional})


class Limits(_Closed):
    """What the server takes and gives."""

    text: int
    media: int
    frame_bytes: int
    server_frame_bytes: int
    resume_events: int
    sends_per_s: int


class Welcome(_Frame):
    """The session is open."""

    t: Literal["welcome"] = "welcome"
    user: User
    gateway: str
    now: int
    heartbeat_ms: int
    limits: Limits
    features: list[str]


class EventFrame(Event):
    """One event, live or resumed."""

    t: Literal["event"]
    room: RoomId
    past_hold: bool | None = None


class Resumed(_Frame):
    """All that was missed in a room has been sent."""

    t: Literal["resumed"] = "resumed"
    room: RoomId
    epoch: int
    from_: int = Field(alias="from")
    to: int
    count: int

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Reset(_Frame):
    """Drop what you have of a room, load a page, go on from `seq`."""

    t: Literal["reset"] = "reset"
    room: RoomId
    epoch: int | None = Field()
    seq: int | None = Field()
    reason: Literal["epoch", "retention", "too_far", "not_member"]


class Ack(_Frame):
    """The request is stored on Kafka; a repeat says `dup`, and may not know its place."""

    t: Literal["ack"] = "ack"
    id: str
    room: RoomId
    epoch: int | None = Field()
    seq: int | None = Field()
    dup: bool | None = None


class Error(_Frame):
    """A request failed; the connection stays open."""

    t: Literal["error"] = "error"
    id: str | None = None
    code: str
    detail: str
    retry_after_ms: int | None = None


class PageFrame(Page):
    """The answer to `history`."""

    t: Literal["page"]
    id: str
    room: RoomId


class RoomFrame(_Frame):
    """A room was added, changed or removed."""

    t: Literal["room"] = "room"
    change: Literal["added", "updated", "removed"]
    room: RoomEntry | RemovedRoom


class Typing(_Frame):
    """Somebody is typing."""

    t: Literal["typing"] = "typing"
    room: RoomId
    user: UserId
    kind: Literal["text", "voice", "none"]


class Presence(_Frame):
    """The presence of somebody."""

    t: Literal["presence"] = "presence"
    user: UserId
    state: Literal["online", "away", "quiet", "offline"]
    until: int | None = None


class Read(_Frame):
    """A read cursor moved."""

    t: Literal["read"] = "read"
    room: RoomId
    user: UserId
    seq: int


class UserFrame(_Frame):
    """Somebody with whom one shares a room changed."""

    t: Literal["user"] = "user"
    user: User


class Quiet(_Frame):
    """One's own quiet hours."""

    t: Literal["quiet"] = "quiet"
    active: bool
    until: int | None = Field()
    next_start: int | None = Field()


class HeldCount(_Closed):
    """What is held of a room."""

    count: int
    mentions: int


class Held(_Frame):
    """What is held: whole after `welcome`, then the rooms that changed."""

    t: Literal["held"] = "held"
    rooms: dict[RoomId, HeldCount]
    total: int


class Alert(_Frame):
    """A message sounds in spite of a hold; it stays held."""

    t: Literal["alert"] = "alert"
    room: RoomId
    seq: int
    by: UserId
    reason: PierceReason


class ReleasedRoom(_Closed):
    """What was held of a room: the items in `(from, to]`, as of `to`; older ones come by `history before`."""

    room: RoomId
    epoch: int
    from_: int = Field(alias="from")
    to: int
    items: list[Event]

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Release(_Frame):
    """A part of what was held, at the end of a hold; `digest` is in part 1."""

    t: Literal["release"] = "release"
    release_id: str
    part: int
    of: int
    window: Window
    late_by_s: int | None = None
    digest: Digest | None = None
    rooms: list[ReleasedRoom]


class Pong(_Frame):
    """The answer to `ping`."""

    t: Literal["pong"] = "pong"
    id: str
    now: int


class Drain(_Frame):
    """The gateway will go: reconnect after `after_ms`."""

    t: Literal["drain"] = "drain"
    after_ms: int


ServerFrame = Annotated[
    Welcome | EventFrame | Resumed | Reset | Ack | Error | PageFrame | RoomFrame | Typing | Presence | Read | UserFrame
    | Quiet | Held | Alert | Release | Pong | Drain,
    Field(discriminator="t"),
]  # fmt: skip
FRAME: TypeAdapter[Any] = TypeAdapter(ServerFrame)


def event_frame(room: RoomId, epoch: int, seq: int, prev: int | None, ts: int, record: bytes) -> bytes:
    """Join an `event` frame around a record as it is stored; the same bytes for every socket."""
    before = "null" if prev is None else str(prev)
    head = f'{{"t":"event","room":"{room}","epoch":{epoch},"seq":{seq},"prev":{before},"ts":{ts},"e":'
    return head.encode() + record + b"}"


def event_ts(frame: bytes) -> int:
    """Read the time of an `event` frame (ms) without parsing the record."""
    start = frame.index(b'"ts":') + 5
    return int(frame[start : frame.index(b",", start)])


def past_hold(frame: bytes) -> bytes:
    """Mark an `event` frame as one that passes a hold: the client shows it and stays where it is."""
    return frame[:-1] + b',"past_hold":true}'


__all__ = [
    "FRAME", "SERVER_FRAME_BYTES_MAX", "Ack", "Alert", "Drain", "Error", "Event", "EventFrame", "Held", "HeldCount",
    "Limits", "Me", "Page", "PageFrame", "Pong", "Presence", "Quiet", "Read", "Release", "ReleasedRoom", "RemovedRoom",
    "Reset", "Resumed", "Room", "RoomEntry", "RoomFrame", "ServerFrame", "SessionId", "StreamId", "Typing", "User",
    "UserFrame", "Welcome", "event_frame", "event_ts", "past_hold",
]  # fmt: skip
