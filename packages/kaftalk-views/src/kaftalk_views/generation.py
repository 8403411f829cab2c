"""The generation of the views: a key that is gone when Redis lost them, so that owners make them again."""

import secrets

from kaftalk_protocol.redis_keys import GENERATION
from kaftalk_runtime.redis_client import Redis


async def current(redis: Redis) -> str | None:
    """Read the generation; None if the views are lost (or were never made).

    Raises RedisAway.
    """
    found = await redis.run("GET", GENERATION)
    return None if found is None else str(found)


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
