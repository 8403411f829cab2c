"""The pool of ready topics is a hint: the log decides whose a room is."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from kaftalk_protocol import redis_keys
from kaftalk_rooms.settings import RoomsSettings
from kaftalk_runtime.redis_client import open_redis
from kaftalk_testing.account import Account

NewAccount = Callable[[], Awaitable[Account]]


async def test_a_room_that_is_taken_is_not_taken_again(new_account: NewAccount, rooms_settings: RoomsSettings) -> None:
    first, second = await new_account(), await new_account()
    taken = await first.room("먼저")
    redis = open_redis(rooms_settings.redis_url)
    await redis.run("LPUSH", redis_keys.ROOM_POOL, taken["id"])
    made = await second.room("나중")
    assert made["id"] != taken["id"]
    assert (await first.call("GET", f"/rooms/{taken['id']}"))["name"] == "먼저"
    assert (await second.ask("GET", f"/rooms/{taken['id']}")).json()["me"] is None
    await redis.close()


@pytest.mark.slow
async def test_an_empty_pool_costs_time_only_and_fills_again(
    new_account: NewAccount, rooms_settings: RoomsSettings
) -> None:
    owner = await new_account()
    redis = open_redis(rooms_settings.redis_url)
    await redis.run("DEL", redis_keys.ROOM_POOL)
    rooms = await asyncio.gather(*(owner.room(f"방 {number}") for number in range(5)))
    assert len({room["id"] for room in rooms}) == 5
    async with asyncio.timeout(20):
        while await redis.run("LLEN", redis_keys.ROOM_POOL) < rooms_settings.pool_size:
            await asyncio.sleep(0.05)
    await redis.close()


async def test_a_repeat_gives_its_ready_topic_back(new_account: NewAccount, rooms_settings: RoomsSettings) -> None:
    owner = await new_account()
    body, headers = {"name": "방", "kind": "public"}, {"Idempotency-Key": "k"}
    redis = open_redis(rooms_settings.redis_url)
    answers = await asyncio.gather(*(owner.ask("POST", "/rooms", json=body, headers=headers) for _ in range(3)))
    made = {answer.json()["id"] for answer in answers}
    assert len(made) == 1
    assert made.isdisjoint(await redis.run("LRANGE", redis_keys.ROOM_POOL, 0, -1))
    await redis.close()
