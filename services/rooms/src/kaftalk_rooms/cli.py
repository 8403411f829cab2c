"""The operator's tool: `kaftalk rebuild-views`."""

import argparse
import asyncio
import sys
from typing import Annotated

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from kaftalk_roomlog.errors import RoomLogError
from kaftalk_rooms.rebuild import Rebuilt, ViewRebuild
from kaftalk_runtime.kafka import Kafka, KafkaUnreachable
from kaftalk_runtime.redis_client import RedisError, open_redis
from kaftalk_runtime.settings import load


class CliSettings(BaseSettings):
    """Where Kafka and Redis are: the same environment variables as the services'."""

    model_config = SettingsConfigDict(env_prefix="KAFTALK_", frozen=True, extra="ignore", hide_input_in_errors=True)

    kafka_bootstrap: Annotated[str, Field(min_length=1)]
    redis_url: Annotated[str, Field(pattern=r"^(rediss?|unix)://", repr=False)]


def main() -> int:
    """Run the command on the command line; gives the exit status."""
    parser = argparse.ArgumentParser(prog="kaftalk", description="Look after a Kaftalk deployment.")
    commands = parser.add_subparsers(required=True, dest="command")
    commands.add_parser("rebuild-views", help="make Redis again from Kafka, beside running services")
    parser.parse_args()
    settings = load(CliSettings)
    try:
        rebuilt = asyncio.run(_rebuild(settings))
    except (RoomLogError, KafkaUnreachable, RedisError) as error:
        print(f"not rebuilt: {error!r}", file=sys.stderr)
        return 1
    print(f"accounts {rebuilt.accounts}, rooms {rebuilt.rooms}, cursors {rebuilt.cursors}")
    if rebuilt.rooms_missing:
        print(f"{rebuilt.rooms_missing} rooms could not be read now: run it again", file=sys.stderr)
    return 1 if rebuilt.rooms_missing else 0


async def _rebuild(settings: CliSettings) -> Rebuilt:
    redis = open_redis(settings.redis_url)
    try:
        return await ViewRebuild(Kafka(settings.kafka_bootstrap, client_id="kaftalk-cli"), redis).run()
    finally:
        await redis.close()


if __name__ == "__main__":
    raise SystemExit(main())
