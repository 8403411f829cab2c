"""Kafka or Redis away: nothing hangs, nothing is promised, and all goes on by itself afterwards."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from kaftalk_rooms.app import RoomsService
from kaftalk_rooms.settings import RoomsSettings
from kaftalk_runtime.redis_client import open_redis
from kaftalk_testing.account import Account
from kaftalk_testing.stack import Stack, run_stack
from kaftalk_views import generation

pytestmark = pytest.mark.slow


@pytest_asyncio.fixture
async def own(tmp_path: Path, rooms_settings: RoomsSettings) -> AsyncIterator[tuple[Stack, httpx.AsyncClient]]:
    """Run a service on a Kafka and a Redis of its own."""
    async with run_stack(tmp_path, backends_only=True) as stack:
        places = {"kafka_bootstrap": stack.kafka_bootstrap, "redis_url": stack.redis_url}
        settings = rooms_settings.model_copy(update=places)
        service = RoomsService(settings)
        await service.start()
        redis = open_redis(stack.redis_url)
        await generation.mark(redis, range(settings.shards), await generation.claim(redis))
        transport = httpx.ASGITransport(service.api, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://rooms.test") as client:
            yield stack, client
        await stack.heal()
        await redis.close()
        await service.stop()


async def _until_well(account: Account, room: str) -> None:
    async with asyncio.timeout(30):
        while not await _works(account, room):
            await asyncio.sleep(0.2)


async def _works(account: Account, room: str) -> bool:
    """Sign in and send: the last second of sessions may be lost with Redis."""
    try:
        await account.sign_in()
        await account.call("POST", f"/rooms/{room}/messages", json={"text": "이제 되나"})
    except httpx.HTTPStatusError:
        return False
    return True


async def test_the_start_waits_for_kafka_as_that_of_the_other_services(
    tmp_path: Path, rooms_settings: RoomsSettings
) -> None:
    async with run_stack(tmp_path, backends_only=True) as stack:
        places = {"kafka_bootstrap": stack.kafka_bootstrap, "redis_url": stack.redis_url}
        service = RoomsService(rooms_settings.model_copy(update=places))
        stack.kill("kafka")
        starting = asyncio.create_task(service.start())
        await stack.start("kafka")
        await starting
        await service.stop()


async def test_without_redis_everything_is_unavailable_until_it_is_back(own: tuple[Stack, httpx.AsyncClient]) -> None:
    stack, http = own
    account = await Account.register(http)
    room = (await account.room())["id"]
    stack.kill("redis")
    asked = [
        ("GET", "/me", {}),
        ("GET", "/rooms", {}),
        ("POST", "/rooms", {"json": {"name": "방", "kind": "public"}}),
        ("POST", f"/rooms/{room}/messages", {"json": {"text": "여보세요"}}),
    ]
    for method, path, options in asked:
        answer = await account.ask(method, path, **options)
        assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
        assert int(answer.headers["retry-after"]) >= 1
    await stack.start("redis")
    await _until_well(account, room)


async def test_without_kafka_reads_go_on_and_writes_say_that_they_may_be_stored(
    own: tuple[Stack, httpx.AsyncClient],
) -> None:
    stack, http = own
    account = await Account.register(http)
    room = (await account.room())["id"]
    await account.call("POST", f"/rooms/{room}/messages", json={"text": "하나"})
    stack.pause("kafka")
    sending = account.ask(
        "POST", f"/rooms/{room}/messages", json={"text": "둘"}, headers={"Idempotency-Key": "two"}
    )  # fmt: skip
    creating = account.ask("POST", "/rooms", json={"name": "방", "kind": "public"}, headers={"Idempotency-Key": "room"})
    meeting = account.ask("POST", "/rooms/direct", json={"user_id": account.id})
    answers = await asyncio.gather(sending, creating, meeting)
    assert {answer.status_code for answer in answers} == {503}
    assert answers[0].json()["code"] == "unknown_outcome"
    assert (await account.ask("GET", "/rooms")).status_code == 200
    stack.resume("kafka")
    await _until_well(account, room)
    for _ in range(2):
        headers = {"Idempotency-Key": "two"}
        await account.call("POST", f"/rooms/{room}/messages", json={"text": "둘"}, headers=headers)
    headers = {"Idempotency-Key": "room"}
    made = await account.call("POST", "/rooms", json={"name": "방", "kind": "public"}, headers=headers)
    texts = [item["e"].get("text") for item in (await account.call("GET", f"/rooms/{room}/messages"))["items"]]
    assert texts.count("둘") == 1
    assert [entry["id"] for entry in (await account.call("GET", "/rooms"))["items"]].count(made["id"]) == 1
    assert len((await account.call("GET", "/rooms"))["items"]) == 2
