"""The wall clock of dnd-batch is off, and nothing else: its holds begin and end by the broker's all the same."""

import asyncio
import dataclasses
import time
from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio

from kaftalk_testing.gateway_twin import GatewayTwin
from kaftalk_testing.quiet_stack import QuietStack, person
from kaftalk_testing.tools import FAKETIME, ensure, require

pytestmark = pytest.mark.slow

STEPS = ["+1h", "-1h", "+1d", "-1d"]


@pytest_asyncio.fixture(params=STEPS)
async def wrong(request: pytest.FixtureRequest, quiet: QuietStack) -> AsyncIterator[QuietStack]:
    """Return the stack with a dnd-batch whose wall clock is off."""
    ensure(FAKETIME)
    right = quiet.stack.programs["dnd-batch-1"]
    fake = {"LD_PRELOAD": require(FAKETIME), "FAKETIME": request.param, "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
    await quiet.stack.terminate("dnd-batch")
    quiet.stack.programs["dnd-batch-1"] = dataclasses.replace(right, env=dict(right.env) | fake)
    await quiet.stack.start("dnd-batch")
    yield quiet
    await quiet.stack.terminate("dnd-batch")
    quiet.stack.programs["dnd-batch-1"] = right


async def test_a_wrong_wall_clock_neither_hastens_nor_delays_a_release(wrong: QuietStack, gateway: GatewayTwin) -> None:
    assert abs(await _offset_s(wrong)) > 3_000
    me, other = person(), person()
    room = await wrong.room([other, me])
    await gateway.connect([me])
    ends_ms = await wrong.snooze(me, 4)
    told = await gateway.told(me, active=True)
    assert told.hold is not None
    await asyncio.sleep(max(0.0, told.hold.start_ms / 1000 - time.time() + 0.05))
    seqs = await wrong.append(room, room.message(1, "held", by=other))
    (taken,) = await gateway.released(me)
    assert taken.release.window == (told.hold.start_ms, ends_ms)
    assert taken.release.late_by_s is None
    assert taken.at_ms >= ends_ms
    assert taken.seqs() == {room.id: seqs}


async def test_a_clock_that_is_right_again_changes_nothing(wrong: QuietStack, gateway: GatewayTwin) -> None:
    me = person()
    room = await wrong.room([person(), me])
    await gateway.connect([me])
    ends_ms = await wrong.snooze(me, 9)
    told = await gateway.told(me, active=True)
    assert told.hold is not None
    await asyncio.sleep(max(0.0, told.hold.start_ms / 1000 - time.time() + 0.05))
    seqs = await wrong.append(room, room.message(1, "held"))
    await wrong.stack.terminate("dnd-batch")
    program = wrong.stack.programs["dnd-batch-1"]
    kept = {name: value for name, value in program.env.items() if name != "LD_PRELOAD"}
    wrong.stack.programs["dnd-batch-1"] = dataclasses.replace(program, env=kept)
    await wrong.stack.start("dnd-batch")
    (taken,) = await gateway.released(me)
    assert taken.at_ms >= ends_ms
    assert taken.seqs() == {room.id: seqs}


async def _offset_s(quiet: QuietStack) -> float:
    """Give by how much dnd-batch's wall clock is off, as it says itself."""
    async with httpx.AsyncClient() as http:
        lines = (await http.get(quiet.stack.metrics_url("dnd-batch"))).text.splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith("kaftalk_dnd_batch_clock_wall_offset"))
