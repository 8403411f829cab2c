"""Wires the media service: REST → log → views, and the owner of each shard, who tells rooms and clears away."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from functools import partial

from kaftalk_media import api
from kaftalk_media.dependencies import Dependencies
from kaftalk_media.errors import StoreAway
from kaftalk_media.generations import Generations
from kaftalk_media.log_search import LogSearch
from kaftalk_media.media_log import MediaLog
from kaftalk_media.object_store import ObjectStore, Place
from kaftalk_media.owner import Owner
from kaftalk_media.reading import Reading, Rights
from kaftalk_media.resending import EventTopic
from kaftalk_media.result_route import result_route
from kaftalk_media.results import Results
from kaftalk_media.settings import Settings
from kaftalk_media.steps import Steps
from kaftalk_media.uploads import Uploads
from kaftalk_media.views import MediaViews
from kaftalk_protocol import topics as names
from kaftalk_protocol.media import FOLDERS
from kaftalk_rest.access_tokens import Bearers, TokenVerifier, read_public_key
from kaftalk_rest.kept_answers import KeptAnswers
from kaftalk_rest.rate_limits import RateLimits
from kaftalk_roomlog.ownership import ShardOwnership
from kaftalk_roomlog.ranges import RoomLogRange
from kaftalk_roomlog.starting import until_answered
from kaftalk_roomlog.tail import TailReader
from kaftalk_roomlog.topics import Topics
from kaftalk_roomlog.writer import RoomLogWriter
from kaftalk_runtime.clock import Clock, SystemClock
from kaftalk_runtime.health import Health, internal_app
from kaftalk_runtime.internal_auth import InternalKeys
from kaftalk_runtime.logs import RequestIds, get_logger
from kaftalk_runtime.redis_client import open_redis
from kaftalk_runtime.serving import Listener
from kaftalk_runtime.tasks import Tasks
from kaftalk_views.media_views import MediaReads
from kaftalk_views.placements import Placements
from kaftalk_views.room_views import RoomViews

_SYSTEM_TOPICS = (names.MEDIA, names.ROOMS)
_GROUP = "kaftalk.media"
_FIRST_SHARDS_S = 15.0
_BUCKET_RETRY_S = 0.3

_log = get_logger(__name__)


class _Logs:
    """Everything that talks to Kafka."""

    def __init__(self, settings: Settings) -> None:
        kafka = settings.kafka()
        self.topics = Topics(kafka, replication=settings.replication)
        self.ranges = RoomLogRange(kafka, connections=1)
        self.writer = RoomLogWriter(kafka, producers=2)
        self.rooms = TailReader(kafka, names.ROOMS)
        self.media = TailReader(kafka, names.MEDIA)
        self.ownership = ShardOwnership(kafka, names.MEDIA, group_id=_GROUP)

    async def start(self) -> None:
        """Connect, and wait for the topics that the rooms service creates; the group is joined later."""
        for part in (self.topics, self.ranges, self.writer):
            await until_answered(part.start)
        for topic in _SYSTEM_TOPICS:
            await until_answered(partial(self.topics.await_visible, topic))
        await until_answered(self.rooms.start)
        await until_answered(lambda: self.media.start(frozenset()))

    async def stop(self) -> None:
        """Close what is left after the group."""
        parts = (self.media, self.rooms, self.writer, self.ranges, self.topics)
        await asyncio.gather(*(part.stop() for part in parts), return_exceptions=True)

    @property
    def healthy(self) -> bool:
        """Whether all parts can go on; if not, only a new process helps."""
        parts = (self.ranges, self.writer, self.rooms, self.media, self.ownership)
        return all(part.healthy for part in parts)


class App:
    """The media service."""

    def __init__(self, settings: Settings, clock: Clock | None = None) -> None:
        self._settings = settings
        self._open = False
        self._tasks = Tasks()
        self._clock = clock or SystemClock()
        self._logs = logs = _Logs(settings)
        self._redis = open_redis(settings.redis_url)
        self._store = ObjectStore(place_of(settings))
        self._placements = Placements(logs.rooms)
        self._log = MediaLog(logs.writer, shards=settings.shards)
        self._reads = MediaReads(self._redis)
        self._views = MediaViews(
            self._redis, user_bytes_max=settings.media_user_bytes_max, room_bytes_max=settings.media_room_bytes_max
        )
        search = LogSearch(logs.ranges, shards=settings.shards)
        self._results = Results(self._reads, self._views, self._log, search, self._store, self._clock)
        self._wire_owner()
        self._health = Health(
            {"kafka": self._kafka_answers, "redis": self._redis.ping, "shards": self._has_shards}, alive=self._alive
        )
        self.public: Listener | None = self._wire_api()
        routes = [result_route(InternalKeys(settings.internal_keys), self._results)]
        self.internal = Listener(internal_app(self._health, routes), settings.internal_listen)

    def _wire_owner(self) -> None:
        settings, logs = self._settings, self._logs
        self._generations = Generations(self._redis, self._views, shards=settings.shards)
        self._owner = Owner(
            logs.ownership, logs.media, self._clock, shards=settings.shards, ready=self._generations.again
        )
        self._generations.wire(self._owner)
        self._owner.wire(
            Steps(
                log=self._log,
                views=self._views,
                finds=self._store,
                purges=self._store,
                placements=self._placements,
                rooms=logs.writer,
                events=EventTopic(logs.writer, topic=settings.s3_events_topic, bucket=settings.s3_bucket),
                clock=self._clock,
            )
        )
        self._placements.on_change(self._owner.placed)

    def _wire_api(self) -> Listener:
        settings, redis, clock = self._settings, self._redis, self._clock
        rest = api.build_api()
        rest.state.dependencies = Dependencies(
            settings=settings,
            rights=Rights(self._reads, RoomViews(redis, shards=settings.shards), self._placements),
            media=self._reads,
            uploads=Uploads(settings, self._store, self._views, self._log, clock),
            reading=Reading(self._store, self._results, clock),
            answers=KeptAnswers(redis),
            limits=RateLimits(redis, clock),
        )
        verifier = TokenVerifier(read_public_key(settings.jwt_key_file), settings.public_url, clock)
        rest.state.bearers = Bearers(redis, verifier)
        return Listener(RequestIds(rest), settings.listen, trusted_proxies=settings.trusted_proxies)

    async def start(self) -> None:
        """Connect to Kafka, learn where all rooms are, and join the group that shares out the shards."""
        await self._store.start()
        await self._logs.start()
        await self._check_shards()
        self._started_s = asyncio.get_running_loop().time()
        for name, loop in self._loops().items():
            self._tasks.run(name, loop)
        await until_answered(self._placements.catch_up)
        await until_answered(self._logs.ownership.start)
        self._tasks.run("ownership", self._owner.follow_ownership)
        self._open = True

    async def drain(self) -> None:
        """Leave the group; requests that have begun are finished by the listener."""
        self._health.drain()
        if self._open:
            await self._logs.ownership.stop()

    async def stop(self) -> None:
        """End everything."""
        await self._tasks.stop()
        await self._owner.stop()
        await self._logs.stop()
        await self._store.stop()
        await self._redis.close()

    def _loops(self) -> dict[str, Callable[[], Awaitable[None]]]:
        loops: dict[str, Callable[[], Awaitable[None]]] = {
            "health": self._health.watch,
            "redis": self._redis.watch,
            "placements": self._placements.run,
            "log": self._owner.follow_log,
            "work": self._owner.work,
            "generations": self._generations.run,
        }
        return loops | ({"bucket": self._make_bucket} if self._settings.s3_create_bucket else {})

    async def _make_bucket(self) -> None:
        """Make the bucket; the S3 server may start after us."""
        while True:
            try:
                await self._store.ensure_bucket(self._settings.origins, FOLDERS)
            except StoreAway as error:
                _log.info("waiting_for_store", error=repr(error))
                await asyncio.sleep(_BUCKET_RETRY_S)
            else:
                return

    async def _check_shards(self) -> None:
        partitions = await self._logs.ranges.partitions(names.MEDIA)
        if partitions != self._settings.shards:
            print(
                f"KAFTALK_SHARDS is {self._settings.shards}, but {names.MEDIA} has {partitions} partitions",
                file=sys.stderr,
            )
            raise SystemExit(2)

    def _alive(self) -> bool:
        return not self._open or self._logs.healthy

    async def _kafka_answers(self) -> bool:
        return await self._logs.ranges.end_offset(names.MEDIA) >= 0

    async def _has_shards(self) -> bool:
        """With more instances than shards some have none for good."""
        if not self._open:
            return False
        waited_s = asyncio.get_running_loop().time() - self._started_s
        has_all = bool(self._owner.ready) and self._owner.wanted <= self._owner.ready
        return has_all or waited_s > _FIRST_SHARDS_S


def place_of(settings: Settings) -> Place:
    """Say where the bucket is."""
    return Place(
        bucket=settings.s3_bucket,
        region=settings.s3_region,
        endpoint=settings.s3_endpoint,
        public_endpoint=settings.s3_public_endpoint,
        access_key=settings.s3_access_key,
        secret_key=settings.s3_secret_key,
    )
