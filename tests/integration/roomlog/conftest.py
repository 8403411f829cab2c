"""A reader on the shared broker, and room topics named after fresh ids."""

import uuid
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import pytest_asyncio

from kaftalk_roomlog.reader import LogBatch, LogTrouble, RoomLogReader
from kaftalk_roomlog.records import LogRecord
from kaftalk_roomlog.topics import Topics
from kaftalk_runtime.kafka import Kafka

Make = Callable[[int], Awaitable[list[str]]]
Collect = Callable[[RoomLogReader, int], Awaitable[dict[str, list[LogRecord]]]]


@pytest_asyncio.fixture
async def reader(kafka: Kafka) -> AsyncIterator[RoomLogReader]:
    reader = RoomLogReader(kafka, unknown_after_s=1.0)
    await reader.start()
    yield reader
    await reader.stop()


@pytest.fixture
def make_rooms(topics: Topics) -> Make:
    """Create room topics that can be used."""

    async def make(count: int) -> list[str]:
        names = [f"room.{uuid.uuid4()}.0" for _ in range(count)]
        await topics.create_room_topics(names)
        for name in names:
            await topics.await_visible(name)
        return names

    return make


@pytest.fixture
def collect() -> Collect:
    """Poll a reader until it has given so many records; a log in trouble fails the test."""

    async def collect(reader: RoomLogReader, count: int) -> dict[str, list[LogRecord]]:
        found: dict[str, list[LogRecord]] = {}
        while sum(map(len, found.values())) < count:
            for news in await reader.poll():
                assert isinstance(news, LogBatch), news
                found.setdefault(news.topic, []).extend(news.records)
        return found

    return collect


@pytest.fixture
def await_trouble() -> Callable[[RoomLogReader], Awaitable[LogTrouble]]:
    """Poll a reader until a log is in trouble."""

    async def await_trouble(reader: RoomLogReader) -> LogTrouble:
        while True:
            for news in await reader.poll():
                if isinstance(news, LogTrouble):
                    return news

    return await_trouble
