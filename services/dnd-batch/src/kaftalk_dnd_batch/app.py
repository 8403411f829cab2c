"""Wires the dnd-batch service: log → book → time → releases, and the REST beside it."""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from starlette.routing import Route

from kaftalk_dnd_batch import api, forwarding, internal_api
from kaftalk_dnd_batch.accounts import Accounts
from kaftalk_dnd_batch.book import Book
from kaftalk_dnd_batch.defaults import Defaults
from kaftalk_dnd_batch.generations import Generations
from kaftalk_dnd_batch.handoff import Handoff
from kaftalk_dnd_batch.held_rooms import HeldRooms
from kaftalk_dnd_batch.holidays_calendar import holiday_dates
from kaftalk_dnd_batch.janitor import Janitor
from kaftalk_dnd_batch.log_clock import LogClock
from kaftalk_dnd_batch.machine import Machine
from kaftalk_dnd_batch.maker import Maker
from kaftalk_dnd_batch.owned_users import OwnedUser, OwnedUsers
from kaftalk_dnd_batch.parts import Parts
from kaftalk_dnd_batch.quiet_log import QuietLog
from kaftalk_dnd_batch.registry import Registry
from kaftalk_dnd_batch.releases import Releases
from kaftalk_dnd_batch.remembered import RememberedCalendars
from kaftalk_dnd_batch.room_batches import RoomBatches
from kaftalk_dnd_batch.settings import Settings
from kaftalk_dnd_batch.shards import Shards
from kaftalk_dnd_batch.states import States
from kaftalk_dnd_batch.store import Store
from kaftalk_dnd_batch.timers import Timers
from kaftalk_dnd_batch.transitions import A_ROUND, RELEASES_AT_ONCE, Transitions
from kaftalk_dnd_batch.warmth import Warmth
from kaftalk_protocol import topics as names
from kaftalk_protocol.quiet_calendar import QuietCalendars
from kaftalk_protocol.quiet_records import ORG_KEY, RECORD_BYTES_MAX
from kaftalk_rest.access_tokens import Bearers, TokenVerifier, read_public_key
from kaftalk_rest.rate_limits import RateLimits
from kaftalk_roomlog.ownership import ShardOwnership
from kaftalk_roomlog.ranges import RoomLogRange
from kaftalk_roomlog.shards import shard_of
from kaftalk_roomlog.starting import until_answered
from kaftalk_roomlog.tail import TailReader
from kaftalk_roomlog.topics import Topics
from kaftalk_roomlog.writer import RoomLogWriter
from kaftalk_runtime.health import Health, internal_app
from kaftalk_runtime.internal_auth import InternalKeys
from kaftalk_runtime.internal_http import InternalHttp
from kaftalk_runtime.logs import RequestIds, get_logger
from kaftalk_runtime.redis_client import open_redis
from kaftalk_runtime.serving import Listener
from kaftalk_runtime.tasks import Tasks
from kaftalk_views.held import HeldRanges
from kaftalk_views.notes import Notes
from kaftalk_views.room_views import RoomViews
from kaftalk_views.users import Users

_SYSTEM_TOPICS = (names.QUIET_HOURS, names.ACCOUNTS)
_GROUP = "kaftalk.dnd-batch"
_FIRST_SHARDS_S = 15.0
_FORWARD_TIMEOUT_S = 12.0
_FINISH_S = 10.0
# What the releases of a stampede write at once, two records each: who is refused is released once more.
_PENDING_MAX = 2 * A_ROUND * (RELEASES_AT_ONCE + 1)
_PENDING_BYTES_MAX = 128 << 20

_log = get_logger(__name__)


