"""A rooms service inside the test process, on real Kafka and Redis, without delivery: it applies changes itself."""

import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from kaftalk_protocol import redis_keys
from kaftalk_rooms.app import RoomsService
from kaftalk_rooms.settings import RoomsSettings
from kaftalk_runtime.redis_client import open_redis
from kaftalk_runtime.settings import Address
from kaftalk_testing.account import Account
from kaftalk_testing.keys import jwt_key_file
from kaftalk_testing.stack import Stack
from kaftalk_views import generation

SHARDS = 4


@pytest.fixture(scope="session")
def rooms_settings(backends: Stack, tmp_path_factory: pytest.TempPathFactory) -> RoomsSettings:
    folder: Path = tmp_path_factory.mktemp("rooms")
    return RoomsSettings(
        instance="rooms-test",
        listen=Address("127.0.0.1", 1),
        internal_listen=Address("127.0.0.1", 2),
        kafka_bootstrap=backends.kafka_bootstrap,
        redis_url=backends.redis_url,
        internal_keys=("k" + uuid.uuid4().hex + uuid.uuid4().hex,),
        jwt_key_file=jwt_key_file(folder),
        public_url="http://rooms.test",
        origins=("http://rooms.test",),
        shards=SHARDS,
        pool_size=8,
        apply_patience_s=0.0,
        limit_registrations=100_000,
    )


@pytest_asyncio.fixture(scope="session")
async def service(rooms_settings: RoomsSettings) -> AsyncIterator[RoomsService]:
    running = RoomsService(rooms_settings)
    await running.start()
    yield running
    await running.drain()
    await running.stop()


@pytest_asyncio.fixture
async def complete_views(rooms_settings: RoomsSettings) -> None:
    """Say that no view is missing, also where another test has emptied the Redis that all share."""
    redis = open_redis(rooms_settings.redis_url)
    made_for = await generation.claim(redis)
    await generation.mark(redis, range(SHARDS), made_for)
    await redis.run("SET", redis_keys.VIEW_MEDIA, made_for)
    await redis.close()


@pytest_asyncio.fixture
async def http(service: RoomsService, complete_views: None) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(service.api, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://rooms.test") as client:
        yield client


NewAccount = Callable[[], Awaitable[Account]]


@pytest.fixture
def new_account(http: httpx.AsyncClient) -> NewAccount:
    async def make() -> Account:
        http.cookies.clear()
        return await Account.register(http)

    return make
