"""All links: which instance owns which room's events, and what is subscribed where.

A room whose owner is unknown or silent is held back: its sockets stay open, nothing of it is delivered until an
owner has told where the room stands.
"""

import asyncio
import random
from collections.abc import Callable, Iterable
from typing import Any, assert_never

from kaftalk_gateway import metrics
from kaftalk_gateway.fanout import Fanout
from kaftalk_gateway.feed import Feed, FeedState
from kaftalk_gateway.hub import Hub
from kaftalk_gateway.link import SILENT_S, Link
from kaftalk_gateway.membership import Memberships
from kaftalk_gateway.signals import Signalling
from kaftalk_gateway.verdicts import Verdicts
from kaftalk_protocol import redis_keys
from kaftalk_protocol.deliveries import (
    Behind,
    Heads,
    Joined,
    RoomEvent,
    Shards,
    Signal,
    Signals,
    Subscribe,
    Subscribed,
    Unsubscribe,
    Voided,
)
from kaftalk_protocol.ids import RoomId
from kaftalk_runtime.internal_auth import InternalKeys
from kaftalk_runtime.logs import get_logger
from kaftalk_runtime.redis_client import Redis, RedisError
from kaftalk_runtime.tls import Certificates
from kaftalk_views import generation

_ALIVE_MS = 10_000
_DISCOVER_S = 1.0
_REDIAL_S = (0.1, 0.5)
_ROOMS_A_MESSAGE = 500

_log = get_logger(__name__)


class Owners:
    """Which link has a shard, for who only wants to hand something to a room's owner."""

    def __init__(self) -> None:
        self.of_shard: dict[int, Link] = {}

    def signal(self, feed: Feed, signal: Signal) -> None:
        """Hand a signal to the room's owner, if there is one now."""
        link = self.of_shard.get(feed.shard)
        if link is not None:
            link.send(signal.encode())


