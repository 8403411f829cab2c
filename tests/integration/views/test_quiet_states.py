"""Users' quiet hours in Redis: what is missing means none only while all are written."""

import pytest

from kaftalk_protocol import redis_keys
from kaftalk_protocol.quiet_state import HoldPlan, QuietState
from kaftalk_runtime.redis_client import Redis
from kaftalk_testing.room_logs import ANN, BOB, CYD
from kaftalk_views import generation
from kaftalk_views.quiet_states import QuietReads

STATE = QuietState(user=ANN, version=3, hold=HoldPlan(start_ms=5, end_ms=9, release_id="r", deliver="hold"))


@pytest.fixture
def reads(redis: Redis) -> QuietReads:
    return QuietReads(redis)


async def test_nobody_knows_of_whom_nothing_is_written_until_all_are(redis: Redis, reads: QuietReads) -> None:
    await redis.run("SET", redis_keys.quiet(ANN), STATE.encode())
    assert await reads.of([ANN, BOB]) == {ANN: STATE}
    current = await generation.current(redis)
    assert current is not None
    await redis.run("SET", redis_keys.VIEW_QUIET, current)
    assert await reads.of([ANN, BOB]) == {ANN: STATE, BOB: None}
    await generation.drop(redis)
    assert await reads.of([ANN, BOB]) == {ANN: STATE}
    assert await reads.of([]) == {}


async def test_what_is_no_state_is_unknown(redis: Redis, reads: QuietReads) -> None:
    await redis.run("SET", redis_keys.VIEW_QUIET, str(await generation.current(redis)))
    await redis.run("SET", redis_keys.quiet(ANN), "{}")
    assert await reads.of([ANN]) == {}
    assert await reads.hold_ms(ANN) is None


async def test_only_what_is_held_has_a_start(redis: Redis, reads: QuietReads) -> None:
    assert STATE.hold is not None
    silent = STATE.model_copy(update={"hold": STATE.hold.model_copy(update={"deliver": "silent"})})
    for user, state in ((ANN, STATE), (BOB, silent), (CYD, STATE.model_copy(update={"hold": None}))):
        await redis.run("SET", redis_keys.quiet(user), state.encode())
    assert [await reads.hold_ms(user) for user in (ANN, BOB, CYD)] == [5, None, None]
