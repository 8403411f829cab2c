"""Random access to logs on a real broker."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable

import pytest

from kaftalk_roomlog.errors import OutOfRange, UnknownTopic
from kaftalk_roomlog.ranges import RoomLogRange
from kaftalk_roomlog.snapshots import SnapshotLog
from kaftalk_roomlog.topics import Topics, TopicSpec
from kaftalk_roomlog.writer import RoomLogWriter
from kaftalk_runtime.kafka import Kafka

MakeRooms = Callable[[int], Awaitable[list[str]]]


async def filled(writer: RoomLogWriter, make_rooms: MakeRooms, count: int, size: int = 10) -> str:
    (topic,) = await make_rooms(1)
    done: list[object] = []
    for n in range(count):
        writer.submit(topic, b"%d|" % n + b"x" * size, done.append)
    while len(done) < count:
        await asyncio.sleep(0.01)
    return str(topic)


async def test_any_range_is_read_exactly(writer: RoomLogWriter, ranges: RoomLogRange, make_rooms: MakeRooms) -> None:
    topic = await filled(writer, make_rooms, 100)
    for start, stop in ((0, 100), (0, 1), (99, 100), (37, 61), (50, 50)):
        assert [record.offset for record in await ranges.read(topic, start, stop)] == list(range(start, stop))


async def test_a_range_ends_early_only_where_the_bytes_end(
    writer: RoomLogWriter, ranges: RoomLogRange, make_rooms: MakeRooms
) -> None:
    topic = await filled(writer, make_rooms, 100, size=1_000)
    assert 5 <= len(await ranges.read(topic, 0, 100, bytes_max=10_000)) <= 10
    assert len(await ranges.read(topic, 0, 100, bytes_max=1)) == 1


async def test_bounds_of_one_and_of_many(writer: RoomLogWriter, ranges: RoomLogRange, make_rooms: MakeRooms) -> None:
    topic = await filled(writer, make_rooms, 7)
    empty, *_ = await make_rooms(1)
    assert await ranges.bounds(topic) == (0, 7)
    assert await ranges.bounds(empty) == (0, 0)
    assert await ranges.end_offsets([topic, empty]) == {topic: 7, empty: 0}
    assert await ranges.end_offsets([]) == {}


async def test_what_is_not_in_the_log_is_said_with_its_bounds(
    writer: RoomLogWriter, ranges: RoomLogRange, make_rooms: MakeRooms
) -> None:
    topic = await filled(writer, make_rooms, 7)
    for start, stop in ((5, 9), (20, 30)):
        with pytest.raises(OutOfRange) as error:
            await ranges.read(topic, start, stop)
        assert (error.value.start, error.value.end) == (0, 7)


async def test_an_unknown_topic_is_said_at_once(ranges: RoomLogRange) -> None:
    name = f"room.{uuid.uuid4()}.0"
    with pytest.raises(UnknownTopic):
        await ranges.read(name, 0, 1)
    with pytest.raises(UnknownTopic):
        await ranges.bounds(name)
    with pytest.raises(UnknownTopic):
        await ranges.partitions(name)


async def test_the_record_at_a_time_is_found(
    writer: RoomLogWriter, ranges: RoomLogRange, make_rooms: MakeRooms
) -> None:
    (topic,) = await make_rooms(1)
    times = []
    for n in range(3):
        times.append((await writer.append(topic, b"%d" % n)).ts)
        await asyncio.sleep(0.02)
    assert [await ranges.offset_at(topic, ts) for ts in times] == [0, 1, 2]
    assert await ranges.offset_at(topic, times[0] - 60_000) == 0
    assert await ranges.offset_at(topic, times[2] + 1) is None


async def test_the_records_at_times_are_found_in_many_logs_at_once(
    writer: RoomLogWriter, ranges: RoomLogRange, make_rooms: MakeRooms
) -> None:
    first, second, empty = await make_rooms(3)
    times = []
    for topic in (first, first, second):
        times.append((await writer.append(topic, b"x")).ts)
        await asyncio.sleep(0.02)
    asked = {first: times[1], second: times[2] + 1, empty: times[0]}
    assert await ranges.offsets_at(asked) == {first: 1, second: None, empty: None}
    assert await ranges.offsets_at({}) == {}
    with pytest.raises(UnknownTopic):
        await ranges.offsets_at(asked | {f"room.{uuid.uuid4()}.0": 0})


@pytest.mark.parametrize(("before", "floor"), [(700, 0), (700, 650), (300, 10), (1, 0), (0, 0)])
async def test_a_walk_back_meets_every_record_once_newest_first(
    writer: RoomLogWriter, ranges: RoomLogRange, make_rooms: MakeRooms, before: int, floor: int
) -> None:
    topic = await filled(writer, make_rooms, 700)
    chunks = [[record.offset for record in chunk] async for chunk in ranges.walk_back(topic, before, floor=floor)]
    assert [offset for chunk in reversed(chunks) for offset in chunk] == list(range(floor, before))


async def test_a_walk_forward_meets_every_record_once(
    writer: RoomLogWriter, ranges: RoomLogRange, make_rooms: MakeRooms
) -> None:
    topic = await filled(writer, make_rooms, 700)
    chunks = [[record.offset for record in chunk] async for chunk in ranges.walk_forward(topic, 5, stop=700)]
    assert [offset for chunk in chunks for offset in chunk] == list(range(5, 700))


async def test_many_reads_at_once_share_few_connections(
    writer: RoomLogWriter, ranges: RoomLogRange, make_rooms: MakeRooms
) -> None:
    topic = await filled(writer, make_rooms, 50)
    found = await asyncio.gather(*(ranges.read(topic, n, n + 1) for n in range(50)))
    assert [records[0].offset for records in found] == list(range(50))
    assert len({group for _, group in ranges._wire._client._conns} - {"any"}) <= 4


async def test_large_records_are_read_whole(writer: RoomLogWriter, ranges: RoomLogRange, make_rooms: MakeRooms) -> None:
    (topic,) = await make_rooms(1)
    for n in range(5):
        await writer.append(topic, bytes([65 + n]) * 120_000)
    assert [record.value[:1] for record in await ranges.read(topic, 0, 5)] == [b"A", b"B", b"C", b"D", b"E"]


async def test_snapshots_come_back_newest_of_each_room_however_large(kafka: Kafka, topics: Topics) -> None:
    name = f"snapshots.{uuid.uuid4()}"
    await topics.ensure_system_topics([TopicSpec(name, partitions=4, compacted=True, record_bytes_max=8 << 20)])
    snapshots = SnapshotLog(kafka, name, shards=4)
    await snapshots.start()
    for n in range(12):
        await snapshots.write(f"room-{n}", b"old")
        await snapshots.write(f"room-{n}", b"x" * (7 << 20) if n == 3 else b"new-%d" % n)
    await snapshots.write("room-5", None)
    shards = [await snapshots.read_shard(shard) for shard in range(4)]
    await snapshots.stop()
    found = {room: value for shard in shards for room, value in shard.items()}
    assert len(found.pop("room-3")) == 7 << 20
    assert found == {f"room-{n}": b"new-%d" % n for n in range(12) if n not in (3, 5)}