class Links:
    """Finds the deliveries, dials them, and subscribes to the rooms of this gateway at their owners."""

    def __init__(  # noqa: PLR0913 - each kind of message of a link has its taker
        self,
        *,
        hub: Hub,
        owners: Owners,
        fanout: Fanout,
        memberships: Memberships,
        signalling: Signalling,
        verdicts: Verdicts,
        redis: Redis,
        keys: InternalKeys,
        tls: Certificates | None,
        gateway: str,
        now_ms: Callable[[], int],
    ) -> None:
        self._hub = hub
        self._owners = owners
        self._fanout = fanout
        self._memberships = memberships
        self._signalling = signalling
        self._verdicts = verdicts
        self._redis = redis
        self._keys = keys
        self._tls = tls.for_calling() if tls else None
        self._gateway = gateway
        self._now_ms = now_ms
        self._known: set[tuple[str, str]] = set()
        self._generation: str | None = None
        self._dialing: dict[tuple[str, str], asyncio.Task[None]] = {}
        self._open: set[Link] = set()
        self._wanted: dict[RoomId, Feed] = {}
        hub.on_new_feed = self.want

    # --- rooms ---

    def want(self, feed: Feed) -> None:
        """Subscribe to a room at the end of this tick, many at once."""
        if not self._wanted:
            asyncio.get_running_loop().call_soon(self._ask_wanted)
        self._wanted[feed.room] = feed

    def drop(self, feeds: Iterable[Feed]) -> None:
        """Unsubscribe from rooms that nobody here wants any more."""
        by_link: dict[Link, list[RoomId]] = {}
        for feed in feeds:
            link = self._owners.of_shard.get(feed.shard)
            if link is not None and feed.room in link.rooms:
                link.rooms.discard(feed.room)
                by_link.setdefault(link, []).append(feed.room)
        for link, rooms in by_link.items():
            link.send(Unsubscribe(rooms=rooms).encode())

    def _ask_wanted(self) -> None:
        wanted, self._wanted = self._wanted, {}
        self._ask(wanted.values())

    def _ask(self, feeds: Iterable[Feed]) -> None:
        by_link: dict[Link, list[RoomId]] = {}
        for feed in feeds:
            link = self._owners.of_shard.get(feed.shard)
            if link is not None:
                feed.asked()
                link.rooms.add(feed.room)
                by_link.setdefault(link, []).append(feed.room)
        for link, rooms in by_link.items():
            for some in chunked(rooms):
                link.send(Subscribe(rooms=some).encode())

    # --- what links bring ---

    def link_opened(self, link: Link) -> None:
        """Count the link; what changed while it was down is read from the views."""
        self._open.add(link)
        metrics.links.set(len(self._open))
        self._memberships.repair_asked.set()
        _log.info("link_opened", delivery=link.instance)

    def link_batch(self, link: Link, events: list[RoomEvent]) -> None:
        """Deliver the events of rooms that this link speaks for."""
        self._fanout.batch(event for event in events if event.room in link.rooms)

    def link_control(self, link: Link, message: Any) -> None:
        """Obey a control message of an owner."""
        match message:
            case Shards(owned=owned):
                self._owns(link, owned)
            case Subscribed(rooms=rooms):
                self._fanout.subscribed({room: head for room, head in rooms.items() if room in link.rooms})
            case Heads(rooms=rooms):
                self._fanout.heads({room: seq for room, seq in rooms.items() if room in link.rooms})
            case Behind():
                self._ask(self._feeds_of(link))
            case Joined(room=room, user=user, seq=seq):
                self._memberships.joined(room, user, seq)
            case Voided():
                self._verdicts.voided(message, self._hub.feeds.get(message.room))
            case Signals(items=items):
                for signal in items:
                    self._signalling.take(signal)
            case _:
                assert_never(message)

    def link_closed(self, link: Link) -> None:
        """Hold back the rooms of a link that is gone."""
        self._open.discard(link)
        metrics.links.set(len(self._open))
        self._owners.of_shard = {s: other for s, other in self._owners.of_shard.items() if other is not link}
        self._fanout.unlink(self._feeds_of(link))
        link.rooms.clear()

    def _owns(self, link: Link, owned: Iterable[int]) -> None:
        """Move rooms to the link of their owner; the latest announcement of a shard holds."""
        shards = set(owned)
        lost = {shard for shard, other in self._owners.of_shard.items() if other is link and shard not in shards}
        gained = {shard for shard in shards if self._owners.of_shard.get(shard) is not link}
        for shard in lost:
            del self._owners.of_shard[shard]
        for shard in gained:
            self._owners.of_shard[shard] = link
        feeds = [feed for feed in self._hub.feeds.values() if feed.shard in lost or feed.shard in gained]
        for feed in feeds:
            for other in self._open:
                if other is not link or feed.shard in lost:
                    other.rooms.discard(feed.room)
        self._fanout.unlink(feed for feed in feeds if feed.shard in lost)
        self._ask(feed for feed in feeds if feed.shard in gained)

    def _feeds_of(self, link: Link) -> list[Feed]:
        return [self._hub.feeds[room] for room in link.rooms if room in self._hub.feeds]

    # --- by the clock ---

    def tick(self, now: float) -> None:
        """Drop links that are silent, and ask again for rooms that no owner has told of."""
        for link in list(self._open):
            if now - link.heard_at > SILENT_S:
                _log.warning("link_silent", delivery=link.instance)
                link.drop()
        held = (FeedState.UNLINKED, FeedState.SUBSCRIBING)
        self._ask(feed for feed in self._hub.feeds.values() if feed.state in held)

    async def discover_forever(self) -> None:
        """Look for deliveries every second; while Redis is away the known ones hold."""
        while True:
            since = self._now_ms() - _ALIVE_MS
            try:
                entries = await self._redis.run("ZRANGEBYSCORE", redis_keys.DELIVERIES, since, "+inf")
                self._known = {(instance, url) for instance, _, url in (entry.partition("|") for entry in entries)}
                self._see_generation(await generation.current(self._redis))
            except RedisError:
                pass
            for known in self._known - self._dialing.keys():
                self._dialing[known] = asyncio.create_task(self._keep_dialed(known))
            await asyncio.sleep(_DISCOVER_S)

    def _see_generation(self, found: str | None) -> None:
        """Who came while the views were being made again may have been given too few rooms: compare once they are."""
        if found != self._generation:
            self._generation = found
            self._memberships.repair_asked.set()

    async def _keep_dialed(self, known: tuple[str, str]) -> None:
        try:
            while known in self._known:
                await Link(*known, self._gateway, self._keys, self, self._tls).dial()
                await asyncio.sleep(random.uniform(*_REDIAL_S))
        finally:
            del self._dialing[known]

    async def stop(self) -> None:
        """End all links."""
        tasks = list(self._dialing.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def chunked(rooms: list[RoomId]) -> Iterable[list[RoomId]]:
    """Split a long list of rooms into messages."""
    return (rooms[at : at + _ROOMS_A_MESSAGE] for at in range(0, len(rooms), _ROOMS_A_MESSAGE))
