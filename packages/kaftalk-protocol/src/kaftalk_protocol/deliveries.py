"""The link between a delivery instance and a gateway: control as JSON objects tagged `t`, events in binary batches.

One WebSocket a pair, opened by the gateway. What is on one link is in order, so a `subscribed` answer and the
batches after it fit together without a gap.
"""

import struct
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from kaftalk_protocol.ids import RoomId, UserId

SUBPROTOCOL = "kaftalk.link.v1"
PATH = "/link"
ERASE_PATH = "/internal/erase"

MEMBERSHIP = 1
"""Flag: the event changes members or the room itself; the gateway reads it before it delivers."""
DELETION = 2
"""Flag: the event takes a message away; the gateway blanks it in its tail."""
EDIT = 4
"""Flag: the event carries words or media of an older message, which not every member may have."""


class EraseRoom(BaseModel):
    """The body of a POST to `ERASE_PATH`: write a room again without what is deleted."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    room: RoomId


@dataclass(frozen=True, slots=True)
class RoomEvent:
    """One shown event for the sockets of a room; `frame` is the whole `event` frame as JSON."""

    room: RoomId
    epoch: int
    seq: int
    prev: int | None
    flags: int
    frame: bytes
    trace: bytes | None = None
    """The `traceparent` of whoever caused it, if that is traced."""


_BATCH = struct.Struct(">QI")
_EVENT = struct.Struct(">16sIQqBI")
_TRACE = struct.Struct(">I55s")


def encode_batch(number: int, events: Sequence[RoomEvent]) -> bytes:
    """Join events of many rooms into one binary message; `number` is what the gateway acknowledges.

    Behind them stand the traces of those that have one, by their place; who does not know of traces does not look.
    """
    parts = [_BATCH.pack(number, len(events))]
    for event in events:
        room = uuid.UUID(event.room).bytes
        prev = -1 if event.prev is None else event.prev
        parts += (_EVENT.pack(room, event.epoch, event.seq, prev, event.flags, len(event.frame)), event.frame)
    parts += [_TRACE.pack(place, event.trace) for place, event in enumerate(events) if event.trace is not None]
    return b"".join(parts)


def decode_batch(data: bytes) -> tuple[int, list[RoomEvent]]:
    """Split a binary message into its number and events.

    Raises struct.error or ValueError if it is cut short.
    """
    number, count = _BATCH.unpack_from(data)
    at, events = _BATCH.size, []
    for _ in range(count):
        room, epoch, seq, prev, flags, size = _EVENT.unpack_from(data, at)
        at += _EVENT.size
        frame = data[at : at + size]
        if len(frame) != size:
            raise ValueError("batch is cut short")
        at += size
        room_id = RoomId(str(uuid.UUID(bytes=room)))
        events.append(RoomEvent(room_id, epoch, seq, None if prev < 0 else prev, flags, frame))
    while at < len(data):
        place, trace = _TRACE.unpack_from(data, at)
        at += _TRACE.size
        events[place] = replace(events[place], trace=trace)
    return number, events


class _Control(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    def encode(self) -> str:
        """Write the control message as JSON."""
        return self.model_dump_json()


# --- gateway → delivery ---


class LinkHello(_Control):
    """Who opens the link."""

    t: Literal["hello"] = "hello"
    gateway: str


class Subscribe(_Control):
    """Rooms whose first member connected here."""

    t: Literal["subscribe"] = "subscribe"
    rooms: list[RoomId]


class Unsubscribe(_Control):
    """Rooms whose last member left here."""

    t: Literal["unsubscribe"] = "unsubscribe"
    rooms: list[RoomId]


class BatchAck(_Control):
    """All batches up to `number` are taken."""

    t: Literal["ack"] = "ack"
    number: int


class Signal(_Control):
    """Something that never touches Kafka, for the other members of `room` that are connected.

    `kind` is `typing` (value text|voice|none), `presence` (value online|away|offline|quiet) or `read` (value a seq).
    """

    t: Literal["signal"] = "signal"
    kind: Literal["typing", "presence", "read"]
    room: RoomId
    user: UserId
    value: str | int


# --- delivery → gateway ---


class Shards(_Control):
    """The shards that this instance owns; sent first and at every change."""

    t: Literal["shards"] = "shards"
    instance: str
    owned: list[int]
    of: int


class RoomHead(_Control):
    """Where a room's log stands: from here on its events come by this link."""

    epoch: int
    base: int
    applied_seq: int
    shown_seq: int | None


class Subscribed(_Control):
    """The answer to `subscribe`; `unknown` are rooms that this instance does not own or cannot load now (ask again)."""

    t: Literal["subscribed"] = "subscribed"
    rooms: dict[RoomId, RoomHead]
    unknown: list[RoomId] = []


class Heads(_Control):
    """The last shown seq of the rooms that changed; once a second, also when empty: the link's heartbeat."""

    t: Literal["heads"] = "heads"
    rooms: dict[RoomId, int]


class Behind(_Control):
    """This gateway's queue was full and has been emptied: pull every subscribed room of this link from the log."""

    t: Literal["behind"] = "behind"


class Joined(_Control):
    """`user` is online at this gateway and became a member of `room` at `seq`."""

    t: Literal["joined"] = "joined"
    room: RoomId
    user: UserId
    seq: int


class Voided(_Control):
    """The record at `seq`, by `user`, was void for `reason` (an error code; `duplicate` for a repeat)."""

    t: Literal["voided"] = "voided"
    room: RoomId
    user: UserId
    seq: int
    reason: str


class Signals(_Control):
    """Signals of the last 200 ms."""

    t: Literal["signals"] = "signals"
    items: list[Signal]


ToDelivery = Annotated[LinkHello | Subscribe | Unsubscribe | BatchAck | Signal, Field(discriminator="t")]
ToGateway = Annotated[Shards | Subscribed | Heads | Behind | Joined | Voided | Signals, Field(discriminator="t")]
TO_DELIVERY: TypeAdapter[Any] = TypeAdapter(ToDelivery)
TO_GATEWAY: TypeAdapter[Any] = TypeAdapter(ToGateway)
