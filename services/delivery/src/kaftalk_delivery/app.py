"""Wires the delivery service: logs → views → links."""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from kaftalk_delivery.adoption import Adoption
from kaftalk_delivery.cursor_writer import CursorWriter
from kaftalk_delivery.epochs import Epochs
from kaftalk_delivery.erasing import Erasing
from kaftalk_delivery.flights import Positions
from kaftalk_delivery.generations import Generations
from kaftalk_delivery.heartbeat import Heartbeat
from kaftalk_delivery.internal_api import erase_route
from kaftalk_delivery.janitor import Janitor
from kaftalk_delivery.lag import ShardLag
from kaftalk_delivery.link_endpoint import link_route
from kaftalk_delivery.links import Links
from kaftalk_delivery.media_lane import MediaLane
from kaftalk_delivery.notices import Notices
from kaftalk_delivery.owned_rooms import OwnedRoom, OwnedRooms
from kaftalk_delivery.position_writer import PositionWriter
from kaftalk_delivery.projector import Projector
from kaftalk_delivery.settings import Settings
from kaftalk_delivery.shards import Shards
from kaftalk_delivery.snapshot_writer import SnapshotWriter
from kaftalk_delivery.view_writer import ViewWriter
from kaftalk_protocol import topics as names
from kaftalk_roomlog.ownership import ShardOwnership
from kaftalk_roomlog.ranges import RoomLogRange
from kaftalk_roomlog.reader import RoomLogReader
from kaftalk_roomlog.restoring import LogRestorer
from kaftalk_roomlog.snapshots import SNAPSHOT_BYTES_MAX, SnapshotLog
from kaftalk_roomlog.starting import until_answered
from kaftalk_roomlog.tail import TailReader
from kaftalk_roomlog.topics import Topics
from kaftalk_roomlog.writer import RoomLogWriter
from kaftalk_runtime.clock import SystemClock
from kaftalk_runtime.health import Health, internal_app
from kaftalk_runtime.internal_auth import InternalKeys
from kaftalk_runtime.redis_client import open_redis
from kaftalk_runtime.serving import Listener
from kaftalk_runtime.tasks import Tasks
from kaftalk_views.catch_up import CatchUp
from kaftalk_views.cursors import ReadCursors
from kaftalk_views.room_views import RoomViews
from kaftalk_views.sendings import Sendings

_LINK_MESSAGE_BYTES_MAX = 8 << 20
_SYSTEM_TOPICS = (names.ROOMS, names.SNAPSHOTS, names.CURSORS, names.MEDIA)
_GROUP = "kaftalk-delivery"
_FIRST_SHARDS_S = 15.0
# Others learn of our leaving with their next heartbeat to the group; until then we go on.
_HAND_OVER_S = 2.5


class _Logs:
    """Everything that talks to Kafka."""

    def __init__(self, settings: Settings) -> None:
        kafka = settings.kafka()
        self.kafka = kafka
        self.reader = RoomLogReader(kafka)
        self.ranges = RoomLogRange(kafka)
        # Placements, cursors and the first record of an epoch, which may be as large as a snapshot.
        self.writer = RoomLogWriter(kafka, producers=2, record_bytes_max=SNAPSHOT_BYTES_MAX)
        self.topics = Topics(kafka, replication=settings.replication)
        self.snapshots = SnapshotLog(kafka, names.SNAPSHOTS, shards=settings.shards)
        self.tail = TailReader(kafka, names.ROOMS)
        self.ownership = ShardOwnership(kafka, names.ROOMS, group_id=_GROUP)

    async def start(self) -> None:
        """Connect, and wait for the topics that the rooms service creates; the group is joined later."""
        for part in (self.topics, self.ranges, self.reader, self.writer, self.snapshots):
            await until_answered(part.start)
        for topic in _SYSTEM_TOPICS:
            await until_answered(partial(self.topics.await_visible, topic))
        await until_answered(lambda: self.tail.start(frozenset()))

    async def stop(self) -> None:
        """Close what is left after the group."""
        parts = (self.tail, self.reader, self.writer, self.snapshots, self.ranges, self.topics)
        await asyncio.gather(*(part.stop() for part in parts), return_exceptions=True)

    @property
    def healthy(self) -> bool:
        """Whether all parts can go on; if not, only a new process helps."""
        return all(part.healthy for part in (self.reader, self.ranges, self.writer, self.ownership))


