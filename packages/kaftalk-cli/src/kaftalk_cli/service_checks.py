"""Which instances are there, by their heartbeats in Redis."""

import time

from kaftalk_cli.findings import Finding, good, wrong
from kaftalk_protocol import redis_keys
from kaftalk_runtime.redis_client import Redis

_ALIVE_MS = 10_000
_OF_SERVICE = {
    "gateway": (redis_keys.GATEWAYS, "no browser can connect"),
    "delivery": (redis_keys.DELIVERIES, "no message is delivered"),
    "dnd-batch": (redis_keys.DND_BATCHES, "no quiet hours begin or end"),
}


async def check_services(redis: Redis) -> list[Finding]:
    """Look for living instances of what announces itself. Raises RedisError."""
    since = time.time_ns() // 1_000_000 - _ALIVE_MS
    return [
        _judge(name, await redis.run("ZRANGEBYSCORE", key, since, "+inf")) for name, (key, _) in _OF_SERVICE.items()
    ]


def _judge(service: str, entries: list[str]) -> Finding:
    names = sorted(entry.partition("|")[0] for entry in entries)
    if names:
        return good(service, ", ".join(names))
    return wrong(service, "no living instance", f"start {service}: {_OF_SERVICE[service][1]}")
