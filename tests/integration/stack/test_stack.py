"""A whole stack: everything behind one origin, and back after it was killed."""

import httpx
import pytest

from kaftalk_testing.stack import Stack

pytestmark = pytest.mark.slow


async def test_every_service_is_reached_through_the_proxy(stack: Stack) -> None:
    async with httpx.AsyncClient(base_url=stack.url) as client:
        assert (await client.get("/api/v1/version")).json()["protocol"] == 1
        assert (await client.get("/api/v1/media/x")).json()["code"] == "unauthenticated"
        assert (await client.get("/api/v1/me/quiet-hours")).json()["code"] == "unauthenticated"
        # A plain GET is no WebSocket handshake: the gateway itself says so.
        assert 400 <= (await client.get("/ws")).status_code < 500


async def test_killed_services_are_back_after_healing(breakable_stack: Stack) -> None:
    for name in ("gateway", "delivery", "rooms"):
        breakable_stack.kill(name)
    async with httpx.AsyncClient(base_url=breakable_stack.url) as client:
        assert (await client.get("/api/v1/version")).json()["code"] == "unavailable"

        await breakable_stack.heal()

        assert (await client.get("/api/v1/version")).status_code == 200
    assert all(breakable_stack.alive(name) for name in breakable_stack.programs)


async def test_a_terminated_service_ends_cleanly(breakable_stack: Stack) -> None:
    for name in ("gateway", "delivery", "rooms", "media", "dnd-batch"):
        assert await breakable_stack.terminate(name) == 0
