"""Pytest fixtures: real Kafka and Redis, and a whole stack, once a test session and beside any `make up`."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from kaftalk_testing.redis_server import flush
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
    """Run a whole Kaftalk with a Kafka and a Redis of its own: two gateways behind the proxy."""
    async with run_stack(tmp_path_factory.mktemp("stack")) as running:
        yield running


@pytest_asyncio.fixture
async def breakable_stack(stack: Stack) -> AsyncIterator[Stack]:
    """Return the session's stack; what a test kills or pauses of it runs again afterwards."""
    await stack.heal()
    yield stack
    await stack.heal()
