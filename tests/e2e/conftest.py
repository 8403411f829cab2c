"""One Chromium for all tests of the web client; each person has a profile of her own in it."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest_asyncio
from playwright.async_api import Browser

from kaftalk_testing.browser import Newcomer, Person, run_chromium, sign_up
from kaftalk_testing.stack import Stack


@pytest_asyncio.fixture(scope="session")
async def chromium() -> AsyncIterator[Browser]:
    async with run_chromium() as browser:
        yield browser


@pytest_asyncio.fixture
async def newcomer(chromium: Browser, stack: Stack) -> AsyncIterator[Newcomer]:
    """Give a function that signs somebody up and returns her; all windows close after the test."""
    async with AsyncExitStack() as windows:

        async def arrive(name: str, **options: Any) -> Person:
            person = await sign_up(chromium, stack.url, name, **options)
            windows.push_async_callback(person.context.close)
            return person

        yield arrive
