"""Wires the gateway: links → feeds → sockets, and sockets → room logs."""

import asyncio
from collections.abc import Awaitable, Callable

from kaftalk_gateway import metrics
from kaftalk_gateway.admission import Admission
from kaftalk_gateway.alerts import Alerts
from kaftalk_gateway.annotations import Annotations
from kaftalk_gateway.fanout import Fanout
from kaftalk_gateway.guarded_protocol import GuardedWebSocket
from kaftalk_gateway.handshake import Handshakes
from kaftalk_gateway.held_counts import HeldCounts
from kaftalk_gateway.hold_floors import HoldFloors
from kaftalk_gateway.holding import Holding
from kaftalk_gateway.hub import Hub
from kaftalk_gateway.limits import SharedLimits
from kaftalk_gateway.links import Links, Owners
from kaftalk_gateway.membership import Memberships
from kaftalk_gateway.newcomers import Newcomers
from kaftalk_gateway.older_connections import OlderConnections
from kaftalk_gateway.past_holds import PastHolds
from kaftalk_gateway.peers import Outbox, Peers
from kaftalk_gateway.pierced_notes import PiercedNotes
from kaftalk_gateway.presence import Presences
from kaftalk_gateway.publisher import Publisher
from kaftalk_gateway.questions import Questions
from kaftalk_gateway.quiet_authority import QuietAuthority
from kaftalk_gateway.quiet_inbox import QuietInbox
from kaftalk_gateway.quiet_lookup import QuietLookup
from kaftalk_gateway.quiet_states import QuietHours
from kaftalk_gateway.releases import Releases
from kaftalk_gateway.resume import Resumer
from kaftalk_gateway.rooms import RoomReads
from kaftalk_gateway.send_checks import SendChecks
from kaftalk_gateway.send_times import SendTimes
from kaftalk_gateway.settings import GatewaySettings
from kaftalk_gateway.signals import Signalling
from kaftalk_gateway.streams import StreamReads
from kaftalk_gateway.tracing import DeliverySpans, TracedWriter
from kaftalk_gateway.verdicts import Verdicts
from kaftalk_gateway.websocket import Endpoint
from kaftalk_protocol import topics as names
from kaftalk_protocol.client_frames import FRAME_BYTES_MAX
from kaftalk_roomlog.ranges import RoomLogRange
from kaftalk_roomlog.shards import shard_of
from kaftalk_roomlog.starting import until_answered
from kaftalk_roomlog.tail import TailReader
from kaftalk_roomlog.writer import RoomLogWriter
from kaftalk_runtime import traces
from kaftalk_runtime.clock import SystemClock
from kaftalk_runtime.health import Health, internal_app
from kaftalk_runtime.internal_auth import InternalKeys
from kaftalk_runtime.internal_http import InternalHttp
from kaftalk_runtime.kafka import Kafka
from kaftalk_runtime.redis_client import open_redis
from kaftalk_runtime.serving import Listener
from kaftalk_runtime.tasks import Tasks
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
from kaftalk_views.users import Users

_FLUSH_S = 5.0


