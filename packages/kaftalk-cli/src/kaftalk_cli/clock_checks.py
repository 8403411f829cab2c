"""Clocks: this machine's, the broker's and Redis's within two seconds of each other."""

import time

from kaftalk_cli.findings import Finding, good, wrong
from kaftalk_protocol.topics import QUIET_HOURS
from kaftalk_roomlog.shards import shard_of
from kaftalk_roomlog.writer import RoomLogWriter
from kaftalk_runtime.kafka import Kafka
from kaftalk_runtime.redis_client import Redis

SKEW_MAX_MS = 2_000
_KEY = "tick|doctor"
_TIMEOUT_S = 5.0


async def check_broker_clock(kafka: Kafka, shards: int) -> Finding:
    """Append a tick, as dnd-batch does every second, and compare its time. Raises KafkaUnreachable, AppendError."""
    writer = RoomLogWriter(kafka, producers=1)
    await writer.start()
    try:
        before = _now_ms()
        partition = shard_of(_KEY, shards)
        tick = await writer.append(QUIET_HOURS, b"{}", key=_KEY.encode(), partition=partition, timeout_s=_TIMEOUT_S)
        return judge("broker clock", tick.ts, before, _now_ms())
    finally:
        await writer.stop()


async def check_redis_clock(redis: Redis) -> Finding:
    """Compare Redis's time. Raises RedisError."""
    before = _now_ms()
    seconds, micros = await redis.run("TIME")
    return judge("redis clock", int(seconds) * 1000 + int(micros) // 1000, before, _now_ms())


def judge(subject: str, theirs_ms: int, before_ms: int, after_ms: int) -> Finding:
    """Compare a clock that was read somewhere between two readings of ours."""
    off_ms = max(before_ms - theirs_ms, theirs_ms - after_ms, 0)
    if off_ms <= SKEW_MAX_MS:
        return good(subject, f"within {off_ms / 1000:.1f} s of this machine's")
    fix = "synchronise the clocks of all machines (chrony, systemd-timesyncd)"
    return wrong(subject, f"{off_ms / 1000:.1f} s away from this machine's", fix)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
