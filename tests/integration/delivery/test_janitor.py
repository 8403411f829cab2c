"""What is deleted for good leaves Kafka and Redis when its time has come, and nothing else does."""

import time
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import pytest_asyncio

from kaftalk_delivery.janitor import ERASED_KEPT_MS, KEPT_MS, Janitor
from kaftalk_delivery.owned_rooms import OwnedRoom, OwnedRooms
from kaftalk_protocol.records import Reaction
from kaftalk_protocol.topics import ROOMS, SNAPSHOTS, room_topic
from kaftalk_roomlog.inspection import Inspection
from kaftalk_roomlog.ranges import RoomLogRange
from kaftalk_roomlog.snapshots import SnapshotLog
from kaftalk_runtime.kafka import Kafka
from kaftalk_testing.delivery_stack import SHARDS, DeliveryStack
from kaftalk_testing.seeded_rooms import SeededRoom
from kaftalk_views.catch_up import CatchUp
from kaftalk_views.placements import decode

pytestmark = pytest.mark.slow
DAY_MS = 24 * 3600 * 1000


class TurnedClock:
    """Now, and whatever a test adds."""

    def __init__(self) -> None:
        self.ahead_ms = 0

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000 + self.ahead_ms

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        raise AssertionError(seconds)


class Cleaned:
    """A janitor over one room, what it let go of, and what is left."""

    def __init__(self, stack: DeliveryStack, room: SeededRoom, snapshots: SnapshotLog, ranges: RoomLogRange) -> None:
        self.stack, self.room, self.ranges = stack, room, ranges
        self.clock, self.rooms, self.dropped = TurnedClock(), OwnedRooms(), list[OwnedRoom]()
        writer, topics = stack.seed.writer, stack.seed.topics
        self.janitor = Janitor(self.rooms, topics, snapshots, writer, stack.views, self.clock, drop=self.dropped.append)

    def own(self, **changes: object) -> None:
        """Own the room with a changed placement."""
        placement = replace(self.room.placement, **changes)  # type: ignore[arg-type]
        self.rooms.put(placement, self.stack.views.shard(self.room.id))

    async def topics(self) -> list[int]:
        """Give the epochs that still have topics."""
        inspection = Inspection(Kafka(self.stack.stack.kafka_bootstrap))
        await inspection.start()
        try:
            return [n for n in range(3) if await inspection.topics([room_topic(self.room.id, n)])]
        finally:
            await inspection.stop()

    async def keys(self) -> list[str]:
        """Give the keys of the room that Redis still has."""
        return [str(key) for key in await self.stack.redis.run("KEYS", f"room:{self.room.id}*")]

    async def placement(self) -> object:
        """Give the newest record of the room in `kaftalk.rooms`; None for a tombstone."""
        shard = self.stack.views.shard(self.room.id)
        end = await self.ranges.end_offset(ROOMS, partition=shard)
        records = await self.ranges.read(ROOMS, 0, end, partition=shard)
        newest = [one for one in records if one.key == self.room.id.encode()][-1]
        return None if newest.deleted else decode(newest.key, newest.value)


@pytest_asyncio.fixture
async def cleaned(running_delivery: DeliveryStack) -> AsyncIterator[Cleaned]:
    stack = running_delivery
    await stack.one_instance()
    kafka = Kafka(stack.stack.kafka_bootstrap)
    snapshots, ranges = SnapshotLog(kafka, SNAPSHOTS, shards=SHARDS), RoomLogRange(kafka)
    await snapshots.start()
    await ranges.start()
    (room,) = await stack.seed.rooms(1)
    (seq,) = await stack.seed.chat(room, [1])
    (last,) = await stack.seed.append(room, Reaction(by=room.owner, target=seq, emoji="👍", on=True))
    await CatchUp(stack.views, ranges).project_to(room.placement, last)
    yield Cleaned(stack, room, snapshots, ranges)
    await snapshots.stop()
    await ranges.stop()


async def test_a_deleted_room_goes_a_day_later_with_all_that_redis_had_of_it(cleaned: Cleaned) -> None:
    cleaned.own(status="deleted", deleted_ms=cleaned.clock.now_ms())
    await cleaned.janitor.clean()
    assert (await cleaned.topics(), cleaned.dropped) == ([0], [])
    assert any("reactions" in key for key in await cleaned.keys())
    cleaned.clock.ahead_ms = KEPT_MS + 1
    await cleaned.janitor.clean()
    assert await cleaned.topics() == []
    assert await cleaned.keys() == []
    assert await cleaned.placement() is None
    assert [room.id for room in cleaned.dropped] == [cleaned.room.id]


async def test_erased_epochs_go_once_nothing_is_passed_on_any_more(cleaned: Cleaned) -> None:
    await cleaned.stack.seed.topics.create_room_topics([room_topic(cleaned.room.id, 1)])
    cleaned.own(epoch=1, copied=3, erased_ms=cleaned.clock.now_ms())
    await cleaned.janitor.clean()
    assert await cleaned.topics() == [0, 1]
    cleaned.clock.ahead_ms = ERASED_KEPT_MS + 1
    await cleaned.janitor.clean()
    assert await cleaned.topics() == [1]
    assert await cleaned.placement() == replace(cleaned.room.placement, epoch=1, copied=3)
    assert cleaned.dropped == []


async def test_rooms_that_live_are_left_alone(cleaned: Cleaned) -> None:
    cleaned.own()
    cleaned.clock.ahead_ms = 1_000 * DAY_MS
    await cleaned.janitor.clean()
    assert (await cleaned.topics(), cleaned.dropped) == ([0], [])
    assert await cleaned.keys() != []
