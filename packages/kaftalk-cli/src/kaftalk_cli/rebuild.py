"""`kaftalk rebuild-views`."""

from dataclasses import asdict
from typing import Any

from kaftalk_cli.settings import CliSettings
from kaftalk_rooms.rebuild import ViewRebuild
from kaftalk_runtime.redis_client import open_redis


async def rebuild_views(settings: CliSettings) -> dict[str, Any]:
    """Make the views again; gives how many of what. Raises KafkaUnreachable, ReadError, RedisError."""
    redis = open_redis(settings.redis_url)
    try:
        return asdict(await ViewRebuild(settings.kafka(), redis).run())
    finally:
        await redis.close()
