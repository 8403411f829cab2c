"""The broker stops, dies, comes back: nothing acknowledged is lost, repeated or out of order."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial

import pytest

from kaftalk_roomlog.errors import AppendError, AppendRefused, AppendUnknown, LogUnavailable, Reason
from kaftalk_roomlog.ownership import ShardOwnership
from kaftalk_roomlog.partition_queue import Appended
from kaftalk_roomlog.ranges import RoomLogRange
from kaftalk_roomlog.reader import LogBatch, RoomLogReader
from kaftalk_roomlog.starting import until_answered
from kaftalk_roomlog.topics import Topics, TopicSpec
from kaftalk_roomlog.writer import RoomLogWriter
from kaftalk_runtime.kafka import Kafka, KafkaUnreachable
from kaftalk_testing.stack import Stack

MakeRooms = Callable[[int], Awaitable[list[str]]]


@asynccontextmanager
async def started(*parts: RoomLogWriter | RoomLogReader | RoomLogRange) -> AsyncIterator[None]:
    for part in parts:
        await part.start()
    try:
        yield
    finally:
        for part in parts:
            await part.stop()


async def read_all(kafka: Kafka, topic: str) -> list[bytes]:
    ranges = RoomLogRange(kafka)
    async with started(ranges):
        return [record.value for record in await ranges.read(topic, 0, await ranges.end_offset(topic))]


async def test_a_stopped_broker_leaves_appends_unknown_and_keeps_the_later_order(
    kafka: Kafka, broker: Stack, make_rooms: MakeRooms
) -> None:
    (topic,) = await make_rooms(1)
    writer = RoomLogWriter(kafka)
    async with started(writer):
        await writer.append(topic, b"0")
        broker.pause("kafka")
        with pytest.raises(AppendUnknown) as unknown:
            await writer.append(topic, b"1", timeout_s=0.5)
        assert unknown.value.reason is Reason.TIMED_OUT
        with pytest.raises(AppendRefused) as refused:
            await writer.append(topic, b"never sent", timeout_s=0.5)
        assert refused.value.reason is Reason.UNAVAILABLE
        done: list[Appended | AppendError] = []
        for n in range(2, 12):
            writer.submit(topic, b"%d" % n, done.append)
        # Long enough for the request to time out and be sent again on another connection.
        await asyncio.sleep(2.5)
        broker.resume("kafka")
        while len(done) < 10:
            await asyncio.sleep(0.02)
    assert [(type(result), result.resent) for result in done] == [(Appended, False)] * 10  # type: ignore[union-attr]
    assert await read_all(kafka, topic) == [b"%d" % n for n in range(12)]


class Load:
    """Numbered records to each of some rooms, what was acknowledged of them, and what a reader heard."""

    def __init__(self, rooms: list[str], writer: RoomLogWriter, reader: RoomLogReader) -> None:
        self.rooms = rooms
        self.writer = writer
        self.reader = reader
        self.acknowledged: dict[str, dict[int, bytes]] = {topic: {} for topic in rooms}
        self.heard: dict[str, list[bytes]] = {topic: [] for topic in rooms}
        self.sent = 0
        self.all_sent = False

    def submit(self) -> None:
        for topic in self.rooms:
            self.writer.submit(topic, b"%d" % self.sent, partial(self._resolved, topic, b"%d" % self.sent))
        self.sent += 1

    def _resolved(self, topic: str, value: bytes, result: Appended | AppendError) -> None:
        if isinstance(result, Appended):
            self.acknowledged[topic][result.offset] = value

    async def send_while(self, work: Awaitable[object], *, at_least: int) -> None:
        done = asyncio.ensure_future(work)
        for _ in range(at_least):
            self.submit()
            await asyncio.sleep(0.02)
        while not done.done():
            self.submit()
            await asyncio.sleep(0.1)
        await done
        self.all_sent = True

    async def follow(self) -> None:
        for number, topic in enumerate(self.rooms):
            self.reader.add(topic, 0, shard=number % 4)
        while not self.all_sent or any(len(values) < self.sent for values in self.heard.values()):
            for news in await self.reader.poll():
                assert isinstance(news, LogBatch), news
                self.heard[news.topic] += [record.value for record in news.records]


async def test_a_broker_killed_under_load_costs_no_record_no_repeat_and_no_order(
    kafka: Kafka, broker: Stack, make_rooms: MakeRooms
) -> None:
    load = Load(
        await make_rooms(20), RoomLogWriter(kafka, pending_max=50_000, unsent_timeout_s=60), RoomLogReader(kafka)
    )

    async def kill_twice() -> None:
        for _ in range(2):
            await asyncio.sleep(0.5)
            await broker.restart_kafka()

    async with started(load.writer, load.reader):
        following = asyncio.create_task(load.follow())
        await load.send_while(kill_twice(), at_least=50)
        await following
        counts = load.writer.counts
    lost = repeated = disordered = 0
    for topic in load.rooms:
        stored = await read_all(kafka, topic)
        lost += sum(stored[offset] != value for offset, value in load.acknowledged[topic].items())
        repeated += len(stored) - len(set(stored))
        disordered += stored != [b"%d" % n for n in range(load.sent)]
        assert load.heard[topic] == stored
    print(f"{load.sent * 20} messages, 2 kills: {lost} lost, {repeated} repeated, {disordered} rooms out of order")
    assert (lost, repeated, disordered) == (0, 0, 0)
    assert (counts.refused, counts.unknown, counts.resent) == (0, 0, 0)


async def test_stopping_while_kafka_is_away_ends_in_time_and_says_what_it_knows(
    kafka: Kafka, broker: Stack, make_rooms: MakeRooms
) -> None:
    topic, other = await make_rooms(2)
    writer = RoomLogWriter(kafka)
    await writer.start()
    await writer.append(topic, b"x")
    broker.pause("kafka")
    done: list[Appended | AppendError] = []
    writer.submit(topic, b"sent", done.append)
    await asyncio.sleep(0.1)
    writer.submit(topic, b"behind it", done.append)
    writer.submit(other, b"unknown place", done.append)
    async with asyncio.timeout(10):
        await writer.stop(timeout_s=0.2)
    await asyncio.sleep(0)
    assert sorted(type(result).__name__ for result in done) == ["AppendRefused", "AppendRefused", "AppendUnknown"]


async def test_a_broker_that_is_down_leaves_reads_unavailable_and_starts_refused(
    kafka: Kafka, broker: Stack, make_rooms: MakeRooms
) -> None:
    (topic,) = await make_rooms(1)
    ranges = RoomLogRange(kafka, timeout_s=1.0)
    async with started(ranges):
        assert await ranges.end_offset(topic) == 0
        broker.kill("kafka")
        with pytest.raises(LogUnavailable):
            await ranges.end_offset(topic)
        with pytest.raises(KafkaUnreachable):
            await Topics(kafka).start()
        await broker.start("kafka")
        assert await ranges.end_offset(topic) == 0


async def test_a_step_of_a_start_waits_for_a_broker_that_starts_later(kafka: Kafka, broker: Stack) -> None:
    broker.kill("kafka")
    topics = Topics(kafka)
    starting = asyncio.create_task(until_answered(topics.start))
    await asyncio.wait([starting], timeout=2.0)
    assert not starting.done()
    await broker.start("kafka")
    await starting
    await topics.check_brokers()
    await topics.stop()


async def test_records_that_were_never_sent_are_refused_in_time_while_kafka_is_down(
    kafka: Kafka, broker: Stack, make_rooms: MakeRooms
) -> None:
    (topic,) = await make_rooms(1)
    writer = RoomLogWriter(kafka, unsent_timeout_s=0.5)
    async with started(writer):
        broker.kill("kafka")
        done: list[Appended | AppendError] = []
        writer.submit(topic, b"x", done.append)
        while not done:
            await asyncio.sleep(0.02)
        assert [(type(error), error.reason) for error in done] == [(AppendRefused, Reason.UNAVAILABLE)]  # type: ignore[union-attr]
        await broker.start("kafka")
        assert (await writer.append(topic, b"y")).offset == 0


async def test_whose_record_is_refused_hears_of_it_before_anybody_can_append_behind_it(
    kafka: Kafka, broker: Stack, make_rooms: MakeRooms
) -> None:
    """A gateway that does not know yet lets the sender's next message go, and the refused one comes again after it."""
    (topic,) = await make_rooms(1)
    writer = RoomLogWriter(kafka, unsent_timeout_s=0.5)
    async with started(writer):
        broker.kill("kafka")
        done: list[Appended | AppendError] = []
        for n in range(3):
            writer.submit(topic, b"%d" % n, done.append)
        while writer.pending:
            await asyncio.sleep(0)
        assert [type(result) for result in done] == [AppendRefused] * 3
        await broker.start("kafka")


