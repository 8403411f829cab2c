"""One delivery instance on backends of its own."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from kaftalk_testing.delivery_stack import DeliveryStack, run_delivery


@pytest_asyncio.fixture(scope="session")
async def running_delivery(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[DeliveryStack]:
    async with run_delivery(tmp_path_factory.mktemp("delivery")) as running:
        yield running


@pytest_asyncio.fixture
async def delivery(running_delivery: DeliveryStack) -> DeliveryStack:
    """Return the stack with exactly one instance running."""
    await running_delivery.one_instance()
    return running_delivery
