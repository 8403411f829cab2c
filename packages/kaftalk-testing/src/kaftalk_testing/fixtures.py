"""Pytest fixtures: real Kafka and Redis, and a whole stack, once a test session and beside any `make up`."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from kaftalk_roomlog.ranges import RoomLogRange
from kaftalk_roomlog.topics import Topics
from kaftalk_roomlog.writer import RoomLogWriter
from kaftalk_runtime.kafka import Kafka
from kaftalk_testing.gateway_twin import GatewayTwin
from kaftalk_testing.quiet_stack import QuietStack, run_quiet
from kaftalk_testing.redis_server import flush
from kaftalk_testing.s3_bucket import SERVERS, S3Server, running_server
from kaftalk_testing.stack import Stack, run_stack


@pytest_asyncio.fixture(scope="session")
async def backends(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    """Run one Kafka and one Redis for the tests that bring their own services."""
    async with run_stack(tmp_path_factory.mktemp("backends"), backends_only=True) as running:
        yield running


@pytest.fixture(scope="session")
def kafka_bootstrap(backends: Stack) -> str:
    """Return the address of a broker that all tests share: name topics after fresh ids."""
    return backends.kafka_bootstrap


@pytest.fixture(scope="session")
def redis_url(backends: Stack) -> str:
    """Return a Redis that all tests share: use fresh ids, or `redis_clean`."""
    return backends.redis_url


@pytest_asyncio.fixture
async def redis_clean(backends: Stack) -> str:
    """Return the shared Redis, emptied."""
    await flush(backends.plan.redis_port)
    return backends.redis_url


@pytest_asyncio.fixture(scope="session")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    """Run a whole Kaftalk with a Kafka and a Redis of its own: two gateways behind the proxy, S3 and the function."""
    async with run_stack(tmp_path_factory.mktemp("stack"), media=True) as running:
        yield running


@pytest_asyncio.fixture
async def breakable_stack(stack: Stack) -> AsyncIterator[Stack]:
    """Return the session's stack; what a test kills or pauses of it runs again afterwards."""
    await stack.heal()
    yield stack
    await stack.heal()


@pytest.fixture
def kafka(kafka_bootstrap: str) -> Kafka:
    """Return the factory of clients for the shared broker."""
    return Kafka(kafka_bootstrap)


@pytest_asyncio.fixture
async def topics(kafka: Kafka) -> AsyncIterator[Topics]:
    """Return what makes topics on the shared broker."""
    topics = Topics(kafka)
    await topics.start()
    yield topics
    await topics.stop()


@pytest_asyncio.fixture
async def writer(kafka: Kafka) -> AsyncIterator[RoomLogWriter]:
    """Return a writer to the shared broker."""
    writer = RoomLogWriter(kafka)
    await writer.start()
    yield writer
    await writer.stop()


@pytest_asyncio.fixture
async def ranges(kafka: Kafka) -> AsyncIterator[RoomLogRange]:
    """Return random access to the logs of the shared broker."""
    ranges = RoomLogRange(kafka)
    await ranges.start()
    yield ranges
    await ranges.stop()


@pytest_asyncio.fixture(scope="session")
async def running_quiet(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[QuietStack]:
    """Run dnd-batch on backends of its own, which a test may break."""
    async with run_quiet(tmp_path_factory.mktemp("quiet")) as running:
        yield running


@pytest_asyncio.fixture
async def quiet(running_quiet: QuietStack) -> QuietStack:
    """Return that stack with exactly one instance running."""
    await running_quiet.one_instance()
    return running_quiet


@pytest_asyncio.fixture
async def gateway(quiet: QuietStack) -> AsyncIterator[GatewayTwin]:
    """Run a gateway's twin beside it."""
    async with quiet.gateway() as twin:
        yield twin


@pytest_asyncio.fixture(scope="session", params=SERVERS)
async def s3_server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[S3Server]:
    """Run one S3 server after the other: what must hold on all of them is tested on each."""
    async with running_server(request.param, tmp_path_factory.mktemp("s3")) as server:
        yield server
