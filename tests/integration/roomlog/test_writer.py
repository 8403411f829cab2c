"""Appending to a real broker: order, limits, and the ways in which Kafka refuses."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiokafka.protocol.metadata import MetadataRequest

from kaftalk_roomlog.errors import AppendError, AppendRefused, AppendUnknown, Reason, UnsafeBroker
from kaftalk_roomlog.lanes import ACKS_ALL
from kaftalk_roomlog.partition_queue import Appended, PartitionQueue
from kaftalk_roomlog.ranges import RoomLogRange
from kaftalk_roomlog.records import Partition
from kaftalk_roomlog.shards import shard_of
from kaftalk_roomlog.topics import SAFE_SETTINGS, Topics, TopicSpec
from kaftalk_roomlog.writer import RECORD_BYTES_MAX, RoomLogWriter
from kaftalk_runtime.kafka import Kafka

MakeRooms = Callable[[int], Awaitable[list[str]]]


def fresh(kind: str = "room") -> str:
    return f"{kind}.{uuid.uuid4()}.0"


async def test_records_lie_in_the_log_as_they_were_acknowledged(
    writer: RoomLogWriter, ranges: RoomLogRange, make_rooms: MakeRooms
) -> None:
    (topic,) = await make_rooms(1)
    acknowledged = [await writer.append(topic, b"%d" % n) for n in range(20)]
    assert [appended.offset for appended in acknowledged] == list(range(20))
    stored = await ranges.read(topic, 0, 20)
    assert [(record.offset, record.ts) for record in stored] == [(a.offset, a.ts) for a in acknowledged]
    assert [record.value for record in stored] == [b"%d" % n for n in range(20)]


async def test_submitted_records_keep_their_order_in_each_of_many_rooms(
    writer: RoomLogWriter, ranges: RoomLogRange, make_rooms: MakeRooms
) -> None:
    rooms = await make_rooms(20)
    done: list[Appended | AppendError] = []
    for n in range(30):
        for topic in rooms:
            writer.submit(topic, b"%d" % n, done.append)
    while len(done) < 600:
        await asyncio.sleep(0.01)
    assert all(isinstance(result, Appended) for result in done)
    for topic in rooms:
        assert [record.value for record in await ranges.read(topic, 0, 30)] == [b"%d" % n for n in range(30)]


async def test_a_refused_record_does_not_poison_its_room(
    writer: RoomLogWriter, topics: Topics, ranges: RoomLogRange
) -> None:
    topic = fresh()
    await topics.ensure_system_topics([TopicSpec(topic, record_bytes_max=2_000)])
    assert (await writer.append(topic, b"small")).offset == 0
    with pytest.raises(AppendRefused) as refused:
        await writer.append(topic, b"x" * 5_000)
    assert refused.value.reason is Reason.TOO_LARGE
    assert (await writer.append(topic, b"small again", timeout_s=10.0)).offset == 1
    assert writer.counts.producer_ids == 1
    assert [record.value for record in await ranges.read(topic, 0, 2)] == [b"small", b"small again"]


async def test_a_large_record_among_small_ones_is_refused_alone(
    writer: RoomLogWriter, topics: Topics, ranges: RoomLogRange
) -> None:
    topic = fresh()
    await topics.ensure_system_topics([TopicSpec(topic, record_bytes_max=2_000)])
    done: list[Appended | AppendError] = []
    for value in (b"a", b"x" * 5_000, b"c"):
        writer.submit(topic, value, done.append)
    while len(done) < 3:
        await asyncio.sleep(0.01)
    assert [type(result) for result in done] == [Appended, AppendRefused, Appended]
    assert [record.value for record in await ranges.read(topic, 0, 2)] == [b"a", b"c"]


async def test_lost_sequence_numbers_cost_one_room_a_new_producer_id_and_no_record(
    writer: RoomLogWriter, ranges: RoomLogRange, make_rooms: MakeRooms
) -> None:
    lost, other = await make_rooms(2)
    for n in range(10):
        await writer.append(lost, b"%d" % n)
        await writer.append(other, b"%d" % n)
    queue: PartitionQueue = writer._queues[Partition(lost)]
    queue._sequence = 2_000
    assert (await writer.append(lost, b"10")).offset == 10
    assert (await writer.append(other, b"10")).offset == 10
    assert writer.counts.producer_ids == 2
    assert [record.value for record in await ranges.read(lost, 0, 11)] == [b"%d" % n for n in range(11)]


async def test_numbers_that_the_broker_has_seen_never_give_a_made_up_offset(
    writer: RoomLogWriter, ranges: RoomLogRange, make_rooms: MakeRooms
) -> None:
    """The broker remembers five batches; of older ones it cannot say where they are."""
    (topic,) = await make_rooms(1)
    for n in range(10):
        await writer.append(topic, b"%d" % n)
    writer._queues[Partition(topic)]._sequence = 0
    try:
        offset = (await writer.append(topic, b"repeat")).offset
    except AppendUnknown:
        assert await ranges.end_offset(topic) == 10
    else:
        assert (await ranges.read(topic, offset, offset + 1))[0].value == b"repeat"


async def test_bounds_refuse_at_once_and_definitely(kafka: Kafka, make_rooms: MakeRooms) -> None:
    (topic,) = await make_rooms(1)
    writer = RoomLogWriter(kafka, pending_max=5)
    await writer.start()
    done: list[Appended | AppendError] = []
    for _ in range(5):
        writer.submit(topic, b"x", done.append)
    with pytest.raises(AppendRefused) as refused:
        writer.submit(topic, b"x", done.append)
    assert refused.value.reason is Reason.BACKLOG
    with pytest.raises(AppendRefused) as refused:
        writer.submit(topic, b"x" * (RECORD_BYTES_MAX + 1), done.append)
    assert refused.value.reason is Reason.TOO_LARGE
    await writer.stop()
    assert len(done) == 5
    with pytest.raises(AppendRefused) as refused:
        writer.submit(topic, b"x", done.append)
    assert refused.value.reason is Reason.STOPPED


@pytest.mark.slow
async def test_a_topic_that_does_not_exist_is_refused_in_time_and_holds_up_no_other(
    kafka: Kafka, make_rooms: MakeRooms
) -> None:
    (topic,) = await make_rooms(1)
    writer = RoomLogWriter(kafka, unsent_timeout_s=0.5)
    await writer.start()
    missing: list[Appended | AppendError] = []
    writer.submit(fresh(), b"x", missing.append)
    for n in range(10):
        assert (await writer.append(topic, b"x", timeout_s=10.0)).offset == n
    while not missing:
        await asyncio.sleep(0.01)
    assert [(type(error), error.reason) for error in missing] == [(AppendRefused, Reason.UNKNOWN_TOPIC)]  # type: ignore[union-attr]
    await writer.stop()


async def test_records_for_a_topic_that_is_still_being_made_wait_for_it(writer: RoomLogWriter, topics: Topics) -> None:
    topic = fresh()
    early = [asyncio.create_task(writer.append(topic, b"%d" % n)) for n in range(5)]
    await asyncio.sleep(0.1)
    await topics.create_room_topics([topic])
    assert [appended.offset for appended in await asyncio.gather(*early)] == list(range(5))


@pytest.mark.slow
async def test_a_topic_that_is_deleted_ends_its_records_without_a_busy_loop(
    kafka: Kafka, topics: Topics, make_rooms: MakeRooms
) -> None:
    gone, other = await make_rooms(2)
    writer = RoomLogWriter(kafka, unsent_timeout_s=0.5)
    await writer.start()
    await writer.append(gone, b"x")
    await topics.delete_topics([gone])
    with pytest.raises(AppendError) as refused:
        await writer.append(gone, b"y")
    assert refused.value.reason is Reason.UNKNOWN_TOPIC
    assert (await writer.append(other, b"x")).offset == 0
    await writer.stop()


async def test_the_writer_itself_never_creates_a_topic(writer: RoomLogWriter, topics: Topics) -> None:
    topic = fresh()
    await writer.prepare([topic])
    assert topic in await topics.create_room_topics([topic])


async def test_a_key_decides_the_partition_as_in_kafkas_own_clients(
    writer: RoomLogWriter, topics: Topics, ranges: RoomLogRange
) -> None:
    topic = fresh("system")
    await topics.ensure_system_topics([TopicSpec(topic, partitions=8, compacted=True)])
    for n in range(10):
        key = f"key-{n}"
        await writer.append(topic, b"v", key=key.encode(), partition=None)
        end = await ranges.end_offset(topic, partition=shard_of(key, 8))
        assert (await ranges.read(topic, end - 1, end, partition=shard_of(key, 8)))[0].key == key.encode()


async def test_a_background_task_that_died_shows(kafka: Kafka) -> None:
    writer = RoomLogWriter(kafka)
    assert not writer.healthy
    await writer.start()
    assert writer.healthy
    assert writer._placer
    writer._placer.cancel()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not writer.healthy
    await writer.stop()
    other = RoomLogWriter(kafka)
    await other.start()
    other._wire._client._sync_task.cancel()
    await asyncio.sleep(0.05)
    assert not other.healthy
    await other.stop()


async def test_a_room_costs_metadata_of_itself_only(writer: RoomLogWriter, make_rooms: MakeRooms) -> None:
    rooms = await make_rooms(30)
    asked: list[list[str]] = []
    send = writer._wire._client.send

    async def counting(node: int, request: object, *, group: object) -> Any:
        if isinstance(request, MetadataRequest):
            asked.append(request._topics or [])
            assert not request._allow_auto_topic_creation
        return await send(node, request, group=group)

    writer._wire._client.send = counting
    for topic in rooms:
        await writer.append(topic, b"x")
    assert {name for names in asked for name in names} == set(rooms)
    assert max(map(len, asked)) == 1
    await writer.prepare(rooms)
    assert max(map(len, asked)) == 1


async def test_every_produce_request_asks_for_all_replicas_and_has_numbers(
    writer: RoomLogWriter, make_rooms: MakeRooms
) -> None:
    (topic,) = await make_rooms(1)
    sent: list[object] = []
    send = writer._wire._client.send

    async def keeping(node: int, request: object, *, group: object) -> Any:
        sent.append(request)
        return await send(node, request, group=group)

    writer._wire._client.send = keeping
    await writer.append(topic, b"x")
    produce = sent[-1]
    assert produce.required_acks == ACKS_ALL  # type: ignore[attr-defined]
    payload = produce._topics[0][1][0][1]  # type: ignore[attr-defined]
    assert int.from_bytes(payload[43:51], "big") == (await writer.producer_id()).id


async def test_brokers_with_unsafe_settings_are_refused_by_name(
    topics: Topics, monkeypatch: pytest.MonkeyPatch
) -> None:
    await topics.check_brokers()
    monkeypatch.setitem(SAFE_SETTINGS, "log.message.timestamp.type", "CreateTime")
    with pytest.raises(UnsafeBroker, match=r"log\.message\.timestamp\.type=LogAppendTime"):
        await topics.check_brokers()


async def test_creating_twice_tells_who_was_first(topics: Topics) -> None:
    topic = fresh()
    assert await topics.create_room_topics([topic]) == {topic}
    assert await topics.create_room_topics([topic]) == frozenset()
    await topics.delete_topics([topic, fresh()])


async def test_stopping_waits_for_what_is_pending(kafka: Kafka, make_rooms: MakeRooms, ranges: RoomLogRange) -> None:
    (topic,) = await make_rooms(1)
    writer = RoomLogWriter(kafka)
    await writer.start()
    done: list[Appended | AppendError] = []
    for _ in range(200):
        writer.submit(topic, b"x" * 1_000, done.append)
    await writer.stop()
    await asyncio.sleep(0)
    assert len(done) == 200
    assert await ranges.end_offset(topic) == 200
