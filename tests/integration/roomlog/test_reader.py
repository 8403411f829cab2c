"""Following many logs on a real broker by fetch sessions."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable

import pytest

from kaftalk_roomlog.cluster import Wire
from kaftalk_roomlog.errors import UnknownTopic
from kaftalk_roomlog.fetch_session import SessionFetchRequest
from kaftalk_roomlog.reader import INTAKE, LogBatch, LogTrouble, RoomLogReader, Trouble
from kaftalk_roomlog.records import LogRecord, Partition
from kaftalk_roomlog.tail import TailReader
from kaftalk_roomlog.topics import Topics, TopicSpec
from kaftalk_roomlog.writer import RoomLogWriter
from kaftalk_runtime.kafka import Kafka

AwaitTrouble = Callable[[RoomLogReader], Awaitable[LogTrouble]]
Collect = Callable[[RoomLogReader, int], Awaitable[dict[str, list[LogRecord]]]]
MakeRooms = Callable[[int], Awaitable[list[str]]]

FINAL_EPOCH = -1


def offsets(records: list[LogRecord]) -> list[int]:
    return [record.offset for record in records]


async def test_rooms_of_many_shards_are_followed_from_their_offsets(
    writer: RoomLogWriter, reader: RoomLogReader, collect: Collect, make_rooms: MakeRooms
) -> None:
    rooms = await make_rooms(40)
    for topic in rooms:
        await writer.append(topic, b"before")
        await writer.append(topic, b"first")
    for n, topic in enumerate(rooms):
        reader.add(topic, 1, shard=n % 8)
    found = await collect(reader, 40)
    assert {topic: offsets(records) for topic, records in found.items()} == {topic: [1] for topic in rooms}
    assert reader.sessions == 8
    for topic in rooms:
        await writer.append(topic, b"second")
    assert all(offsets(records) == [2] for records in (await collect(reader, 40)).values())


async def test_rooms_come_and_go_while_others_are_read_without_loss(
    writer: RoomLogWriter, reader: RoomLogReader, collect: Collect, make_rooms: MakeRooms
) -> None:
    steady, *moving = await make_rooms(6)
    reader.add(steady, 0, shard=0)
    got: list[int] = []
    for n in range(60):
        topic = moving[n % 5]
        if reader.position(topic) is None:
            reader.add(topic, 0, shard=n % 3, intake=n % 2 == 0)
        else:
            reader.remove(topic)
        await writer.append(steady, b"%d" % n)
        for news in await reader.poll(0.05):
            got += offsets(news.records) if isinstance(news, LogBatch) and news.topic == steady else []
    while len(got) < 60:
        got += offsets((await collect(reader, 1)).get(steady, []))
    assert got == list(range(60))


async def test_a_new_room_is_heard_at_once_and_handed_to_its_shards_session(
    kafka: Kafka, writer: RoomLogWriter, collect: Collect, make_rooms: MakeRooms
) -> None:
    old, new = await make_rooms(2)
    reader = RoomLogReader(kafka, wait_ms=3_000)
    await reader.start()
    reader.add(old, 0, shard=5)
    await writer.append(old, b"x")
    await collect(reader, 1)
    while not all(session.fetching for session in reader._sessions.values()):
        await asyncio.sleep(0.01)
    reader.add(new, 0, shard=5, intake=True)
    await writer.append(new, b"0")
    assert offsets((await collect(reader, 1))[new]) == [0]
    assert {key for key, _ in reader._sessions} == {5, INTAKE}
    # The shard's session, woken, takes the room over; nothing is lost or told twice on the way.
    await writer.append(old, b"x")
    for n in range(1, 20):
        await writer.append(new, b"%d" % n)
    found = await collect(reader, 20)
    assert offsets(found[new]) == list(range(1, 20))
    while {key for key, _ in reader._sessions} != {5}:
        await asyncio.sleep(0.01)
    await writer.append(new, b"20")
    assert offsets((await collect(reader, 1))[new]) == [20]
    await reader.stop()


@pytest.mark.slow
async def test_adding_again_changes_nothing_and_removing_drops_what_was_fetched(
    writer: RoomLogWriter, reader: RoomLogReader, make_rooms: MakeRooms
) -> None:
    kept, dropped = await make_rooms(2)
    for topic in (kept, dropped):
        await writer.append(topic, b"x")
        reader.add(topic, 0, shard=0)
        reader.add(topic, 99, shard=7)
    while len(reader._buffer) < 2:
        await asyncio.sleep(0.01)
    reader.remove(dropped)
    reader.remove(dropped)
    assert [news.topic for news in await reader.poll()] == [kept]
    assert reader.position(dropped) is None


async def test_a_room_added_again_further_back_is_read_from_there(
    writer: RoomLogWriter, reader: RoomLogReader, collect: Collect, make_rooms: MakeRooms
) -> None:
    (topic,) = await make_rooms(1)
    for n in range(10):
        await writer.append(topic, b"%d" % n)
    reader.add(topic, 10, shard=0)
    await asyncio.sleep(0.3)
    reader.remove(topic)
    reader.add(topic, 3, shard=0)
    await writer.append(topic, b"10")
    assert offsets((await collect(reader, 8))[topic]) == list(range(3, 11))


@pytest.mark.parametrize("closed", [True, False])
@pytest.mark.slow
async def test_a_session_that_the_broker_dropped_or_disputes_begins_again(
    kafka: Kafka, writer: RoomLogWriter, reader: RoomLogReader, collect: Collect, make_rooms: MakeRooms, closed: bool
) -> None:
    """Close it unseen (FETCH_SESSION_ID_NOT_FOUND), or use up an epoch (INVALID_FETCH_SESSION_EPOCH)."""
    rooms = await make_rooms(5)
    for topic in rooms:
        reader.add(topic, 0, shard=0)
        await writer.append(topic, b"0")
    await collect(reader, 5)
    ((_, node), session), *_ = reader._sessions.items()
    intruder = Wire(kafka)
    await intruder.start()
    while not session.fetching:
        await asyncio.sleep(0.01)
    epoch = FINAL_EPOCH if closed else session._fetch._epoch + 1
    await intruder.ask(node, SessionFetchRequest((session._fetch._id, epoch), [], wait_ms=0), group="x")
    await intruder.stop()
    for n in range(1, 4):
        for topic in rooms:
            await writer.append(topic, b"%d" % n)
    found = await collect(reader, 15)
    assert {topic: offsets(records) for topic, records in found.items()} == {topic: [1, 2, 3] for topic in rooms}
    assert reader.counts.sessions_lost >= 1


async def test_an_offset_out_of_range_is_told_with_the_bounds(
    writer: RoomLogWriter, reader: RoomLogReader, await_trouble: AwaitTrouble, collect: Collect, make_rooms: MakeRooms
) -> None:
    bad, good = await make_rooms(2)
    for topic in (bad, good):
        await writer.append(topic, b"0")
    reader.add(good, 0, shard=0)
    reader.add(bad, 500, shard=0)
    trouble = await await_trouble(reader)
    assert (trouble.topic, trouble.kind, trouble.position) == (bad, Trouble.OUT_OF_RANGE, 500)
    assert (trouble.log_start, trouble.high_watermark) == (0, 1)
    reader.remove(bad)
    reader.add(bad, 0, shard=0)
    await writer.append(good, b"1")
    found = await collect(reader, 2)
    assert offsets(found[bad]) == [0]


@pytest.mark.slow
async def test_an_unknown_topic_is_told_after_a_while_and_hurts_no_other(
    reader: RoomLogReader, writer: RoomLogWriter, await_trouble: AwaitTrouble, make_rooms: MakeRooms
) -> None:
    (good,) = await make_rooms(1)
    missing = f"room.{uuid.uuid4()}.0"
    reader.add(missing, 0, shard=0)
    reader.add(good, 0, shard=0)
    await writer.append(good, b"x")
    heard: list[LogBatch] = []
    while not heard:
        heard = [news for news in await reader.poll() if isinstance(news, LogBatch)]
    assert heard[0].topic == good
    trouble = await await_trouble(reader)
    assert (trouble.topic, trouble.kind) == (missing, Trouble.UNKNOWN_TOPIC)


async def test_a_topic_that_is_made_while_it_is_awaited_is_read(
    reader: RoomLogReader, writer: RoomLogWriter, collect: Collect, topics: Topics
) -> None:
    topic = f"room.{uuid.uuid4()}.0"
    reader.add(topic, 0, shard=0, intake=True)
    await asyncio.sleep(0.1)
    await topics.create_room_topics([topic])
    await writer.append(topic, b"x")
    assert offsets((await collect(reader, 1))[topic]) == [0]


@pytest.mark.slow
async def test_a_deleted_topic_is_told_and_hurts_no_other(
    reader: RoomLogReader,
    writer: RoomLogWriter,
    collect: Collect,
    await_trouble: AwaitTrouble,
    topics: Topics,
    make_rooms: MakeRooms,
) -> None:
    gone, good = await make_rooms(2)
    for topic in (gone, good):
        reader.add(topic, 0, shard=0)
        await writer.append(topic, b"x")
    await collect(reader, 2)
    await topics.delete_topics([gone])
    trouble = await await_trouble(reader)
    assert (trouble.topic, trouble.kind) == (gone, Trouble.UNKNOWN_TOPIC)
    await writer.append(good, b"y")
    assert offsets((await collect(reader, 1))[good]) == [1]


async def test_a_leader_that_is_not_the_leader_any_more_is_looked_up(
    reader: RoomLogReader, writer: RoomLogWriter, collect: Collect, make_rooms: MakeRooms
) -> None:
    (topic,) = await make_rooms(1)
    reader._leaders._topics[topic] = (12_345,)
    writer._leaders._topics[topic] = (12_345,)
    reader.add(topic, 0, shard=0)
    assert (await writer.append(topic, b"x")).offset == 0
    assert offsets((await collect(reader, 1))[topic]) == [0]


async def test_what_is_not_polled_stops_the_fetching(
    kafka: Kafka, writer: RoomLogWriter, collect: Collect, make_rooms: MakeRooms, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kaftalk_roomlog.reader.BUFFER_BYTES_MAX", 500_000)
    (topic,) = await make_rooms(1)
    reader = RoomLogReader(kafka)
    await reader.start()
    reader.add(topic, 0, shard=0)
    for _ in range(60):
        await writer.append(topic, b"x" * 50_000)
    await asyncio.sleep(0.3)
    assert reader.counts.records < 60
    found = await collect(reader, 60)
    assert offsets(found[topic]) == list(range(60))
    await reader.stop()


@pytest.mark.slow
async def test_batches_larger_than_a_partitions_share_are_read(
    reader: RoomLogReader,
    writer: RoomLogWriter,
    kafka: Kafka,
    topics: Topics,
    collect: Collect,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("kaftalk_roomlog.fetch_session.PARTITION_BYTES_MAX", 10_000)
    rooms = [f"room.{uuid.uuid4()}.0" for _ in range(3)]
    await topics.ensure_system_topics([TopicSpec(topic) for topic in rooms])
    for topic in rooms:
        reader.add(topic, 0, shard=0)
        for _ in range(5):
            await writer.append(topic, b"x" * 60_000)
    found = await collect(reader, 15)
    assert all(offsets(records) == list(range(5)) for records in found.values())


async def test_a_background_task_that_died_shows(kafka: Kafka) -> None:
    reader = RoomLogReader(kafka)
    await reader.start()
    assert reader.healthy
    assert reader._placer
    reader._placer.cancel()
    await asyncio.sleep(0.01)
    assert not reader.healthy
    await reader.stop()


async def test_a_tail_reads_all_partitions_from_the_start_and_then_what_comes(
    kafka: Kafka, topics: Topics, writer: RoomLogWriter
) -> None:
    name = f"system.{uuid.uuid4()}"
    await topics.ensure_system_topics([TopicSpec(name, partitions=4, compacted=True)])
    for n in range(30):
        await writer.append(name, b"%d" % n, key=b"key-%d" % n, partition=None)
    await writer.append(name, None, key=b"key-3", partition=None)
    tail = TailReader(kafka, name)
    await tail.start()
    table: dict[bytes, bytes | None] = {}

    async def follow() -> None:
        async for record in tail:
            table[record.key or b""] = record.value

    following = asyncio.create_task(follow())
    await tail.caught_up.wait()
    assert table == {b"key-%d" % n: (None if n == 3 else b"%d" % n) for n in range(30)}
    await writer.append(name, b"late", key=b"key-30", partition=None)
    await tail.catch_up()
    assert table[b"key-30"] == b"late"
    tail.remove(0)
    assert not tail.has_caught_up(0)
    await tail.add(0)
    await tail.catch_up()
    assert tail.healthy
    following.cancel()
    await tail.stop()


async def test_a_tail_of_nothing_has_caught_up(kafka: Kafka, topics: Topics) -> None:
    name = f"system.{uuid.uuid4()}"
    await topics.ensure_system_topics([TopicSpec(name, partitions=2, compacted=True)])
    tail = TailReader(kafka, name)
    await tail.start()
    assert await tail.poll(0.01) == []
    assert tail.caught_up.is_set()
    assert Partition(name, 1) in tail._reader._tracks
    await tail.stop()


async def test_a_start_that_failed_is_tried_again_over_the_same_connections(kafka: Kafka, topics: Topics) -> None:
    name, tasks = f"system.{uuid.uuid4()}", len(asyncio.all_tasks())
    tail = TailReader(kafka, name)
    with pytest.raises(UnknownTopic):
        await tail.start()
    started = len(asyncio.all_tasks())
    with pytest.raises(UnknownTopic):
        await tail.start()
    assert len(asyncio.all_tasks()) == started > tasks
    await topics.ensure_system_topics([TopicSpec(name, partitions=2, compacted=True)])
    await topics.await_visible(name)
    await tail.start()
    assert await tail.poll(0.01) == []
    assert tail.caught_up.is_set()
    await tail.stop()
