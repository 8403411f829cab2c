"""The Redis client on a real Redis: replies, scripts, and what happens when Redis goes."""

import asyncio
import random
import uuid
from collections.abc import AsyncGenerator, AsyncIterator

import pytest
import pytest_asyncio

from kaftalk_runtime.redis_client import Redis, RedisAway, RedisRefused, Script, open_redis
from kaftalk_testing.stack import Stack


@pytest_asyncio.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    client = open_redis(redis_url)
    yield client
    await client.close()


@pytest.fixture
def key() -> str:
    return f"test:{uuid.uuid4()}"


async def test_replies_have_the_shapes_that_are_promised(redis: Redis, key: str) -> None:
    await redis.many([("HSET", f"{key}:h", "f", "값"), ("SADD", f"{key}:s", "a", "b"), ("ZADD", f"{key}:z", 1.5, "m")])
    assert await redis.run("HGETALL", f"{key}:h") == {"f": "값"}
    assert await redis.run("SMEMBERS", f"{key}:s") == {"a", "b"}
    assert await redis.run("ZRANGE", f"{key}:z", 0, -1, "WITHSCORES") == [("m", 1.5)]
    assert await redis.transaction([("HGETALL", f"{key}:h"), ("GET", key)]) == [{"f": "값"}, None]


async def test_an_error_reply_stands_in_its_place_and_the_rest_is_done(redis: Redis, key: str) -> None:
    done, refused, found = await redis.many([("SET", key, "x"), ("LPUSH", key, "y"), ("GET", key)])
    assert (done, found) == ("OK", "x")
    assert isinstance(refused, RedisRefused)
    with pytest.raises(RedisRefused, match="WRONGTYPE"):
        await redis.run("LPUSH", key, "y")


async def test_a_script_is_loaded_when_redis_does_not_know_it_and_runs_once(redis: Redis, key: str) -> None:
    add = Script(f"return redis.call('INCRBY', KEYS[1], ARGV[1]) -- {key}")
    assert await redis.eval(add, [key], [2]) == 2
    await redis.run("SCRIPT", "FLUSH")
    assert await redis.many([add.call([key], [1]), ("GET", key), add.call([key], [1])]) == [3, "2", 4]


async def test_many_more_commands_than_one_round_takes(redis: Redis, key: str) -> None:
    assert await redis.many([("INCR", key)] * 1_234) == list(range(1, 1_235))


async def test_a_cancelled_command_never_leaves_its_reply_to_another(redis: Redis, key: str) -> None:
    names = [f"{key}:{n}" for n in range(50)]
    await redis.many([("SET", name, name) for name in names])

    async def read(name: str) -> None:
        assert await redis.run("GET", name) == name

    rounds = 0
    while rounds < 40:
        reads = [asyncio.create_task(read(random.choice(names))) for _ in range(20)]
        await asyncio.sleep(random.random() * 0.002)
        for task in random.sample(reads, 8):
            task.cancel()
        results = await asyncio.gather(*reads, return_exceptions=True)
        errors = [one for one in results if isinstance(one, Exception)]
        assert not [error for error in errors if not isinstance(error, RedisAway)]
        if errors:
            # The machine stood still for longer than a command may take: that round does not count.
            await asyncio.sleep(0.1)
        else:
            rounds += 1


async def test_published_messages_come_to_a_subscriber(redis: Redis, key: str) -> None:
    messages = redis.subscribe(key)
    first = asyncio.ensure_future(anext(messages))
    while not await redis.run("PUBLISH", key, "hello"):
        await asyncio.sleep(0.01)
    assert await first == (key, "hello")
    assert isinstance(messages, AsyncGenerator)
    await messages.aclose()


async def test_while_redis_is_away_calls_fail_at_once_and_go_on_when_it_is_back(backends: Stack, key: str) -> None:
    client = open_redis(backends.redis_url)
    await client.run("SET", key, "x")
    backends.kill("redis")
    with pytest.raises(RedisAway):
        await client.run("GET", key)
    assert client.away
    with pytest.raises(RedisAway, match="is away"):
        await client.run("GET", key)
    await backends.start("redis")
    watching = asyncio.create_task(client.watch())
    async with asyncio.timeout(10):
        while client.away:
            await asyncio.sleep(0.05)
    assert await client.ping()
    watching.cancel()
    await client.close()


async def test_a_redis_that_was_restarted_between_two_calls_goes_unnoticed(backends: Stack) -> None:
    client = open_redis(backends.redis_url)
    assert await client.ping()
    backends.kill("redis")
    await backends.start("redis")
    assert await client.run("PING") == "PONG"
    await client.close()


@pytest.mark.slow
async def test_a_redis_that_hangs_costs_half_a_second_and_then_nothing(backends: Stack) -> None:
    client = open_redis(backends.redis_url)
    await client.ping()
    backends.pause("redis")
    try:
        for _ in range(3):
            with pytest.raises(RedisAway):
                await client.run("GET", "x")
        assert client.away
        with pytest.raises(RedisAway, match="is away"):
            await client.run("GET", "x")
    finally:
        backends.resume("redis")
    await client.close()