class _Logs:
    """Everything that talks to Kafka."""

    def __init__(self, settings: Settings) -> None:
        kafka = settings.kafka()
        self.topics = Topics(kafka, replication=settings.replication)
        self.ranges = RoomLogRange(kafka)
        self.writer = RoomLogWriter(
            kafka,
            producers=1,
            record_bytes_max=RECORD_BYTES_MAX - 1024,
            pending_max=_PENDING_MAX,
            pending_bytes_max=_PENDING_BYTES_MAX,
        )
        # A stampede's records must not stand before the tick that lets the next ones go.
        self.ticks = RoomLogWriter(kafka, producers=1)
        self.accounts = TailReader(kafka, names.ACCOUNTS)
        self.defaults = TailReader(kafka, names.QUIET_HOURS)
        self.ownership = ShardOwnership(kafka, names.QUIET_HOURS, group_id=_GROUP)
        self._org_shard = shard_of(ORG_KEY, settings.shards)

    async def start(self) -> None:
        """Connect, and wait for the topics that the rooms service creates; the group is joined later."""
        for part in (self.topics, self.ranges, self.writer, self.ticks):
            await until_answered(part.start)
        for topic in _SYSTEM_TOPICS:
            await until_answered(partial(self.topics.await_visible, topic))
        await until_answered(self.accounts.start)
        await until_answered(lambda: self.defaults.start(frozenset({self._org_shard})))

    async def stop(self) -> None:
        """Close what is left after the group."""
        parts = (self.accounts, self.defaults, self.writer, self.ticks, self.ranges, self.topics)
        await asyncio.gather(*(part.stop() for part in parts), return_exceptions=True)

    @property
    def healthy(self) -> bool:
        """Whether all parts can go on; if not, only a new process helps."""
        parts = (self.ranges, self.writer, self.ticks, self.accounts, self.defaults, self.ownership)
        return all(part.healthy for part in parts)


