"""Whatever dies while pictures are sent, everybody sees all of them in the end, and nothing is left of deleted ones."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import orjson
import pytest
import pytest_asyncio

from kaftalk_protocol.topics import UPLOADS
from kaftalk_roomlog.ranges import RoomLogRange
from kaftalk_roomlog.writer import RoomLogWriter
from kaftalk_runtime.kafka import Kafka
from kaftalk_runtime.redis_client import open_redis
from kaftalk_testing.media_load import media_load
from kaftalk_testing.stack import Stack, run_stack

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

Trouble = Callable[[Stack], Awaitable[None]]


@pytest_asyncio.fixture(scope="module")
async def running(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    """Run a stack with two media instances."""
    async with run_stack(tmp_path_factory.mktemp("media"), counts={"media": 2}, media=True) as stack:
        yield stack


@pytest_asyncio.fixture
async def pair(running: Stack) -> Stack:
    """Return it with everything running."""
    await running.heal()
    return running


async def one_media_killed(stack: Stack) -> None:
    stack.kill("media", 0)
    await asyncio.sleep(2)
    await stack.start("media", 0)


async def both_media_killed_again_and_again(stack: Stack) -> None:
    for pause_s in (0.1, 0.4):
        await asyncio.sleep(pause_s)
        stack.kill("media", 0)
        stack.kill("media", 1)
        await asyncio.gather(stack.start("media", 0), stack.start("media", 1))


async def media_frozen(stack: Stack) -> None:
    """The group gives its shards to the other; then both own them for a moment."""
    stack.pause("media", 0)
    await asyncio.sleep(9)
    stack.resume("media", 0)


async def delivery_killed(stack: Stack) -> None:
    for _ in range(2):
        stack.kill("delivery", 0)
        await stack.start("delivery", 0)


async def redis_emptied(stack: Stack) -> None:
    """Sessions are lost as well, so that the views alone are taken away."""
    redis = open_redis(stack.redis_url)
    keys = [key for pattern in ("media*", "view:*") for key in await redis.run("KEYS", pattern)]
    await redis.run("DEL", *keys)
    await redis.close()
    await asyncio.sleep(3)


async def redis_killed(stack: Stack) -> None:
    """It comes back from its file, which may lack the last second."""
    stack.kill("redis")
    await asyncio.sleep(1)
    await stack.start("redis")
    await asyncio.sleep(2)


async def s3_killed(stack: Stack) -> None:
    stack.kill("s3")
    await asyncio.sleep(3)
    await stack.start("s3")


async def broker_killed(stack: Stack) -> None:
    stack.kill("kafka")
    await asyncio.sleep(1)
    await stack.start("kafka")


async def events_twice_and_out_of_order(stack: Stack) -> None:
    kafka = Kafka(stack.kafka_bootstrap)
    ranges, writer = RoomLogRange(kafka), RoomLogWriter(kafka)
    await ranges.start()
    await writer.start()
    events: list[Any] = []
    for partition, end in (await ranges.partition_ends(UPLOADS)).items():
        stored = await ranges.read(UPLOADS, 0, end, partition=partition)
        events += [record.value for record in stored if orjson.loads(record.value).get("Records")]
    for event in reversed(events):
        await writer.append(UPLOADS, event, key=event[-32:], partition=None)
    await writer.stop()
    await ranges.stop()
    await asyncio.sleep(2)


TROUBLES = [
    one_media_killed, both_media_killed_again_and_again, media_frozen, delivery_killed, redis_emptied, redis_killed,
    s3_killed, broker_killed, events_twice_and_out_of_order,
]  # fmt: skip


@pytest.mark.parametrize("trouble", TROUBLES, ids=lambda trouble: trouble.__name__)
async def test_every_picture_is_seen_and_no_deleted_one_is_left(pair: Stack, trouble: Trouble) -> None:
    async with media_load(pair) as load:
        await load.send_while(trouble(pair))
        await load.settle()
        assert await load.verdict(trouble.__name__) == []
