"""Following 100, 1,000 and 4,000 room logs at 100 messages/s: fetch sessions beside aiokafka's own consumer."""

import asyncio
import os
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from bench.machine import cpu_s, percentile, table

from kaftalk_roomlog.ranges import RoomLogRange
from kaftalk_roomlog.reader import LogBatch, RoomLogReader
from kaftalk_roomlog.topics import Topics
from kaftalk_roomlog.writer import RoomLogWriter
from kaftalk_runtime.kafka import Kafka
from kaftalk_testing.stack import run_stack

ROOMS = (100, 1_000, 4_000)
ROOMS_PER_SESSION = 60
RATE = 100
SECONDS = 6
NEW_ROOMS = 20
SETTLE_S = 4
CREATE_BATCH = 200

Heard = Callable[[str, bytes], None]


@dataclass
class Load:
    """Messages that carry the time of their sending, and how long each took to be heard."""

    writer: RoomLogWriter
    latency_ms: list[float] = field(default_factory=list)
    of_new_rooms_ms: list[float] = field(default_factory=list)
    fresh: set[str] = field(default_factory=set)

    def send(self, topic: str) -> None:
        self.writer.submit(topic, b"%.7f" % time.perf_counter(), lambda _: None)

    def heard(self, topic: str, value: bytes) -> None:
        taken = self.of_new_rooms_ms if topic in self.fresh else self.latency_ms
        taken.append(1e3 * (time.perf_counter() - float(value)))

    async def run(self, rooms: list[str], seconds: float) -> int:
        """Send at the rate, every message into another room, and wait until all are heard."""
        self.latency_ms.clear()
        count = int(RATE * seconds)
        start = time.perf_counter()
        for n in range(count):
            self.send(rooms[n * 7 % len(rooms)])
            await asyncio.sleep(max(0, start + (n + 1) / RATE - time.perf_counter()))
        async with asyncio.timeout(30):
            while len(self.latency_ms) < count:
                await asyncio.sleep(0.05)
        return count