class App:
    """The dnd-batch service."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._open = False
        self._tasks = Tasks()
        self._logs = logs = _Logs(settings)
        self._redis = open_redis(settings.redis_url)
        self._clock = LogClock(logs.ticks, names.QUIET_HOURS, instance=settings.instance, shards=settings.shards)
        self._keys = InternalKeys(settings.internal_keys, clock=self._clock)
        self._http = InternalHttp(self._keys, tls=settings.internal_tls, timeout_s=_FORWARD_TIMEOUT_S)
        self._views = RoomViews(self._redis, shards=settings.shards)
        self._notes = Notes(self._views, logs.ranges)
        self._held = HeldRanges(self._views, logs.ranges, self._notes)
        self._calendars = QuietCalendars(holiday_dates, server_zone=settings.zone)
        self._wire_book()
        self._wire_time()
        self._health = Health(
            {"kafka": self._kafka_answers, "redis": self._redis.ping, "shards": self._has_shards}, alive=self._alive
        )
        self._wire_listeners()

    def _wire_book(self) -> None:
        settings, redis = self._settings, self._redis
        self._log = QuietLog(self._logs.writer, self._logs.ranges, instance=settings.instance)
        self._timers = Timers()
        remembered = RememberedCalendars(self._calendars)
        self._machine = Machine(remembered)
        self._owned = OwnedUsers(remembered.shared)
        self._handoff = Handoff(self._http, redis, self._clock)
        self._states = States(redis, self._handoff, self._tasks)
        self._accounts = Accounts(self._logs.accounts)
        self._shards = Shards(self._logs.ownership, self._log, self._owned, self._clock)
        self._store = Store(self._log, verify=self._shards.verify, doubt=self._shards.doubt)
        self._book = Book(
            owned=self._owned,
            log=self._log,
            store=self._store,
            machine=self._machine,
            clock=self._clock,
            timers=self._timers,
            states=self._states,
            accounts=self._accounts,
            tasks=self._tasks,
            shards=settings.shards,
            wanted=lambda: self._shards.wanted,
        )
        self._accounts.on_change(self._book.follow_account)
        self._shards.wire(self._store, self._taken)
        self._generations = Generations(redis, self._owned, self._book, self._states, shards=settings.shards)
        entry = f"{settings.instance}|{settings.internal_url}"
        self._registry = Registry(redis, self._clock, entry=entry, shards=settings.shards, owned=self._log.fences)

    def _wire_time(self) -> None:
        batches = RoomBatches(self._held, self._views, self._clock)
        maker = Maker(
            views=self._views,
            batches=batches,
            machine=self._machine,
            seal=self._store.seal,
            clock=self._clock,
            org=lambda: self._book.org.org,
        )
        releases = Releases(
            maker=maker,
            machine=self._machine,
            log=self._log,
            store=self._store,
            handoff=self._handoff,
            states=self._states,
            clock=self._clock,
            org=lambda: self._book.org.org,
            verify=self._shards.verify,
        )
        self._transitions = Transitions(
            self._timers, self._clock, self._machine, self._store, releases, self._states, self._book
        )
        self._warmth = Warmth(self._owned, maker, self._clock)
        self._defaults = Defaults(self._logs.defaults, self._book)
        self._janitor = Janitor(self._owned, self._store, self._clock)

    def _wire_listeners(self) -> None:
        settings, redis = self._settings, self._redis
        rest = api.build_api()
        rest.state.parts = Parts(
            settings=settings,
            people=self._book,
            organisation=self._book,
            calendars=self._calendars,
            clock=self._clock,
            limits=RateLimits(redis, self._clock),
            users=Users(redis),
            held=HeldRooms(self._views, self._held),
        )
        verifier = TokenVerifier(read_public_key(settings.jwt_key_file), settings.public_url, self._clock)
        rest.state.bearers = Bearers(redis, verifier)
        rest.state.forwarding = forwarding.Forwarding(self._registry, self._http)
        self.public: Listener | None = Listener(
            RequestIds(rest), settings.listen, trusted_proxies=settings.trusted_proxies
        )
        routes: Sequence[Route] = [
            forwarding.forward_route(rest, self._keys),
            *internal_api.routes(self._keys, self._book),
        ]
        self.internal = Listener(
            internal_app(self._health, routes), settings.internal_listen, tls=settings.internal_tls
        )

    async def start(self) -> None:
        """Connect to Kafka, wait for the system topics and the first tick, and join the group."""
        await self._logs.start()
        await until_answered(self._check_shards)
        self._started_s = asyncio.get_running_loop().time()
        await until_answered(self._clock.tick)
        for name, loop in self._loops().items():
            self._tasks.run(name, loop)
        await until_answered(self._logs.accounts.caught_up.wait)
        await until_answered(self._logs.defaults.caught_up.wait)
        await until_answered(self._logs.ownership.start)
        self._tasks.run("ownership", self._shards.follow_ownership)
        self._open = True

    async def drain(self) -> None:
        """Leave the group, finish the releases that have begun, and let go of everything: others claim it at once."""
        self._health.drain()
        if not self._open:
            return
        await self._registry.end()
        await self._logs.ownership.stop()
        try:
            async with asyncio.timeout(_FINISH_S):
                await self._transitions.finish()
        except TimeoutError:
            _log.warning("releases_not_finished")
        self._shards.let_go()

    async def stop(self) -> None:
        """End everything."""
        await self._tasks.stop()
        await self._notes.stop()
        await self._logs.stop()
        await self._http.close()
        await self._redis.close()

    def _loops(self) -> dict[str, Callable[[], Awaitable[None]]]:
        return {
            "health": self._health.watch,
            "redis": self._redis.watch,
            "clock": self._clock.run,
            "accounts": self._accounts.run,
            "defaults": self._defaults.run,
            "claims": self._shards.claim,
            "fences": self._shards.watch,
            "states": self._states.run,
            "generations": self._generations.run,
            "transitions": self._transitions.run,
            "registry": self._registry.run,
            "janitor": self._janitor.run,
            "warmth": self._warmth.run,
        }

    def _taken(self, shard: int, users: Sequence[OwnedUser]) -> None:
        self._book.take(users)
        self._generations.again(shard)
        self._registry.changed()

    async def _check_shards(self) -> None:
        partitions = await self._logs.ranges.partitions(names.QUIET_HOURS)
        if partitions != self._settings.shards:
            print(
                f"KAFTALK_SHARDS is {self._settings.shards}, but {names.QUIET_HOURS} has {partitions} partitions",
                file=sys.stderr,
            )
            raise SystemExit(2)

    def _alive(self) -> bool:
        return not self._open or self._logs.healthy

    async def _kafka_answers(self) -> bool:
        return await self._logs.ranges.end_offset(names.QUIET_HOURS) >= 0

    async def _has_shards(self) -> bool:
        """With more instances than shards some have none for good."""
        if not self._open:
            return False
        waited_s = asyncio.get_running_loop().time() - self._started_s
        has_all = bool(self._owned.shards) and self._shards.wanted <= self._owned.shards
        return has_all or waited_s > _FIRST_SHARDS_S
