"""Accounts in numbers, for benchmarks: signed up, signed in, members of a room, with tickets."""

import asyncio
import json
import uuid
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import TypeVar

import httpx

from kaftalk_testing.account import Account

LIMITS = {
    "KAFTALK_LIMIT_REGISTRATIONS_PER_MIN": "1000000",
    "KAFTALK_LIMIT_HANDSHAKES_PER_S": "1000000",
    "KAFTALK_LIMIT_HANDSHAKES_BURST": "1000000",
    "KAFTALK_LIMIT_ROOM_SENDS_PER_S": "1000000",
    "KAFTALK_LIMIT_USER_SENDS_PER_S": "1000000",
    "KAFTALK_LIMIT_SENDS_PER_S": "1000000",
    "KAFTALK_LIMIT_SENDS_BURST": "1000000",
}
"""Settings that take the limits away which a benchmark would run into."""

T = TypeVar("T")
R = TypeVar("R")


async def each(items: Iterable[T], do: Callable[[T], Awaitable[R]], *, at_once: int = 16) -> list[R]:
    """Do something for all items, some at once, and give the results in order."""
    slots = asyncio.Semaphore(at_once)

    async def one(item: T) -> R:
        async with slots:
            return await do(item)

    return list(await asyncio.gather(*(one(item) for item in items)))


async def accounts(http: httpx.AsyncClient, count: int) -> list[Account]:
    """Sign up and sign in."""
    return await each(range(count), lambda _: Account.register(http))


async def join_all(people: Sequence[Account], room: str) -> None:
    """Make everyone but the first a member of her room."""
    await each(people[1:], lambda account: account.join(room))


async def hellos(people: Sequence[Account]) -> list[list[str]]:
    """Take a ticket for everyone and write the `hello` frames; they last 30 s."""
    tickets = await each(people, lambda account: account.ticket())
    return [[json.dumps({"t": "hello", "ticket": ticket, "stream": str(uuid.uuid4())})] for ticket in tickets]


def client(url: str) -> httpx.AsyncClient:
    """Open an HTTP client wide enough for a crowd."""
    limits = httpx.Limits(max_connections=64, max_keepalive_connections=64)
    return httpx.AsyncClient(base_url=url, timeout=30, limits=limits)
