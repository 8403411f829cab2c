"""Redis: a view that must not forget more than it has to."""

from collections.abc import Iterable

from kaftalk_cli.findings import Finding, good, weak, wrong
from kaftalk_protocol import redis_keys
from kaftalk_runtime.redis_client import Redis

_MEMORY_SHARE_MAX = 0.8
_OLDEST = (7, 0)


async def check_redis(redis: Redis) -> list[Finding]:
    """Look at version, persistence, eviction, memory and whether all views are made. Raises RedisError."""
    text = "\n".join([str(await redis.run("INFO", section)) for section in ("server", "persistence", "memory")])
    info = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
    return [*judge_info(info), *await _views(redis)]


def judge_info(info: dict[str, str]) -> list[Finding]:
    """Judge what INFO says."""
    return [*_server(info), *_persistence(info), *_memory(info)]


def _server(info: dict[str, str]) -> Iterable[Finding]:
    version = info.get("redis_version", "0")
    name = f"{info.get('server_name', 'redis')} {info.get('valkey_version', version)}"
    if tuple(int(part) for part in version.split(".")[:2]) < _OLDEST:
        yield wrong("redis", name, "upgrade to Redis or Valkey with the commands of Redis 7.0")
    else:
        yield good("redis", name)


def _persistence(info: dict[str, str]) -> Iterable[Finding]:
    if info.get("aof_enabled") != "1":
        fix = "set `appendonly yes`: without it a restart signs everybody out and makes every view again"
        yield weak("redis persistence", "appendonly no", fix)
    elif info.get("aof_last_write_status") != "ok":
        yield wrong("redis persistence", "the last write of the AOF failed", "look at its disk: full, or broken")
    else:
        yield good("redis persistence", "appendonly yes")


def _memory(info: dict[str, str]) -> Iterable[Finding]:
    policy, used, limit = info.get("maxmemory_policy"), int(info["used_memory"]), int(info["maxmemory"])
    if policy != "noeviction":
        yield wrong(
            "redis memory", f"maxmemory-policy {policy}", "set `maxmemory-policy noeviction`: views may not vanish"
        )
    elif limit and used > limit * _MEMORY_SHARE_MAX:
        yield weak("redis memory", f"{used >> 20} of {limit >> 20} MiB are used", "raise `maxmemory`")
    else:
        yield good("redis memory", f"{used >> 20} MiB used, noeviction")


async def _views(redis: Redis) -> Iterable[Finding]:
    generation = await redis.run("GET", redis_keys.GENERATION)
    if generation is None:
        return [wrong("views", "none", "start delivery, or run `kaftalk rebuild-views`")]
    made = await redis.run("HVALS", redis_keys.VIEW_SHARDS)
    missing = sum(one != generation for one in made)
    if missing or not made:
        found = f"{missing or 'all'} shards are being made again"
        return [weak("views", found, "wait; if it does not end, look at delivery's log")]
    return [good("views", f"complete, {len(made)} shards")]
