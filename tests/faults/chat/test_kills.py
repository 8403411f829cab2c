"""Promise 1 and 2: nothing acknowledged is lost, repeated or reordered while any one process dies under load."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from kaftalk_testing.chat_load import ChatLoad, chat_load, eventually
from kaftalk_testing.proxy import tcp_proxy
from kaftalk_testing.stack import Stack, run_stack

# A loaded machine takes its time to start what was killed.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

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


async def gateway_frozen(stack: Stack) -> None:
    """Its clients give it up and resume elsewhere; it wakes with their sockets and sends of long ago."""
    stack.pause("gateway", 0)
    await asyncio.sleep(20)
    stack.resume("gateway", 0)


async def gateway_drained(stack: Stack) -> None:
    assert await stack.terminate("gateway", 1) == 0
    await stack.start("gateway", 1)


TROUBLES = [
    gateway_killed, both_gateways_killed, delivery_killed, broker_killed, redis_killed, delivery_paused,
    gateway_frozen, gateway_drained,
]  # fmt: skip


@pytest.mark.parametrize("trouble", TROUBLES, ids=lambda trouble: trouble.__name__)
async def test_nothing_is_lost_repeated_or_reordered(breakable_stack: Stack, trouble: Trouble) -> None:
    async with chat_load(breakable_stack) as load:
        await load.chat_while(trouble(breakable_stack))
        await load.settle()
        assert load.verdict(trouble.__name__) == []


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


async def test_answers_that_are_lost_on_the_way_lose_and_repeat_nothing(breakable_stack: Stack) -> None:
    """The bytes to the clients are swallowed, then the connections cut: what is stored is sent again."""
    targets = [breakable_stack.plan.instances[name].public for name in breakable_stack.plan.of("gateway")]
    async with tcp_proxy(targets[0]) as one, tcp_proxy(targets[1]) as other:

        async def swallowing() -> None:
            for _ in range(6):
                for proxy in (one, other):
                    proxy.to_client.blackhole = True
                    await asyncio.sleep(0.5)
                    proxy.cut()
                    proxy.heal()
                await asyncio.sleep(1)

        async with chat_load(breakable_stack, ports=[one.port, other.port]) as load:
            await load.chat_while(swallowing())
            await load.settle()
            assert load.verdict("answers lost") == []
            assert sum(client.connects for client in load.clients) > len(load.clients)


async def test_another_delivery_takes_over_under_load(tmp_path: Path) -> None:
    async with run_stack(tmp_path, counts={"delivery": 2}) as stack, chat_load(stack) as load:

        async def killing() -> None:
            for index in (0, 1):
                stack.kill("delivery", index)
                await asyncio.sleep(5)
                await stack.start("delivery", index)
                await asyncio.sleep(2)

        await load.chat_while(killing())
        await load.settle()
        assert load.verdict("either of two deliveries killed") == []


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
        assert load.guest.connects > 1 or set(load.guest.kicked) == set(load.rooms)
        assert load.verdict(f"kicks, {trouble.__name__ if trouble else 'calm'}") == []
