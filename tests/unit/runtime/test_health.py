"""Readiness with hysteresis, and what the internal listener answers."""

import asyncio

import httpx

from kaftalk_runtime.clock import ManualClock
from kaftalk_runtime.health import Health, internal_app


class Switch:
    """A check that holds, fails or raises."""

    def __init__(self) -> None:
        self.state: bool | None = True

    async def __call__(self) -> bool:
        if self.state is None:
            raise RuntimeError
        return self.state


class Watched:
    """A Health that is asked every half second of a manual clock."""

    def __init__(self) -> None:
        self.switch = Switch()
        self.clock = ManualClock()
        self.health = Health({"redis": self.switch}, alive=lambda: self.lives, clock=self.clock)
        self.lives = True

    async def rounds(self, count: int) -> None:

        watching = asyncio.create_task(self.health.watch())
        await asyncio.sleep(0.01)
        for _ in range(count - 1):
            await self.clock.advance(0.5)
            await asyncio.sleep(0.01)
        watching.cancel()


async def test_it_is_unready_until_the_first_checks_hold() -> None:
    watched = Watched()
    assert not watched.health.ready
    await watched.rounds(1)
    assert watched.health.ready


async def test_a_blip_changes_nothing_and_a_lasting_failure_does() -> None:
    watched = Watched()
    await watched.rounds(1)
    watched.switch.state = None
    await watched.rounds(3)
    assert watched.health.ready
    await watched.rounds(1)
    assert not watched.health.ready
    watched.switch.state = True
    await watched.rounds(1)
    assert not watched.health.ready
    await watched.rounds(1)
    assert watched.health.ready


async def test_a_drained_one_is_unready_for_good() -> None:
    watched = Watched()
    await watched.rounds(1)
    watched.health.drain()
    await watched.rounds(2)
    assert not watched.health.ready
    assert watched.health.report() == {"redis": "ok", "draining": "yes"}


async def test_the_internal_listener_answers() -> None:
    watched = Watched()
    await watched.rounds(1)
    transport = httpx.ASGITransport(internal_app(watched.health))
    async with httpx.AsyncClient(transport=transport, base_url="http://internal") as client:
        assert (await client.get("/healthz")).status_code == 200
        assert (await client.get("/readyz")).json() == {"redis": "ok"}
        assert (await client.get("/metrics")).status_code == 404
        watched.health.drain()
        assert (await client.get("/readyz")).status_code == 503
        watched.lives = False
        assert (await client.get("/healthz")).status_code == 503
