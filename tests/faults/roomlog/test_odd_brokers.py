"""Brokers that are set up differently: an unsafe one, one without room for sessions, and two of which one dies."""

import asyncio
import re
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from kaftalk_roomlog.errors import UnsafeBroker
from kaftalk_roomlog.reader import LogBatch, RoomLogReader
from kaftalk_roomlog.records import Partition
from kaftalk_roomlog.topics import Topics
from kaftalk_roomlog.writer import RoomLogWriter
from kaftalk_runtime.kafka import Kafka
from kaftalk_testing.kafka_broker import kafka_broker
from kaftalk_testing.kafka_files import kafka_files
from kaftalk_testing.ports import free_port
from kaftalk_testing.process import Child, start


@asynccontextmanager
async def running_broker(
    folder: Path, ports: tuple[int, int], extra: dict[str, str], meta: str | None = None
) -> AsyncIterator[Child]:
    program = kafka_broker(kafka_files(), folder, *ports, heap_mb=256, brief=True)
    with (folder / "server.properties").open("a") as properties:
        properties.writelines(f"{key}={value}\n" for key, value in extra.items())
    if meta is not None:
        (folder / "data" / "meta.properties").write_text(meta)
    child = await start(program, folder / "kafka.log", tied=True)
    try:
        yield child
    finally:
        child.kill()


@asynccontextmanager
async def parts(kafka: Kafka, *, replication: int) -> AsyncIterator[tuple[Topics, RoomLogWriter, RoomLogReader]]:
    topics, writer, reader = Topics(kafka, replication=replication), RoomLogWriter(kafka), RoomLogReader(kafka)
    for part in (topics, writer, reader):
        await part.start()
    yield topics, writer, reader
    for other in (reader, writer, topics):
        await other.stop()


async def rooms_of(topics: Topics, count: int) -> list[str]:
    names = [f"room.{uuid.uuid4()}.0" for _ in range(count)]
    await topics.create_room_topics(names)
    for name in names:
        await topics.await_visible(name)
    return names


async def heard(reader: RoomLogReader, count: int) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    while sum(map(len, found.values())) < count:
        for news in await reader.poll():
            assert isinstance(news, LogBatch), news
            found.setdefault(news.topic, []).extend(record.offset for record in news.records)
    return found


async def test_a_broker_without_room_for_sessions_is_read_and_an_unsafe_one_refused(
    tmp_path: Path,
) -> None:
    ports = free_port(), free_port()
    extra = {"max.incremental.fetch.session.cache.slots": "1", "auto.create.topics.enable": "true"}
    async with (
        running_broker(tmp_path / "one", ports, extra),
        parts(Kafka(f"127.0.0.1:{ports[0]}"), replication=1) as (topics, writer, reader),
    ):
        with pytest.raises(UnsafeBroker, match=r"auto\.create\.topics\.enable=true"):
            await topics.check_brokers()
        missing = f"room.{uuid.uuid4()}.0"
        await writer.prepare([missing])
        assert await topics.create_room_topics([missing]) == {missing}
        rooms = await rooms_of(topics, 9)
        for number, topic in enumerate(rooms):
            reader.add(topic, 0, shard=number % 3)
        for n in range(5):
            for topic in rooms:
                await writer.append(topic, b"%d" % n)
        assert await heard(reader, 45) == {topic: list(range(5)) for topic in rooms}
        assert reader.counts.sessionless > 0


@pytest.mark.parametrize("setting", ["auto.create.topics.enable", "unclean.leader.election.enable"])
async def test_a_broker_that_would_lose_messages_is_refused_and_its_setting_named(tmp_path: Path, setting: str) -> None:
    ports = free_port(), free_port()
    async with running_broker(tmp_path / "one", ports, {setting: "true"}):
        topics = Topics(Kafka(f"127.0.0.1:{ports[0]}"))
        await topics.start()
        with pytest.raises(UnsafeBroker, match=rf"{re.escape(setting)}=true; .* false"):
            await topics.check_brokers()
        await topics.stop()


async def test_rooms_go_on_at_another_broker_when_their_leader_dies(tmp_path: Path) -> None:
    one, two = (free_port(), free_port()), (free_port(), free_port())
    quick = {"broker.session.timeout.ms": "2000", "broker.heartbeat.interval.ms": "500"}
    as_second = {
        "process.roles": "broker",
        "node.id": "2",
        "listeners": f"PLAINTEXT://127.0.0.1:{two[0]}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "controller.quorum.voters": f"1@127.0.0.1:{one[1]}",
    }
    kafka = Kafka(f"127.0.0.1:{one[0]},127.0.0.1:{two[0]}", request_timeout_ms=2_000)
    async with (
        running_broker(tmp_path / "one", one, quick),
        running_broker(tmp_path / "two", two, as_second | quick, meta_of_second(tmp_path / "one")) as second,
        parts(kafka, replication=2) as (topics, writer, reader),
    ):
        rooms = await rooms_of(topics, 10)
        for number, topic in enumerate(rooms):
            reader.add(topic, 0, shard=number % 2)
        for topic in rooms:
            await writer.append(topic, b"0")
        await heard(reader, 10)
        assert {writer._leaders.of(Partition(topic)) for topic in rooms} == {1, 2}
        second.kill()
        for n in range(1, 5):
            await asyncio.gather(*(writer.append(topic, b"%d" % n, timeout_s=30) for topic in rooms))
        assert await heard(reader, 40) == {topic: [1, 2, 3, 4] for topic in rooms}
        assert writer.counts.resent == 0


def meta_of_second(first: Path) -> str:
    """Say that the second broker belongs to the first one's cluster."""
    lines = (first / "data" / "meta.properties").read_text().splitlines()
    kept = [line for line in lines if not line.startswith("directory.id")]
    return "\n".join(kept).replace("node.id=1", "node.id=2") + "\n"