class App:
    """The delivery service."""

    public: Listener | None = None

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._tasks = Tasks()
        self._open = False
        self._clock = SystemClock()
        self._logs = logs = _Logs(settings)
        self._redis = redis = open_redis(settings.redis_url)
        self._rooms = rooms = OwnedRooms()
        sendings = Sendings(logs.writer, shards=settings.shards)
        self._room_views = views = RoomViews(redis, shards=settings.shards, sendings=sendings)
        catch_up = CatchUp(views, logs.ranges)
        self._links = self._wire_links()
        self._adoption = Adoption(rooms, logs.reader, logs.ranges, views, catch_up, logs.snapshots, live=self._are_live)
        self._views = ViewWriter(views, catch_up, redis, lost=self._adoption.want)
        self._snapshots = SnapshotWriter(rooms, logs.snapshots)
        self._shards = Shards(
            logs.ownership,
            logs.tail,
            rooms,
            self._adoption,
            self._views,
            self._links,
            hand_over=self._snapshots.hand_over,
        )
        epochs = Epochs(views, logs.ranges, logs.topics, logs.writer, self._tasks, again=self._views.abandon)
        restorer = LogRestorer(logs.kafka, logs.topics)
        self._erasing = Erasing(restorer, rooms, logs.ranges, logs.writer, epochs, self._tasks, self._clock)
        self._projector = Projector(
            rooms,
            logs.reader,
            views,
            self._views,
            self._links,
            lag=ShardLag(rooms, self._owned),
            media=MediaLane(views, self._tasks, recover=self._views.abandon),
            recover=self._views.abandon,
            troubled=epochs.troubled,
        )
        cursors = ReadCursors(redis, shards=settings.shards)
        self._cursors = CursorWriter(cursors, logs.writer, logs.ranges, self._owned)
        self._generations = Generations(
            redis, rooms, self._views, self._cursors, owned=self._owned, made=self._shards.made
        )
        self._janitor = Janitor(
            rooms, logs.topics, logs.snapshots, logs.writer, views, self._clock, drop=self._shards.drop
        )
        self._heartbeat = Heartbeat(redis, self._clock, settings.instance, settings.internal_url)
        self._health = Health(
            {"kafka": self._kafka_answers, "redis": redis.ping, "shards": self._has_shards}, alive=self._alive
        )
        self.internal = self._listener()

    def _wire_links(self) -> Links:
        positions = Positions()
        self._positions = PositionWriter(positions, self._redis)
        self._notices = Notices(self._redis, self._room_views, self._clock)
        return Links(
            self._settings.instance,
            self._settings.shards,
            self._rooms,
            positions,
            joined=self._notices.joined,
            passed=self._positions.wake,
            member_counts=self._notices.member_counts,
        )

    def _listener(self) -> Listener:
        keys = InternalKeys(self._settings.internal_keys)
        link = link_route(self._links, keys, open_for_links=lambda: self._open)
        return Listener(
            internal_app(self._health, [link, erase_route(keys, self._erasing)]),
            self._settings.internal_listen,
            ws="websockets-sansio",
            ws_bytes_max=_LINK_MESSAGE_BYTES_MAX,
            tls=self._settings.internal_tls,
        )

    async def start(self) -> None:
        """Connect to Kafka, wait for the system topics, and join the group that shares out the shards."""
        await self._logs.start()
        await self._check_shards()
        self._started_s = asyncio.get_running_loop().time()
        for name, loop in self._loops().items():
            self._tasks.run(name, loop)
        await until_answered(self._logs.ownership.start)
        self._tasks.run("ownership", self._shards.follow_ownership)
        self._open = True

    async def drain(self) -> None:
        """Leave the group, go on until the others have the shards, then tell the gateways to turn to them."""
        self._health.drain()
        if not self._open:
            return
        await self._logs.ownership.stop()
        await asyncio.sleep(_HAND_OVER_S)
        self._links.announce(frozenset())
        await self._snapshots.hand_over(list(self._rooms))
        await self._positions.flush()
        await self._heartbeat.end()

    async def stop(self) -> None:
        """End everything."""
        await self._tasks.stop()
        await self._logs.stop()
        await self._redis.close()

    def _loops(self) -> dict[str, Callable[[], Awaitable[None]]]:
        return {
            "health": self._health.watch,
            "redis": self._redis.watch,
            "projector": self._projector.run,
            "adoption": self._adoption.run,
            "placements": self._shards.follow_placements,
            "views": self._views.retry,
            "positions": self._positions.run,
            "heads": self._links.tick,
            "signals": self._links.relay_signals,
            "notices": lambda: self._notices.run(self._links.tell_gateway),
            "snapshots": self._snapshots.run,
            "cursors": self._cursors.run,
            "generations": self._generations.run,
            "janitor": self._janitor.run,
            "heartbeat": self._heartbeat.run,
        }

    async def _check_shards(self) -> None:
        partitions = await self._logs.ranges.partitions(names.ROOMS)
        if partitions != self._settings.shards:
            print(
                f"KAFTALK_SHARDS is {self._settings.shards}, but {names.ROOMS} has {partitions} partitions",
                file=sys.stderr,
            )
            raise SystemExit(2)

    def _owned(self) -> frozenset[int]:
        return self._shards.owned

    def _are_live(self, rooms: Sequence[OwnedRoom]) -> None:
        self._links.stands(rooms)
        for room in rooms:
            if room.is_new:
                room.is_new = False
                self._notices.new_room(room.id)

    def _alive(self) -> bool:
        return not self._open or self._logs.healthy

    async def _kafka_answers(self) -> bool:
        return await self._logs.ranges.end_offset(names.ROOMS) >= 0

    async def _has_shards(self) -> bool:
        """With more instances than shards some have none for good."""
        waited_s = asyncio.get_running_loop().time() - self._started_s
        return self._open and (bool(self._shards.owned) or waited_s > _FIRST_SHARDS_S)
