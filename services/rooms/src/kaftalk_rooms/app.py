"""Construct the rooms service: the only place that does."""

from functools import partial

from fastapi import FastAPI

from kaftalk_protocol import topics
from kaftalk_protocol.quiet_records import RECORD_BYTES_MAX as QUIET_BYTES_MAX
from kaftalk_rest.access_tokens import Bearers
from kaftalk_rest.kept_answers import KeptAnswers
from kaftalk_rest.rate_limits import RateLimits, per_second
from kaftalk_roomlog.ranges import RoomLogRange
from kaftalk_roomlog.starting import until_answered
from kaftalk_roomlog.tail import TailReader
from kaftalk_roomlog.topics import Topics, TopicSpec
from kaftalk_roomlog.writer import RoomLogWriter
from kaftalk_rooms.access_tokens import AccessTokens, DerivedSecrets, read_key
from kaftalk_rooms.accounts import Accounts
from kaftalk_rooms.api import build_api
from kaftalk_rooms.changes import RoomChanges
from kaftalk_rooms.creation import RoomCreation
from kaftalk_rooms.farewells import Farewells
from kaftalk_rooms.gateway_notices import GatewayNotices
from kaftalk_rooms.invite_codes import InviteCodes
from kaftalk_rooms.membership import Membership
from kaftalk_rooms.messages import Messages, SendRules
from kaftalk_rooms.parts import Parts
from kaftalk_rooms.passwords import Passwords
from kaftalk_rooms.sessions import Sessions
from kaftalk_rooms.settings import RoomsSettings
from kaftalk_rooms.topic_pool import TopicPool
from kaftalk_runtime.clock import SystemClock
from kaftalk_runtime.health import Health, internal_app
from kaftalk_runtime.logs import RequestIds
from kaftalk_runtime.redis_client import open_redis
from kaftalk_runtime.serving import Listener
from kaftalk_runtime.tasks import Tasks
from kaftalk_views.catch_up import CatchUp
from kaftalk_views.cursors import ReadCursors
from kaftalk_views.held import HeldRanges
from kaftalk_views.history import RoomHistory
from kaftalk_views.listing import RoomListing
from kaftalk_views.media_views import MediaSends
from kaftalk_views.notes import Notes
from kaftalk_views.pierce import UrgentSends
from kaftalk_views.placements import Placements
from kaftalk_views.quiet_states import QuietReads
from kaftalk_views.room_views import RoomViews
from kaftalk_views.sendings import Sendings
from kaftalk_views.users import Users

SNAPSHOT_BYTES_MAX = 8 << 20
CATCH_UP_S = 60.0
UPLOAD_PARTITIONS = 8
UPLOADS_KEPT_MS = 14 * 24 * 3_600_000


def system_topics(shards: int) -> list[TopicSpec]:
    """Give the topics that every service finds ready."""
    return [
        TopicSpec(topics.ACCOUNTS, partitions=8, compacted=True),
        TopicSpec(topics.NAMES),
        TopicSpec(topics.ROOMS, partitions=shards, compacted=True),
        TopicSpec(topics.SNAPSHOTS, partitions=shards, compacted=True, record_bytes_max=SNAPSHOT_BYTES_MAX),
        TopicSpec(topics.CURSORS, partitions=shards, compacted=True),
        TopicSpec(topics.QUIET_HOURS, partitions=shards, compacted=True, record_bytes_max=QUIET_BYTES_MAX),
        TopicSpec(topics.MEDIA, partitions=shards, compacted=True),
        TopicSpec(topics.UPLOADS, partitions=UPLOAD_PARTITIONS, retention_ms=UPLOADS_KEPT_MS),
        TopicSpec(topics.UPLOADS_DEAD, retention_ms=UPLOADS_KEPT_MS),
    ]


