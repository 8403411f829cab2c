"""Delivery alone on a Kafka and a Redis of its own, with rooms made by hand: for its tests and benchmarks."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from kaftalk_roomlog.ranges import RoomLogRange
from kaftalk_runtime.kafka import Kafka
from kaftalk_runtime.redis_client import Redis, open_redis
from kaftalk_testing import plan as plans
from kaftalk_testing.link_client import LinkClient, open_link
from kaftalk_testing.seeded_rooms import RoomSeed, SeededRoom, room_seed
from kaftalk_testing.stack import Stack, run_stack
from kaftalk_views.catch_up import CatchUp
from kaftalk_views.room_views import RoomViews

SHARDS = 16


@dataclass(frozen=True, slots=True)
class DeliveryStack:
    """Up to two instances, `delivery-1` and `delivery-2`; none runs at first."""

    stack: Stack
    seed: RoomSeed
    redis: Redis
    views: RoomViews

    def link(self, gateway: str, index: int = 0) -> AbstractAsyncContextManager[LinkClient]:
        """Open a link to an instance."""
        keys = str(self.stack.programs[f"delivery-{index + 1}"].env["KAFTALK_INTERNAL_KEYS"]).split(",")
        return open_link(self.stack.internal_url("delivery", index).replace("http", "ws", 1), keys, gateway)

    async def project(self, room: SeededRoom) -> None:
        """Apply a room's first record as the rooms service does."""
        ranges = RoomLogRange(Kafka(self.stack.kafka_bootstrap))
        await ranges.start()
        try:
            await CatchUp(self.views, ranges).project_to(room.placement, 0)
        finally:
            await ranges.stop()

    async def start(self, index: int = 0) -> None:
        """Start an instance unless it runs."""
        if not self.stack.alive("delivery", index):
            await self.stack.start("delivery", index)

    async def one_instance(self) -> None:
        """Let the first instance run, and no other."""
        for name in ("kafka", "redis"):
            if not self.stack.alive(name):
                await self.stack.start(name)
        if self.stack.alive("delivery", 1):
            await self.stack.terminate("delivery", 1)
        await self.start()


@asynccontextmanager
async def run_delivery(folder: Path, *, shards: int = SHARDS) -> AsyncIterator[DeliveryStack]:
    """Run the backends of a delivery stack in `folder` while the block runs."""
    settings = {"KAFTALK_SHARDS": str(shards)}
    async with run_stack(folder, counts={"delivery": 2}, settings=settings, backends_only=True) as stack:
        stack.programs |= {name: plans.service(stack.plan, name) for name in stack.plan.of("delivery")}
        redis = open_redis(stack.redis_url)
        async with room_seed(stack.kafka_bootstrap) as seed:
            await seed.system_topics(shards)
            yield DeliveryStack(stack, seed, redis, RoomViews(redis, shards=shards))
        await redis.close()
