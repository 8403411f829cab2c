"""The generation of the views: a key that is gone when Redis lost them, so that owners make them again.

Beside it stands what is made for it, each shard's rooms and the accounts: before, what is missing in a set, in the
directory or of the users proves nothing.
"""

import secrets
from collections.abc import Iterable, Mapping

from kaftalk_protocol.redis_keys import GENERATION, VIEW_ACCOUNTS, VIEW_SHARDS
from kaftalk_runtime.redis_client import Redis
from kaftalk_views.view_fields import Command

COMPLETENESS: tuple[Command, Command] = (("GET", GENERATION), ("HGETALL", VIEW_SHARDS))
"""The reads that tell, after a read of sets or the directory in the same round trip, whether it was complete."""

ACCOUNTS_COMPLETE: tuple[Command, Command] = (("GET", GENERATION), ("GET", VIEW_ACCOUNTS))
"""The reads that tell, after a read of users in the same round trip, whether one who is missing exists."""


async def current(redis: Redis) -> str | None:
    """Read the generation; None if the views are lost (or were never made).

    Raises RedisAway.
    """
    found = await redis.run("GET", GENERATION)
    return None if found is None else str(found)


async def server(redis: Redis) -> str:
    """Name the Redis process: another than before may have lost what the one before wrote last.

    Raises RedisAway, RedisRefused.
    """
    info: str = await redis.run("INFO", "server")
    return next((line for line in info.splitlines() if line.startswith("run_id:")), "")


async def claim(redis: Redis) -> str:
    """Set a new generation unless there is one, and give the one in force.

    Raises RedisAway.
    """
    await redis.run("SET", GENERATION, secrets.token_hex(8), "NX")
    return await current(redis) or await claim(redis)


async def drop(redis: Redis) -> None:
    """Ask all owners to make all views again.

    Raises RedisAway.
    """
    await redis.run("DEL", GENERATION)


async def mark(redis: Redis, shards: Iterable[int], generation: str) -> None:
    """Note that all views of these shards are made for a generation.

    Raises RedisAway.
    """
    fields = [part for shard in shards for part in (str(shard), generation)]
    if fields:
        await redis.run("HSET", VIEW_SHARDS, *fields)


async def mark_accounts(redis: Redis, generation: str) -> None:
    """Note that all accounts are written for a generation that was in force before the first of them.

    Raises RedisAway.
    """
    await redis.run("SET", VIEW_ACCOUNTS, generation)


async def complete(redis: Redis, shards: int) -> bool:
    """Tell whether the views of all shards are made for the generation in force.

    Raises RedisAway.
    """
    return is_complete(*await redis.many(COMPLETENESS), shards=shards)


def is_complete(generation: str | None, made: Mapping[str, str], *, shards: int) -> bool:
    """Judge the replies to `COMPLETENESS`."""
    return generation is not None and all(made.get(str(shard)) == generation for shard in range(shards))