class RoomsService:
    """The REST API, and what it keeps going in the background."""

    def __init__(self, settings: RoomsSettings) -> None:
        self._settings = settings
        clock = SystemClock()
        kafka = settings.kafka()
        self._redis = open_redis(settings.redis_url)
        self._writer = RoomLogWriter(kafka)
        self._log = RoomLogRange(kafka)
        self._topics = Topics(kafka, replication=settings.replication, room_retention_ms=settings.room_retention_ms)
        self._account_tail = TailReader(kafka, topics.ACCOUNTS)
        self._name_tail = TailReader(kafka, topics.NAMES)
        self._room_tail = TailReader(kafka, topics.ROOMS)
        self._placements = Placements(self._room_tail)
        self._pool = TopicPool(self._redis, self._topics, self._writer, size=settings.pool_size)
        self._passwords = Passwords()
        self._accounts = Accounts(
            self._writer, self._account_tail, self._name_tail, Users(self._redis), self._redis, self._passwords, clock
        )
        self._views = RoomViews(
            self._redis, shards=settings.shards, sendings=Sendings(self._writer, shards=settings.shards)
        )
        self._notes = Notes(self._views, self._log)
        self._tasks = Tasks()
        self._health = Health({"redis": self._redis.ping, "kafka": self._kafka_answers, "loops": self._loops_run})
        self._api = build_api()
        parts = self._parts(clock)
        self._api.state.parts, self._api.state.bearers = parts, parts.bearers
        proxies = settings.trusted_proxies
        self.public: Listener | None = Listener(RequestIds(self._api), settings.listen, trusted_proxies=proxies)
        self.internal = Listener(internal_app(self._health), settings.internal_listen, tls=settings.internal_tls)

    @property
    def api(self) -> FastAPI:
        """Give the app of the public listener."""
        return self._api

    async def start(self) -> None:
        """Create what is missing on Kafka, and read accounts and rooms; a slow or cold broker is waited for."""
        await until_answered(self._topics.start)
        await until_answered(self._topics.check_brokers)
        await until_answered(partial(self._topics.ensure_system_topics, system_topics(self._settings.shards)))
        for part in (self._writer, self._log, self._account_tail, self._name_tail, self._room_tail):
            await until_answered(part.start)
        self._run_tasks()
        for read in (self._placements, self._account_tail, self._name_tail):
            await until_answered(partial(read.catch_up, CATCH_UP_S))
        self._tasks.run("health", self._health.watch)

    async def drain(self) -> None:
        """Be unready; requests that have begun are finished by the listener."""
        self._health.drain()

    async def stop(self) -> None:
        """Let go of everything."""
        await self._tasks.stop()
        await self._notes.stop()
        for tail in (self._account_tail, self._name_tail, self._room_tail):
            await tail.stop()
        await self._writer.stop()
        await self._log.stop()
        await self._topics.stop()
        await self._redis.close()
        self._passwords.close()

    def _run_tasks(self) -> None:
        self._tasks.run("redis", self._redis.watch)
        self._tasks.run("placements", self._placements.run)
        self._tasks.run("accounts", self._accounts.follow_accounts)
        self._tasks.run("names", self._accounts.follow_names)
        self._tasks.run("users", self._accounts.write_users)
        self._tasks.run("generation", self._accounts.watch_generation)
        self._tasks.run("pool", self._pool.refill)

    async def _kafka_answers(self) -> bool:
        await self._log.end_offset(topics.NAMES)
        return True

    async def _loops_run(self) -> bool:
        tails = (self._account_tail, self._name_tail, self._room_tail)
        return self._writer.healthy and self._log.healthy and all(tail.healthy for tail in tails)

    def _parts(self, clock: SystemClock) -> Parts:
        settings, redis, views = self._settings, self._redis, self._views
        key = read_key(settings.jwt_key_file)
        derived, tokens = DerivedSecrets(key), AccessTokens(key, settings.public_url)
        notices, limits = GatewayNotices(redis), RateLimits(redis, clock)
        catch_up = CatchUp(views, self._log)
        changes = RoomChanges(
            self._writer, self._log, self._placements, views, catch_up, clock, patience_s=settings.apply_patience_s
        )
        cursors = ReadCursors(redis, shards=settings.shards)
        membership = Membership(
            views, self._placements, changes, self._accounts.book, InviteCodes(derived), clock,
            user_rooms_max=settings.user_rooms_max,
        )  # fmt: skip
        history = RoomHistory(views, self._log, self._notes)
        per_s = (settings.limit_user_sends_per_s, settings.limit_room_sends_per_s)
        sends = SendRules(
            limits, per_second("user-sends", per_s[0]), per_second("room-sends", per_s[1]),
            MediaSends(redis, clock.now_ms), UrgentSends(redis, clock.now_ms),
        )  # fmt: skip
        return Parts(
            settings=settings,
            accounts=self._accounts,
            sessions=Sessions(redis, notices, tokens, derived, clock),
            bearers=Bearers(redis, tokens.verifier),
            tokens=tokens,
            answers=KeptAnswers(redis),
            limits=limits,
            creation=RoomCreation(self._pool, self._writer, self._log, self._placements, views, catch_up),
            membership=membership,
            messages=Messages(membership, changes, views, history, cursors, self._log, sends),
            listing=RoomListing(views, Users(redis), self._notes, HeldRanges(views, self._log, self._notes)),
            quiet=QuietReads(redis),
            cursors=cursors,
            notices=notices,
            farewells=Farewells(membership, views, self._tasks),
        )
