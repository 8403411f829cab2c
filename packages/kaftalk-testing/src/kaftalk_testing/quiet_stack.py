"""dnd-batch alone on a Kafka and a Redis of its own, with people, rooms and gateways made by hand."""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import jwt
from cryptography.hazmat.primitives import serialization

from kaftalk_protocol import redis_keys, topics
from kaftalk_protocol.ids import UserId
from kaftalk_protocol.quiet_records import RECORD_BYTES_MAX, Released, UserQuiet, parse
from kaftalk_protocol.records import AnyRecord, Room
from kaftalk_protocol.tokens import ALGORITHM, TYPE, AccessClaims
from kaftalk_rest.access_tokens import key_id, read_public_key
from kaftalk_roomlog.errors import RoomLogError
from kaftalk_roomlog.ranges import RoomLogRange
from kaftalk_roomlog.records import LogRecord
from kaftalk_roomlog.shards import shard_of
from kaftalk_roomlog.topics import TopicSpec
from kaftalk_runtime.internal_auth import InternalKeys
from kaftalk_runtime.kafka import Kafka
from kaftalk_runtime.redis_client import Redis, open_redis
from kaftalk_testing import plan as plans
from kaftalk_testing.gateway_twin import GatewayTwin, run_gateway_twin
from kaftalk_testing.seeded_rooms import RoomSeed, SeededRoom, room_seed
from kaftalk_testing.stack import Stack, run_stack
from kaftalk_views import generation
from kaftalk_views.catch_up import CatchUp
from kaftalk_views.room_views import RoomViews

SHARDS = 4
_TOKEN_S = 86_400
_KAFKA_BACK_S = 30.0


