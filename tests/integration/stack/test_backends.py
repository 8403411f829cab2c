"""The shared Kafka and Redis of a test session."""

import pytest

from kaftalk_testing.probes import kafka_answers, redis_answers
from kaftalk_testing.stack import Stack


async def test_kafka_and_redis_answer(backends: Stack) -> None:
    assert await kafka_answers(backends.plan.kafka_port)()
    assert await redis_answers(backends.plan.redis_port)()


async def test_a_killed_backend_runs_again_after_healing(backends: Stack) -> None:
    backends.kill("redis")
    assert not backends.alive("redis")

    await backends.heal()

    assert await redis_answers(backends.plan.redis_port)()


@pytest.mark.slow
async def test_a_paused_backend_does_not_answer_until_it_is_resumed(backends: Stack) -> None:
    backends.pause("redis")
    answered = await redis_answers(backends.plan.redis_port)()
    backends.resume("redis")

    assert not answered
    assert await redis_answers(backends.plan.redis_port)()
