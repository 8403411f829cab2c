"""Rooms that lie on Kafka without the rooms service: topics, records and placements, for tests and benchmarks."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from kaftalk_protocol import topics as names
from kaftalk_protocol.ids import RoomId, StreamId, UserId
from kaftalk_protocol.records import AnyRecord, Message, Room, encode
from kaftalk_protocol.topics import Placement
from kaftalk_roomlog.snapshots import SNAPSHOT_BYTES_MAX
from kaftalk_roomlog.topics import Topics, TopicSpec
from kaftalk_roomlog.writer import RoomLogWriter
from kaftalk_runtime.kafka import Kafka
from kaftalk_views import placements

_AT_ONCE = 64


@dataclass(frozen=True, slots=True)
class SeededRoom:
    """A public room with one owner and a stream of hers."""

    placement: Placement
    owner: UserId
    stream: StreamId

    @property
    def id(self) -> RoomId:
        """The room's id."""
        return self.placement.room

    def message(self, n: int, text: str = "hello", *, by: UserId | None = None) -> Message:
        """Write message `n` of the owner's stream."""
        return Message(id=f"{self.stream}:{n}", by=by or self.owner, text=text)


class RoomSeed:
    """Makes rooms and appends to them."""

    def __init__(self, topics: Topics, writer: RoomLogWriter) -> None:
        self.topics = topics
        self.writer = writer

    async def system_topics(self, shards: int) -> None:
        """Create what the rooms service creates at its start."""
        await self.topics.ensure_system_topics(
            [
                TopicSpec(names.ROOMS, shards, compacted=True),
                TopicSpec(names.SNAPSHOTS, shards, compacted=True, record_bytes_max=SNAPSHOT_BYTES_MAX),
                TopicSpec(names.CURSORS, shards, compacted=True),
                TopicSpec(names.MEDIA, shards, compacted=True),
            ]
        )

    async def rooms(self, count: int) -> list[SeededRoom]:
        """Make rooms: topic, first record, placement."""
        made = await self.unplaced(count)
        await asyncio.gather(*(self.place(room.placement) for room in made))
        return made

    async def unplaced(self, count: int, openings: Sequence[Room] = ()) -> list[SeededRoom]:
        """Make rooms up to their first record; nobody knows of them yet. `openings` are the first records."""
        made = [_room(opening.by) for opening in openings] or [_room(_user()) for _ in range(count)]
        firsts = openings or [_opening(room.owner) for room in made]
        await self.topics.create_room_topics([room.placement.topic for room in made])
        opened = list(zip(made, firsts, strict=True))
        for start in range(0, count, _AT_ONCE):
            await asyncio.gather(*(self._open(*one) for one in opened[start : start + _AT_ONCE]))
        return made

    async def append(self, room: SeededRoom, *records: AnyRecord) -> list[int]:
        """Append records in order and give their seqs."""
        stored = [await self.writer.append(room.placement.topic, encode(record)) for record in records]
        return [room.placement.seq(one.offset) for one in stored]

    async def chat(self, room: SeededRoom, ns: Sequence[int]) -> list[int]:
        """Append messages `ns` of the owner and give their seqs."""
        return await self.append(room, *(room.message(n, f"message {n}") for n in ns))

    async def place(self, placement: Placement) -> None:
        """Write a placement."""
        await placements.publish(self.writer, placement)

    async def _open(self, room: SeededRoom, opening: Room) -> None:
        await self.topics.await_visible(room.placement.topic, timeout_s=60.0)
        await self.append(room, opening)


@asynccontextmanager
async def room_seed(bootstrap: str) -> AsyncIterator[RoomSeed]:
    """Connect to a broker for making rooms."""
    kafka = Kafka(bootstrap, client_id="seed")
    seed = RoomSeed(Topics(kafka), RoomLogWriter(kafka))
    await seed.topics.start()
    await seed.writer.start()
    try:
        yield seed
    finally:
        await seed.writer.stop()
        await seed.topics.stop()


def _room(owner: UserId) -> SeededRoom:
    return SeededRoom(Placement(RoomId(str(uuid.uuid4()))), owner, StreamId(str(uuid.uuid4())))


def _opening(owner: UserId) -> Room:
    return Room(by=owner, kind="public", name="tea", members={owner: "owner"})


def _user() -> UserId:
    return UserId(str(uuid.uuid4()))
