"""Make everything in Redis that can be made again from Kafka: accounts, rooms, read cursors and mutes."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from kaftalk_protocol.ids import RoomId
from kaftalk_protocol.topics import ACCOUNTS, CURSORS, NAMES, ROOMS, SNAPSHOTS, Placement
from kaftalk_roomlog.ranges import RoomLogRange
from kaftalk_roomlog.snapshots import SnapshotLog
from kaftalk_roomlog.tail import TailReader, TailRecord
from kaftalk_roomlog.writer import RoomLogWriter
from kaftalk_rooms.account_book import AccountBook
from kaftalk_runtime.kafka import Kafka
from kaftalk_runtime.redis_client import Redis
from kaftalk_views import cursors, generation, placements
from kaftalk_views.catch_up import CatchUp
from kaftalk_views.cursors import CursorRecord, ReadCursors
from kaftalk_views.room_views import RoomViews
from kaftalk_views.sendings import Sendings
from kaftalk_views.users import Users

ITEMS_A_ROUND = 500


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """How many there are, and how many rooms could not be made now."""

    accounts: int
    rooms: int
    rooms_missing: int
    cursors: int


class ViewRebuild:
    """Rebuilds beside running services: by the same compare-and-set, so what is there already stays."""

    def __init__(self, kafka: Kafka, redis: Redis) -> None:
        self._kafka = kafka
        self._redis = redis

    async def run(self) -> Rebuilt:
        """Rebuild all; returns when it is done.

        Raises KafkaUnreachable, ReadError, RedisError.
        """
        made_for = await generation.claim(self._redis)
        accounts = await self._accounts()
        await generation.mark_accounts(self._redis, made_for)
        log = RoomLogRange(self._kafka)
        await log.start()
        try:
            shards = await log.partitions(ROOMS)
            live = [placement for placement in await self._placements() if placement.status == "live"]
            made = await self._rooms(live, log, shards)
            restored = await self._cursors(shards)
        finally:
            await log.stop()
        if made == len(live):
            await generation.mark(self._redis, range(shards), made_for)
        return Rebuilt(accounts, made, len(live) - made, restored)

    async def _accounts(self) -> int:
        book = AccountBook()
        async with self._whole(ACCOUNTS) as records:
            async for record in records:
                if record.key is not None:
                    book.take_account(record.key, record.value)
        async with self._whole(NAMES) as records:
            async for record in records:
                if record.value is not None:
                    book.take_claim(record.value)
        users = [account.stored_user() for user in book.everybody() if (account := book.get(user))]
        for at in range(0, len(users), ITEMS_A_ROUND):
            await Users(self._redis).put(*users[at : at + ITEMS_A_ROUND])
        return len(users)

    async def _placements(self) -> list[Placement]:
        found: dict[RoomId, Placement] = {}
        async with self._whole(ROOMS) as records:
            async for record in records:
                placement = placements.decode(record.key, record.value)
                if placement is not None:
                    found[placement.room] = placement
        return list(found.values())

    async def _rooms(self, live: list[Placement], log: RoomLogRange, shards: int) -> int:
        snapshots = SnapshotLog(self._kafka, SNAPSHOTS, shards=shards)
        writer = RoomLogWriter(self._kafka)
        await snapshots.start()
        await writer.start()
        views = RoomViews(self._redis, shards=shards, sendings=Sendings(writer, shards=shards))
        catch_up, made = CatchUp(views, log), 0
        try:
            for shard in range(shards):
                of_shard = [placement for placement in live if views.shard(placement.room) == shard]
                stored = {RoomId(room): value for room, value in (await snapshots.read_shard(shard)).items()}
                for at in range(0, len(of_shard), ITEMS_A_ROUND):
                    made += len(await catch_up.rebuild_many(of_shard[at : at + ITEMS_A_ROUND], stored))
        finally:
            await writer.stop()
            await snapshots.stop()
        return made

    async def _cursors(self, shards: int) -> int:
        found: dict[bytes, CursorRecord] = {}
        async with self._whole(CURSORS) as records:
            async for record in records:
                if record.key is not None:
                    found[record.key] = cursors.parse(record.key, record.value)
        restored = list(found.values())
        for at in range(0, len(restored), ITEMS_A_ROUND):
            await ReadCursors(self._redis, shards=shards).restore(restored[at : at + ITEMS_A_ROUND])
        return len(restored)

    @asynccontextmanager
    async def _whole(self, topic: str) -> AsyncIterator[AsyncIterator[TailRecord]]:
        tail = TailReader(self._kafka, topic)
        try:
            await tail.start()
            yield _until_caught_up(tail)
        finally:
            await tail.stop()


async def _until_caught_up(tail: TailReader) -> AsyncIterator[TailRecord]:
    while not tail.caught_up.is_set():
        for record in await tail.poll(0.1):
            yield record
