"""A small town that chats while something breaks: rooms, whole clients on random gateways, a steady rate."""

import asyncio
import itertools
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import httpx

from kaftalk_testing.account import Account
from kaftalk_testing.chat_client import ChatClient
from kaftalk_testing.history import Sent, Violation, check, summary
from kaftalk_testing.stack import Stack

SETTLE_S = 90.0


class ChatLoad:
    """Clients that are members of every room; one more, the guest, may be kicked on the way."""

    def __init__(self, rooms: list[str], clients: list[ChatClient]) -> None:
        self.rooms = rooms
        self.clients = clients
        self._sends: dict[ChatClient, list[asyncio.Future[Sent]]] = {client: [] for client in clients}
        self._counter = itertools.count(1)

    @property
    def owner(self) -> ChatClient:
        """The owner of every room."""
        return self.clients[0]

    @property
    def guest(self) -> ChatClient:
        """The one who may be kicked."""
        return self.clients[-1]

    async def chat(self, seconds: float, *, per_s: float) -> None:
        """Send for some seconds, from anyone to any room."""
        loop = asyncio.get_running_loop()
        start = loop.time()
        for i in range(int(seconds * per_s)):
            await asyncio.sleep(max(0.0, start + i / per_s - loop.time()))
            self._send(random.choice(self.clients), random.choice(self.rooms))

    async def chat_while(self, trouble: Awaitable[Any], *, per_s: float = 30.0) -> None:
        """Chat before, during and after some trouble; what waits must not be more than the limits let through soon."""
        await self.chat(2.0, per_s=per_s)
        during = asyncio.ensure_future(trouble)
        while not during.done():
            await self.chat(0.5, per_s=per_s)
        await during
        await self.chat(2.0, per_s=per_s)

    async def settle(self) -> None:
        """Wait until every send is resolved and everyone has seen the last message of each room.

        Raises TimeoutError.
        """
        async with asyncio.timeout(SETTLE_S):
            last = [self._send(self.owner, room) for room in self.rooms]
            await asyncio.gather(*(future for sends in self._sends.values() for future in sends))
            for room, future in zip(self.rooms, last, strict=True):
                seq = future.result().seq or 0
                await asyncio.gather(*(client.caught_up(room, seq) for client in self.clients))

    def verdict(self, name: str) -> list[Violation]:
        """Check the whole history, print what was counted, and give the violations."""
        sent = self._history()
        views = [client.view for client in self.clients]
        violations = check(sent, views)
        connects = sum(client.connects for client in self.clients)
        print(f"\n{name}: {summary(sent, views, violations)}; {connects} connects of {len(self.clients)} clients")
        return violations

    def failed(self) -> list[Sent]:
        """Return the sends that were refused, or of which nobody knows what became."""
        return [sent for sent in self._history() if sent.outcome != "ok"]

    def _history(self) -> list[Sent]:
        return [sent for client in self.clients for sent in client.history(self._sends[client])]

    def _send(self, client: ChatClient, room: str) -> "asyncio.Future[Sent]":
        future = client.send(room, f"메시지 {next(self._counter)}")
        self._sends[client].append(future)
        return future


async def eventually(call: Callable[[], Awaitable[Any]], timeout_s: float = 30.0) -> Any:
    """Repeat a call until it succeeds, through 5xx answers and lost connections.

    Raises TimeoutError.
    """
    async with asyncio.timeout(timeout_s):
        while True:
            try:
                return await call()
            except httpx.HTTPStatusError as error:
                if error.response.status_code < 500:
                    raise
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.2)


@asynccontextmanager
async def chat_load(
    stack: Stack, *, rooms: int = 3, people: int = 5, ports: Sequence[int] = ()
) -> AsyncIterator[ChatLoad]:
    """Make a town on a stack; clients go to any gateway, or to any of `ports` (of proxies before them)."""
    gateways = range(len(stack.plan.of("gateway")))
    urls = [f"ws://127.0.0.1:{port}/ws" for port in ports] or [stack.ws_url(gateway) for gateway in gateways]
    async with chat_load_at(stack.url, urls, rooms=rooms, people=people) as load:
        yield load


@asynccontextmanager
async def chat_load_at(url: str, ws_urls: Sequence[str], *, rooms: int, people: int) -> AsyncIterator[ChatLoad]:
    """Make rooms and people behind `url`, connect everyone to any of `ws_urls`, and disconnect them at the end."""
    async with httpx.AsyncClient(base_url=url, timeout=30.0) as http:
        accounts = [await Account.register(http, display_name=f"사람 {i}") for i in range(people)]
        made = [(await accounts[0].room(f"방 {i}"))["id"] for i in range(rooms)]
        for account in accounts[1:]:
            for room in made:
                await account.join(room)
        clients = []
        for account in accounts:
            pages = {room: await account.call("GET", f"/rooms/{room}/messages?limit=1") for room in made}
            positions = {room: (page["epoch"], page["to"]) for room, page in pages.items()}
            clients.append(ChatClient(account, lambda: random.choice(ws_urls), positions))
        try:
            yield ChatLoad(made, clients)
        finally:
            await asyncio.gather(*(client.stop() for client in clients))