class App:
    """The gateway."""

    def __init__(self, settings: GatewaySettings) -> None:
        self._settings = settings
        self._clock = SystemClock()
        self._open = False
        self._tasks = Tasks()
        self._redis = open_redis(settings.redis_url)
        self._build_logs(settings.kafka())
        self._build_reads()
        keys = InternalKeys(settings.internal_keys)
        self._http = InternalHttp(keys, tls=settings.internal_tls)
        self._build_holds()
        self._build_rooms()
        self._build_links(keys)
        self._health = Health({"kafka": self._kafka_answers, "redis": self._redis.ping}, alive=self._alive)
        self._endpoint = self._build_endpoint()
        self.public: Listener | None = Listener(
            self._endpoint,
            settings.listen,
            ws=GuardedWebSocket,
            ws_bytes_max=FRAME_BYTES_MAX,
            trusted_proxies=settings.trusted_proxies,
        )
        inbox = QuietInbox(keys, self._hours, Releases(self._hub, self._hours, self._holding, self._resumer))
        self.internal = Listener(
            internal_app(self._health, inbox.routes()), settings.internal_listen, tls=settings.internal_tls
        )

    def _build_logs(self, kafka: Kafka) -> None:
        self._ranges = RoomLogRange(kafka)
        self._writer = RoomLogWriter(kafka)
        self._tail = TailReader(kafka, names.ROOMS)
        self._placements = Placements(self._tail)

    def _build_reads(self) -> None:
        self._views = RoomViews(self._redis, shards=self._settings.shards)
        self._notes = Notes(self._views, self._ranges)
        self._history = RoomHistory(self._views, self._ranges, self._notes)
        self._held = HeldRanges(self._views, self._ranges, self._notes)
        listing = RoomListing(self._views, Users(self._redis), self._notes, self._held)
        self._rooms = RoomReads(self._redis, self._views, listing, self._placements)

    def _build_holds(self) -> None:
        """Build what quiet hours need, and what they hold back."""
        settings, redis, now_ms = self._settings, self._redis, self._clock.now_ms
        self._hub = hub = Hub(lambda room: shard_of(room, settings.shards))
        self._counts = HeldCounts(hub, self._held)
        self._resumer = Resumer(hub, self._rooms, self._history, HoldFloors(self._held, now_ms))
        self._past_holds = PastHolds(self._resumer, self._counts.note)
        self._holding = Holding(hub, self._resumer, self._counts.note, now_ms)
        authority = QuietAuthority(redis, self._http, shards=settings.shards)
        self._lookup = QuietLookup(QuietReads(redis), authority, shards=settings.shards)
        self._hours = QuietHours(hub, self._holding, self._lookup, now_ms)
        self._pierced = PiercedNotes(authority)
        self._alerts = Alerts(hub, redis, self._pierced, now_ms)
        self._hours.on_change.append(self._alerts.settle)

    def _build_rooms(self) -> None:
        """Build what the rooms of this gateway's members need."""
        settings, redis, now_ms = self._settings, self._redis, self._clock.now_ms
        self._verdicts = Verdicts()
        self._times = SendTimes()
        self._owners = Owners()
        self._outbox = Outbox(redis)
        self._memberships = Memberships(self._hub, self._rooms, self._resumer)
        self._limits = SharedLimits(redis, settings.user_sends, settings.room_sends, now_ms)
        self._signalling = Signalling(self._hub, self._owners, self._outbox.tell_devices, self._counts.note)
        self._presences = Presences(self._hub, redis, self._signalling, settings.instance, now_ms)
        self._publisher = Publisher(
            hub=self._hub,
            writer=TracedWriter(self._writer) if traces.enabled() else self._writer,
            placements=self._placements,
            streams=StreamReads(self._views, self._ranges, self._placements, self._rooms),
            limits=self._limits,
            checks=SendChecks(MediaSends(redis, now_ms), UrgentSends(redis, now_ms)),
            verdicts=self._verdicts,
            times=self._times,
        )

    def _build_links(self, keys: InternalKeys) -> None:
        settings = self._settings
        self._links = Links(
            hub=self._hub,
            owners=self._owners,
            fanout=Fanout(
                hub=self._hub,
                rooms=self._rooms,
                missed=self._history,
                resumer=self._resumer,
                changes=self._memberships,
                echoes=(self._publisher, self._alerts, self._times, *([DeliverySpans()] if traces.enabled() else [])),
                past_holds=self._past_holds,
            ),
            memberships=self._memberships,
            signalling=self._signalling,
            verdicts=self._verdicts,
            redis=self._redis,
            keys=keys,
            tls=settings.internal_tls,
            gateway=settings.instance,
            now_ms=self._clock.now_ms,
        )
        self._peers = Peers(
            hub=self._hub,
            redis=self._redis,
            memberships=self._memberships,
            signalling=self._signalling,
            presences=self._presences,
            holding=self._holding,
            gateway=settings.instance,
            url=settings.internal_url,
            now_ms=self._clock.now_ms,
        )

    def _build_endpoint(self) -> Endpoint:
        settings = self._settings
        cursors = ReadCursors(self._redis, shards=settings.shards)
        return Endpoint(
            hub=self._hub,
            handshakes=Handshakes(settings.origins or (settings.public_url,), settings.handshakes),
            admission=Admission(
                hub=self._hub,
                redis=self._redis,
                views=self._views,
                resumer=self._resumer,
                presences=self._presences,
                older=OlderConnections(
                    self._hub,
                    self._redis,
                    self._peers,
                    self._outbox,
                    gateway=settings.instance,
                    connections_max=settings.limit_connections,
                ),
                lookup=self._lookup,
                hours=self._hours,
                counts=self._counts,
                settings=settings,
                now_ms=self._clock.now_ms,
            ),
            publisher=self._publisher,
            newcomers=Newcomers(self._rooms, self._memberships, self._publisher),
            annotations=Annotations(self._writer, self._history, self._views, self._placements, self._verdicts),
            questions=Questions(
                self._rooms, self._views, self._history, cursors, self._signalling, self._memberships, self._holding
            ),
            signalling=self._signalling,
            presences=self._presences,
            resumer=self._resumer,
            holding=self._holding,
            sends=settings.sends,
            clock=self._clock,
        )

    async def start(self) -> None:
        """Connect to Kafka and learn where all rooms are."""
        for start in (self._ranges.start, self._writer.start, self._tail.start):
            await until_answered(start)
        self._tasks.run("placements", self._placements.run)
        await until_answered(self._placements.catch_up)
        for name, loop in self._loops().items():
            self._tasks.run(name, loop)
        self._open = True

    async def drain(self) -> None:
        """Send the clients elsewhere."""
        self._health.drain()
        if self._open:
            await self._endpoint.drain(self._settings.drain_s)
            await self._peers.goodbye()

    async def stop(self) -> None:
        """Write what is pending, and end everything."""
        await self._writer.stop(_FLUSH_S)
        await self._links.stop()
        await self._tasks.stop()
        await self._pierced.stop()
        await self._http.close()
        await self._notes.stop()
        await asyncio.gather(self._tail.stop(), self._ranges.stop(), return_exceptions=True)
        await self._redis.close()

    def _loops(self) -> dict[str, Callable[[], Awaitable[None]]]:
        return {
            "health": self._health.watch,
            "redis": self._redis.watch,
            "links": self._links.discover_forever,
            "repair": self._memberships.repair_forever,
            "limits": self._limits.settle_forever,
            "quiet": self._hours.run_forever,
            "quiet-sweep": self._hours.sweep_forever,
            "quiet-repair": self._hours.repair_forever,
            "held": self._counts.count_forever,
            "presence": self._presences.refresh_forever,
            "presence-writes": self._presences.write_forever,
            "watch": self._presences.watch_forever,
            "listen": self._peers.listen_forever,
            "poll": self._peers.poll_forever,
            "heartbeat": self._peers.heartbeat_forever,
            "outbox": lambda: self._outbox.publish_forever(self._settings.instance),
            "seconds": self._seconds,
        }

    async def _seconds(self) -> None:
        """Do what is due every second."""
        clock = asyncio.get_running_loop().time
        while True:
            await asyncio.sleep(1.0)
            now = clock()
            self._endpoint.tick(now)
            self._signalling.tick(now)
            self._presences.tick(now)
            self._links.tick(now)
            self._hub.sweep(now)
            self._links.drop(self._hub.expired(now))
            metrics.feeds.set(len(self._hub.feeds))

    def _alive(self) -> bool:
        """Parts that cannot recover by themselves need a new process."""
        return not self._open or all(part.healthy for part in (self._ranges, self._writer, self._tail))

    async def _kafka_answers(self) -> bool:
        return await self._ranges.end_offset(names.ROOMS) >= 0