@dataclass(frozen=True, slots=True)
class QuietStack:
    """Up to two instances, `dnd-batch-1` and `dnd-batch-2`; none runs at first."""

    stack: Stack
    seed: RoomSeed
    redis: Redis
    views: RoomViews
    ranges: RoomLogRange
    keys: InternalKeys

    async def one_instance(self) -> None:
        """Let the first instance run, and no other."""
        for name in ("kafka", "redis"):
            if not self.stack.alive(name):
                await self.stack.start(name)
        if self.stack.alive("dnd-batch", 1):
            await self.stack.terminate("dnd-batch", 1)
        if not self.stack.alive("dnd-batch"):
            await self.stack.start("dnd-batch")
        await self._kafka_serves()

    async def _kafka_serves(self) -> None:
        """Wait until topics can be made: a broker that was stopped for a while is fenced for some seconds."""
        async with asyncio.timeout(_KAFKA_BACK_S):
            while True:
                try:
                    await self.seed.unplaced(1)
                except RoomLogError:
                    await asyncio.sleep(0.2)
                else:
                    return

    async def two_instances(self) -> None:
        """Let both instances run, each with some shards."""
        await self.one_instance()
        if not self.stack.alive("dnd-batch", 1):
            await self.stack.start("dnd-batch", 1)
        while len({owner for _, owner in await self._owners()}) < 2:
            await asyncio.sleep(0.1)

    async def owner_of(self, user: UserId) -> int:
        """Give the index of the instance that has a user."""
        return dict(await self._owners())[shard_of(user, SHARDS)]

    async def somebody_of(self, index: int) -> UserId:
        """Make up a user whom an instance has."""
        owners = dict(await self._owners())
        return next(user for user in iter(person, None) if owners[shard_of(user, SHARDS)] == index)

    def gateway(self, name: str = "twin") -> AbstractAsyncContextManager[GatewayTwin]:
        """Run a gateway's twin."""
        return run_gateway_twin(self.redis, self.keys, name)

    async def views_are_whole(self) -> None:
        """Say that all views are made: the seeded ones are."""
        await generation.mark(self.redis, range(SHARDS), await generation.claim(self.redis))

    async def room(self, members: Sequence[UserId], name: str = "tea") -> SeededRoom:
        """Make a room with its view; the first member owns it."""
        owner, *rest = members
        opening = Room(by=owner, kind="public", name=name, members={owner: "owner"} | dict.fromkeys(rest, "member"))
        (room,) = await self.seed.unplaced(1, [opening])
        await self.project(room, 0)
        return room

    async def append(self, room: SeededRoom, *records: AnyRecord) -> list[int]:
        """Append records with their view, and give their seqs."""
        seqs = await self.seed.append(room, *records)
        await self.project(room, seqs[-1])
        return seqs

    async def project(self, room: SeededRoom, seq: int) -> None:
        """Let a room's view follow its log."""
        await CatchUp(self.views, self.ranges).project_to(room.placement, seq)

    async def ask(self, user: UserId, method: str, path: str, index: int = 0, **options: Any) -> httpx.Response:
        """Ask an instance over REST."""
        headers = {"Authorization": f"Bearer {await self._token(user)}"}
        async with httpx.AsyncClient(base_url=self.stack.service_url("dnd-batch", index), timeout=20) as http:
            return await http.request(method, f"/api/v1{path}", headers=headers, **options)

    async def snooze(self, user: UserId, seconds: float, index: int = 0) -> int:
        """Be quiet for some seconds from now, and give the end in ms."""
        until_ms = int(time.time() * 1000 + seconds * 1000)
        until = datetime.fromtimestamp(until_ms / 1000, UTC).isoformat(timespec="milliseconds")
        answer = await self.ask(user, "POST", "/me/snooze", index, json={"until": until})
        assert answer.is_success, answer.text
        return until_ms

    async def stored(self, user: UserId) -> list[UserQuiet | Released]:
        """Read all records of a user that compaction has left, in order."""
        shard = shard_of(user, SHARDS)
        records = await self._records(shard)
        parsed = [parse(record.value) for record in records if (record.key or b"").decode().startswith(user)]
        return [record for record in parsed if isinstance(record, UserQuiet | Released)]

    async def _owners(self) -> list[tuple[int, int]]:
        owners = await self.redis.run("HGETALL", redis_keys.DND_OWNERS)
        return [(int(shard), int(owner.partition("|")[0].rpartition("-")[2]) - 1) for shard, owner in owners.items()]

    async def _records(self, shard: int) -> list[LogRecord]:
        start, end = await self.ranges.bounds(topics.QUIET_HOURS, partition=shard)
        return await self.ranges.read(topics.QUIET_HOURS, start, end, partition=shard, bytes_max=64 << 20)

    async def _token(self, user: UserId) -> str:
        """Give an access token of a session of the user's, as the rooms service would."""
        sid = str(uuid.uuid5(uuid.UUID(user), "session"))
        await self.redis.run("HSET", redis_keys.session(sid), "user", user)
        now = int(time.time())
        env = self.stack.programs["dnd-batch-1"].env
        claims = AccessClaims(
            iss=str(env["KAFTALK_PUBLIC_URL"]), sub=user, sid=sid, iat=now - 5, nbf=now - 5, exp=now + _TOKEN_S
        )
        path = Path(str(env["KAFTALK_JWT_KEY_FILE"]))
        key: Any = serialization.load_pem_private_key(path.read_bytes(), None)
        headers = {"typ": TYPE, "kid": key_id(read_public_key(path))}
        return jwt.encode(claims.model_dump(), key, ALGORITHM, headers)


@asynccontextmanager
async def run_quiet(folder: Path) -> AsyncIterator[QuietStack]:
    """Run the backends of a quiet stack in `folder` while the block runs."""
    settings = {"KAFTALK_SHARDS": str(SHARDS)}
    async with run_stack(folder, counts={"dnd-batch": 2}, settings=settings, backends_only=True) as stack:
        stack.programs |= {name: plans.service(stack.plan, name) for name in stack.plan.of("dnd-batch")}
        redis = open_redis(stack.redis_url)
        ranges = RoomLogRange(Kafka(stack.kafka_bootstrap))
        await ranges.start()
        keys = InternalKeys(str(stack.programs["dnd-batch-1"].env["KAFTALK_INTERNAL_KEYS"]).split(","))
        async with room_seed(stack.kafka_bootstrap) as seed:
            await seed.system_topics(SHARDS)
            quiet_hours = TopicSpec(topics.QUIET_HOURS, SHARDS, compacted=True, record_bytes_max=RECORD_BYTES_MAX)
            await seed.topics.ensure_system_topics([TopicSpec(topics.ACCOUNTS, 2, compacted=True), quiet_hours])
            quiet = QuietStack(stack, seed, redis, RoomViews(redis, shards=SHARDS), ranges, keys)
            await quiet.views_are_whole()
            yield quiet
        await ranges.stop()
        await redis.close()


def person() -> UserId:
    """Make up a user; nobody asks whether the account exists."""
    return UserId(str(uuid.uuid4()))
