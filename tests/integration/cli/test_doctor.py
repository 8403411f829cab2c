"""`kaftalk doctor` beside real brokers, a real Redis and running services."""

from typing import Any

import pytest

from kaftalk_runtime.redis_client import open_redis
from kaftalk_testing.operator import kaftalk
from kaftalk_testing.stack import Stack

pytestmark = pytest.mark.slow


def doctor(stack: Stack, **settings: str) -> tuple[int, dict[str, Any], str]:
    """Run it; give its status, what it found by subject, and everything it printed."""
    ran = kaftalk(stack, "doctor", "--json", **settings)
    return ran.status, {one["subject"]: one for one in ran.answer}, ran.out + ran.err


def test_a_running_stack_has_nothing_wrong(stack: Stack) -> None:
    status, found, _ = doctor(stack)
    assert (status, [one for one in found.values() if one["level"] == "wrong"]) == (0, [])
    assert found["gateway"]["found"] == "gateway-1, gateway-2"
    assert found["replication"]["level"] == "weak"


def test_what_is_not_there_is_named_with_its_setting(stack: Stack) -> None:
    away = {"KAFTALK_KAFKA_BOOTSTRAP": "127.0.0.1:9", "KAFTALK_REDIS_URL": "redis://127.0.0.1:9/0"}
    status, found, printed = doctor(stack, **away)
    assert status == 1
    assert "KAFTALK_KAFKA_BOOTSTRAP" in found["kafka"]["fix"]
    assert "KAFTALK_REDIS_URL" in found["redis"]["fix"]
    assert stack.programs["rooms-1"].env["KAFTALK_INTERNAL_KEYS"] not in printed


def test_a_bucket_that_is_not_there_is_wrong(stack: Stack) -> None:
    status, found, _ = doctor(stack, KAFTALK_S3_BUCKET="no-such-bucket")
    assert status == 1
    assert "no-such-bucket" in found["s3"]["found"]
    assert "KAFTALK_S3_ENDPOINT" in found["s3"]["fix"]


def test_other_shards_than_the_cluster_has_are_wrong(stack: Stack) -> None:
    status, found, _ = doctor(stack, KAFTALK_SHARDS="64")
    assert status == 1
    assert "KAFTALK_SHARDS=16" in found["topic kaftalk.rooms"]["fix"]


async def test_a_redis_that_evicts_is_wrong(breakable_stack: Stack) -> None:
    redis = open_redis(breakable_stack.redis_url)
    await redis.run("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
    try:
        status, found, _ = doctor(breakable_stack)
    finally:
        await redis.run("CONFIG", "SET", "maxmemory-policy", "noeviction")
        await redis.close()
    assert status == 1
    assert "noeviction" in found["redis memory"]["fix"]
