"""Promise 1 and 2: nothing acknowledged is lost, repeated or reordered while any one process dies under load."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from kaftalk_testing.chat_load import ChatLoad, chat_load, eventually
from kaftalk_testing.stack import Stack

Trouble = Callable[[Stack], Awaitable[None]]


async def gateway_killed(stack: Stack) -> None:
    stack.kill("gateway", 0)
    await asyncio.sleep(2)
    await stack.start("gateway", 0)


async def both_gateways_killed(stack: Stack) -> None:
    stack.kill("gateway", 0)
    stack.kill("gateway", 1)
    await asyncio.gather(stack.start("gateway", 0), stack.start("gateway", 1))


async def delivery_killed(stack: Stack) -> None:
    stack.kill("delivery", 0)
    await asyncio.sleep(1)
    await stack.start("delivery", 0)


async def broker_killed(stack: Stack) -> None:
    stack.kill("kafka")
    await asyncio.sleep(1)
    await stack.start("kafka")


async def redis_killed(stack: Stack) -> None:
    stack.kill("redis")
    await asyncio.sleep(2)
    await stack.start("redis")


async def delivery_paused(stack: Stack) -> None:
    stack.pause("delivery", 0)
    await asyncio.sleep(8)
    stack.resume("delivery", 0)


async def gateway_drained(stack: Stack) -> None:
    assert await stack.terminate("gateway", 1) == 0
    await stack.start("gateway", 1)


TROUBLES = [
    gateway_killed, both_gateways_killed, delivery_killed, broker_killed, redis_killed, delivery_paused,
    gateway_drained,
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("trouble", TROUBLES, ids=lambda trouble: trouble.__name__)
async def test_nothing_is_lost_repeated_or_reordered(breakable_stack: Stack, trouble: Trouble) -> None:
    async with chat_load(breakable_stack) as load:
        await load.chat_while(trouble(breakable_stack))
        await load.settle()
        assert load.verdict(trouble.__name__) == []


@pytest.mark.slow
async def test_connections_cut_at_random_lose_nothing(breakable_stack: Stack) -> None:
    async def cutting(load: ChatLoad) -> None:
        for i in range(30):
            await load.clients[i % len(load.clients)].cut()
            await asyncio.sleep(0.2)

    async with chat_load(breakable_stack) as load:
        await load.chat_while(cutting(load))
        await load.settle()
        assert load.verdict("connections cut") == []
        assert load.clients[0].connects > 3


@pytest.mark.slow
@pytest.mark.parametrize("trouble", [None, delivery_killed, redis_killed], ids=lambda t: t.__name__ if t else "calm")
async def test_who_is_kicked_sees_nothing_after_the_kick(breakable_stack: Stack, trouble: Trouble | None) -> None:
    async with chat_load(breakable_stack) as load:

        async def kicking() -> None:
            other = asyncio.ensure_future(trouble(breakable_stack) if trouble else asyncio.sleep(0.5))
            for room in load.rooms:
                path = f"/rooms/{room}/members/{load.guest.account.id}"
                await eventually(lambda path=path: load.owner.account.call("DELETE", path))  # type: ignore[misc]
            await other

        await load.chat_while(kicking())
        await load.settle()
        assert set(load.guest.view.cut) == set(load.rooms)
        assert load.verdict(f"kicks, {trouble.__name__ if trouble else 'calm'}") == []