@asynccontextmanager
async def sessions(kafka: Kafka, offsets: dict[str, int], heard: Heard) -> AsyncIterator[RoomLogReader]:
    """Follow by our reader, about 60 rooms a session."""
    reader = RoomLogReader(kafka)
    await reader.start()
    for number, (topic, offset) in enumerate(offsets.items()):
        reader.add(topic, offset, shard=number // ROOMS_PER_SESSION)

    async def follow() -> None:
        while True:
            for news in await reader.poll():
                assert isinstance(news, LogBatch), news
                for record in news.records:
                    heard(news.topic, record.value)

    following = asyncio.create_task(follow())
    try:
        yield reader
    finally:
        following.cancel()
        await reader.stop()


@asynccontextmanager
async def stock(kafka: Kafka, offsets: dict[str, int], heard: Heard) -> AsyncIterator[object]:
    """Follow by aiokafka's consumer with all rooms assigned."""
    settings = {"bootstrap_servers": kafka.bootstrap, "enable_auto_commit": False, "auto_offset_reset": "none"}
    consumer: Any = AIOKafkaConsumer(**settings)  # type: ignore[no-untyped-call]
    await consumer.start()
    consumer.assign([TopicPartition(topic, 0) for topic in offsets])
    for topic, offset in offsets.items():
        consumer.seek(TopicPartition(topic, 0), offset)

    async def follow() -> None:
        while True:
            for place, records in (await consumer.getmany(timeout_ms=1_000)).items():
                for record in records:
                    heard(place.topic, record.value or b"")

    following = asyncio.create_task(follow())
    try:
        yield consumer
    finally:
        following.cancel()
        await consumer.stop()


async def measure(load: Load, rooms: list[str], broker: int) -> tuple[float, float, float, float]:
    """Give p50 and p99 in ms, and the µs of processor time a message of this process and of the broker."""
    await load.run(rooms, SETTLE_S)
    before = cpu_s(os.getpid()), cpu_s(broker)
    count = await load.run(rooms, SECONDS)
    spent = cpu_s(os.getpid()) - before[0], cpu_s(broker) - before[1]
    return (
        percentile(load.latency_ms, 0.5),
        percentile(load.latency_ms, 0.99),
        1e6 * spent[0] / count,
        1e6 * spent[1] / count,
    )


async def create(topics: Topics, count: int) -> list[str]:
    """Make room topics, slowly enough for the broker to keep up."""
    names = [f"room.{uuid.uuid4()}.0" for _ in range(count)]
    for first in range(0, count, CREATE_BATCH):
        batch = names[first : first + CREATE_BATCH]
        await topics.create_room_topics(batch)
        for name in batch:
            await topics.await_visible(name, timeout_s=60)
    return names


async def with_new_rooms(load: Load, reader: RoomLogReader, rooms: list[str], pool: list[str]) -> tuple[float, float]:
    """Give the other rooms' p99 without and with new rooms coming in; the new ones' times are in the load."""
    await load.run(rooms, SECONDS)
    alone = percentile(load.latency_ms, 0.99)

    async def open_rooms() -> None:
        for topic in pool:
            load.fresh.add(topic)
            reader.add(topic, 0, shard=len(load.fresh) % reader.sessions, intake=True)
            load.send(topic)
            await asyncio.sleep(SECONDS / NEW_ROOMS)

    await asyncio.gather(load.run(rooms, SECONDS), open_rooms())
    return alone, percentile(load.latency_ms, 0.99)


async def compare(kafka: Kafka, broker: int) -> str:
    """Measure both at each number of rooms, then the effect of new rooms, and write the tables."""
    topics, ranges, writer = Topics(kafka), RoomLogRange(kafka), RoomLogWriter(kafka)
    parts: list[Topics | RoomLogRange | RoomLogWriter] = [topics, ranges, writer]
    for part in parts:
        await part.start()
    rooms: list[str] = []
    rows: list[list[str]] = []
    effect = ""
    for count in ROOMS:
        rooms += await create(topics, count - len(rooms))
        await writer.prepare(rooms)
        for name, follow in (("fetch sessions", sessions), ("AIOKafkaConsumer", stock)):
            load = Load(writer)
            async with follow(kafka, await ranges.end_offsets(rooms), load.heard) as follower:
                figures = await measure(load, rooms, broker)
                rows.append([f"{count:,}", name, *(f"{figure:,.1f}" for figure in figures[:2])])
                rows[-1] += [f"{figure:,.0f}" for figure in figures[2:]]
                if count == ROOMS[-1] and isinstance(follower, RoomLogReader):
                    effect = await new_rooms_effect(load, follower, rooms, await create(topics, NEW_ROOMS))
    for part in parts:
        await part.stop()
    head = ("rooms followed", "by", "p50 ms", "p99 ms", "client CPU-µs a message", "broker CPU-µs a message")
    return f"{table(head, rows)}\n\n{effect}"


async def new_rooms_effect(load: Load, reader: RoomLogReader, rooms: list[str], pool: list[str]) -> str:
    """Say what new rooms cost the others."""
    await asyncio.sleep(1)
    alone, beside = await with_new_rooms(load, reader, rooms, pool)
    new = load.of_new_rooms_ms
    return (
        f"With {NEW_ROOMS} new rooms coming in over {SECONDS} s at {len(rooms):,} rooms, the others' p99 is "
        f"{beside:.1f} ms ({alone:.1f} ms without); a new room's first message is heard after "
        f"{percentile(new, 0.5):.1f} ms (p50), {max(new):.1f} ms at most."
    )


async def run() -> str:
    """Run a broker of its own and compare on it."""
    with tempfile.TemporaryDirectory() as folder:
        async with run_stack(Path(folder), backends_only=True) as stack:
            return await compare(Kafka(stack.kafka_bootstrap), stack.pid("kafka"))


if __name__ == "__main__":
    print(asyncio.run(run()))