async def test_an_error_in_taking_an_answer_stops_nobody_else(kafka: Kafka, make_rooms: MakeRooms) -> None:
    (topic,) = await make_rooms(1)
    writer = RoomLogWriter(kafka)
    async with started(writer):
        writer.submit(topic, b"0", lambda result: 1 / 0)  # type: ignore[arg-type]
        assert (await writer.append(topic, b"1")).offset == 1


async def test_shards_go_to_whoever_lives(kafka: Kafka) -> None:
    topics = Topics(kafka)
    await topics.start()
    await topics.ensure_system_topics([TopicSpec("shards", partitions=8, compacted=True)])
    await topics.stop()

    async def owned_by(member: ShardOwnership, count: int) -> frozenset[int]:
        async for owned in member.changes():
            if len(owned) == count:
                return owned
        raise AssertionError

    first = ShardOwnership(kafka, "shards", group_id="owners")
    second = ShardOwnership(kafka, "shards", group_id="owners")
    await first.start()
    assert await owned_by(first, 8) == frozenset(range(8))
    await second.start()
    halves = await asyncio.gather(owned_by(first, 4), owned_by(second, 4))
    assert halves[0] | halves[1] == frozenset(range(8))
    assert first.healthy
    assert second.healthy
    await first.stop()
    assert await owned_by(second, 8) == frozenset(range(8))
    assert second._task
    second._task.cancel()
    await asyncio.sleep(0.01)
    assert not second.healthy
    await second.stop()
