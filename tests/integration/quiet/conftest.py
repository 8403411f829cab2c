"""People of a whole stack with quiet hours."""

from collections.abc import AsyncIterator

import httpx
import pytest

from kaftalk_testing.account import Account
from kaftalk_testing.stack import Stack


@pytest.fixture
async def http(stack: Stack) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=stack.url, timeout=15) as client:
        yield client


@pytest.fixture
async def ann(http: httpx.AsyncClient) -> Account:
    return await Account.register(http)


@pytest.fixture
async def bob(http: httpx.AsyncClient) -> Account:
    return await Account.register(http)


@pytest.fixture
async def direct(ann: Account, bob: Account) -> str:
    """Make the direct room of Ann and Bob."""
    return str((await ann.call("POST", "/rooms/direct", json={"user_id": bob.id}))["id"])
