"""`kaftalk doctor`: look at everything that this deployment stands on, and say what to do."""

from collections.abc import Awaitable, Callable

from kaftalk_cli import kafka_checks, redis_checks, secret_checks, service_checks
from kaftalk_cli.clock_checks import check_broker_clock, check_redis_clock
from kaftalk_cli.findings import Finding, wrong
from kaftalk_cli.s3_checks import check_s3
from kaftalk_cli.settings import CliSettings
from kaftalk_roomlog.errors import RoomLogError
from kaftalk_runtime.kafka import KafkaUnreachable
from kaftalk_runtime.redis_client import Redis, RedisError, open_redis

Check = Callable[[], Awaitable[list[Finding]]]


async def examine(settings: CliSettings) -> list[Finding]:
    """Run all checks; what cannot be reached is a finding."""
    redis = open_redis(settings.redis_url)
    try:
        return [
            secret_checks.check_internal_keys(settings.internal_keys),
            secret_checks.check_jwt_key(settings.jwt_key_file),
            *await _reached("kafka", "KAFTALK_KAFKA_BOOTSTRAP", lambda: _kafka(settings)),
            *await _reached("broker clock", "KAFTALK_SHARDS", lambda: _clock(settings)),
            *await _reached("redis", "KAFTALK_REDIS_URL", lambda: _redis(redis)),
            *await check_s3(settings),
        ]
    finally:
        await redis.close()


async def _kafka(settings: CliSettings) -> list[Finding]:
    async with kafka_checks.inspecting(settings.kafka()) as inspection:
        return await kafka_checks.check_kafka(inspection, shards=settings.shards, replication=settings.replication)


async def _clock(settings: CliSettings) -> list[Finding]:
    return [await check_broker_clock(settings.kafka(), settings.shards)]


async def _redis(redis: Redis) -> list[Finding]:
    return [
        *await redis_checks.check_redis(redis),
        await check_redis_clock(redis),
        *await service_checks.check_services(redis),
    ]


async def _reached(subject: str, setting: str, check: Check) -> list[Finding]:
    try:
        return await check()
    except (KafkaUnreachable, RoomLogError, RedisError, TimeoutError) as error:
        return [wrong(subject, f"does not answer: {error!r}", f"start it, or correct {setting}")]
