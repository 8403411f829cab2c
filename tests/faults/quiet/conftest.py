"""dnd-batch on backends of its own, which a test may break."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from kaftalk_testing.gateway_twin import GatewayTwin
from kaftalk_testing.quiet_stack import QuietStack, run_quiet


@pytest_asyncio.fixture(scope="session")
async def running_quiet(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[QuietStack]:
    async with run_quiet(tmp_path_factory.mktemp("quiet")) as running:
        yield running


@pytest_asyncio.fixture
async def quiet(running_quiet: QuietStack) -> QuietStack:
    """Return the stack with exactly one instance running."""
    await running_quiet.one_instance()
    return running_quiet


@pytest_asyncio.fixture
async def gateway(quiet: QuietStack) -> AsyncIterator[GatewayTwin]:
    """Run a gateway's twin beside it."""
    async with quiet.gateway() as twin:
        yield twin
