"""A broker of its own for each module: these tests kill and pause it."""

import uuid
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import pytest_asyncio

from kaftalk_roomlog.topics import Topics
from kaftalk_runtime.kafka import Kafka
from kaftalk_testing.stack import Stack, run_stack

REQUEST_TIMEOUT_MS = 1_500


@pytest_asyncio.fixture(scope="module")
async def own_backends(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    async with run_stack(tmp_path_factory.mktemp("kafka"), backends_only=True) as running:
        yield running


@pytest_asyncio.fixture
async def broker(own_backends: Stack) -> AsyncIterator[Stack]:
    """Run a broker that may be broken; it is healed before and after the test."""
    await own_backends.heal()
    yield own_backends
    await own_backends.heal()


@pytest.fixture
def kafka(broker: Stack) -> Kafka:
    return Kafka(broker.kafka_bootstrap, request_timeout_ms=REQUEST_TIMEOUT_MS)


@pytest.fixture
def make_rooms(kafka: Kafka) -> Callable[[int], Awaitable[list[str]]]:
    """Create room topics that can be used."""

    async def make(count: int) -> list[str]:
        topics = Topics(kafka)
        await topics.start()
        names = [f"room.{uuid.uuid4()}.0" for _ in range(count)]
        await topics.create_room_topics(names)
        for name in names:
            await topics.await_visible(name)
        await topics.stop()
        return names

    return make
