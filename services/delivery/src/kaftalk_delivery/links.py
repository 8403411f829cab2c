"""The links to the gateways: what each wants, what it is sent, and what it has taken."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Hashable, Iterable, Mapping, Sequence
from typing import Any, assert_never

from kaftalk_delivery.flights import Flight, Positions
from kaftalk_delivery.link_queue import LinkQueue
from kaftalk_delivery.owned_rooms import OwnedRoom, OwnedRooms
from kaftalk_delivery.projector import Folded
from kaftalk_delivery.signals import SignalBuffer, may_pass
from kaftalk_delivery.subscriptions import Subscriptions
from kaftalk_protocol.deliveries import (
    MEMBERSHIP,
    TO_DELIVERY,
    BatchAck,
    Heads,
    Joined,
    LinkHello,
    Shards,
    Signal,
    Signals,
    Subscribe,
    Subscribed,
    Unsubscribe,
    Voided,
)
from kaftalk_protocol.ids import RoomId, UserId
from kaftalk_roomlog.shards import shard_of
from kaftalk_runtime import metrics
from kaftalk_runtime.logs import get_logger
from kaftalk_views.projection import Projection, flags_of

_UNACKED_S_MAX = 5.0
_SIGNALS_EVERY_S = 0.2
_HEADS_EVERY_S = 1.0

_log = get_logger(__name__)
_links = metrics.gauge("kaftalk_delivery_links", "Gateways that are connected")
_shards = metrics.gauge("kaftalk_delivery_shards", "Shards that there are")
_events = metrics.counter("kaftalk_delivery_events_total", "Events queued for gateways")
_behind = metrics.counter("kaftalk_delivery_behind_total", "Gateways marked behind")


class Link:
    """One gateway's link; `wake` says that the queue has something."""

    def __init__(self, gateway: str) -> None:
        self.gateway = gateway
        self.queue = LinkQueue()
        self.wake = asyncio.Event()
        self.changed: dict[RoomId, int] = {}

    def tell(self, control: str) -> None:
        """Queue a control message."""
        self.queue.tell(control)
        self.wake.set()


class Links:
    """All links. Pushes never wait for a gateway."""

    def __init__(
        self,
        instance: str,
        shards: int,
        rooms: OwnedRooms,
        positions: Positions,
        *,
        joined: Callable[[Sequence[Joined]], None],
        passed: Callable[[], None],
        member_counts: Callable[[Collection[RoomId]], Awaitable[Mapping[RoomId, int]]],
    ) -> None:
        self._instance = instance
        self._shards = shards
        _shards.set(shards)
        self._rooms = rooms
        self._positions = positions
        self._joined = joined
        self._passed = passed
        self._member_counts = member_counts
        self._owned: frozenset[int] = frozenset()
        self._links: set[Link] = set()
        self._subscriptions: Subscriptions[Link] = Subscriptions()
        self._signals = SignalBuffer()

    # --- a link's life ---

    def open(self, hello: LinkHello) -> Link:
        """Take a gateway in; it is told first what is owned here."""
        link = Link(hello.gateway)
        link.tell(self._announcement())
        self._links.add(link)
        _links.set(len(self._links))
        return link

    def close(self, link: Link) -> None:
        """Forget a gateway: nobody waits for it any more."""
        self._links.discard(link)
        _links.set(len(self._links))
        self._subscriptions.remove_link(link)
        self._taken(link.queue.give_up())

    def take(self, link: Link, text: str) -> None:
        """Obey one message of a gateway.

        Raises ValueError if it is none.
        """
        message: Any = TO_DELIVERY.validate_json(text)
        match message:
            case BatchAck(number=number):
                self._taken(link.queue.acked(number))
                link.wake.set()
            case Signal():
                self._signals.note(link, message)
            case Subscribe(rooms=rooms):
                self._subscribe(link, rooms)
            case Unsubscribe(rooms=rooms):
                self._subscriptions.remove(link, rooms)
            case LinkHello():
                raise ValueError("a second hello")
            case _:
                assert_never(message)

    def _subscribe(self, link: Link, asked: Iterable[RoomId]) -> None:
        answer = Subscribed(rooms={}, unknown=[])
        for room_id in asked:
            if shard_of(room_id, self._shards) not in self._owned:
                answer.unknown.append(room_id)
                continue
            self._subscriptions.add(link, room_id)
            room = self._rooms.get(room_id)
            if room is None or room.head is None:
                # It will be answered once more, unasked, as soon as it is live.
                answer.unknown.append(room_id)
            else:
                answer.rooms[room_id] = room.head
        link.tell(answer.encode())

    # --- what is owned ---

    def announce(self, owned: frozenset[int]) -> None:
        """Tell all gateways which shards are owned here now; of the others nothing is sent any more."""
        self._owned = owned
        for room in self._subscriptions.all_rooms():
            if shard_of(room, self._shards) not in owned:
                self._subscriptions.remove_room(room)
        for link in self._links:
            link.tell(self._announcement())

    def stands(self, rooms: Sequence[OwnedRoom]) -> None:
        """Take in rooms that have just become live, and pass their position.

        No gateway shows anything of them yet: between two links it holds a room back, and pulls what it missed first.
        """
        for room in rooms:
            if room.head is None:
                continue
            for link in self._subscriptions.links(room.id):
                link.tell(Subscribed(rooms={room.id: room.head}).encode())
            self._positions.passed(room.shard, room.id, room.head.applied_seq, urgent=True)
        if rooms:
            self._passed()

    def _announcement(self) -> str:
        return Shards(instance=self._instance, owned=sorted(self._owned), of=self._shards).encode()

    # --- what happens ---

    def push(self, folded: Folded) -> None:
        """Send what is shown to whoever subscribed; the position passes what nobody subscribed to."""
        joined: list[Joined] = []
        for room, projection in folded:
            links = self._subscriptions.links(room.id)
            if links and projection.events:
                self._send(room, projection, links)
            else:
                self._positions.passed(room.shard, room.id, projection.applied_seq, urgent=_is_urgent(projection))
            for void in projection.voids:
                self._tell_void(room.id, void.user, void.seq, void.reason)
            joined += [Joined(room=room.id, user=moved.user, seq=moved.seq) for moved in projection.joined]
        if self._positions:
            self._passed()
        if joined:
            self._joined(joined)

    def _send(self, room: OwnedRoom, projection: Projection, links: Iterable[Link]) -> None:
        events = [shown.event(room.placement) for shown in projection.events]
        targets = list(links)
        flight = Flight(room.id, room.shard, projection.applied_seq, len(targets), urgent=_is_urgent(projection))
        _events.inc(len(events) * len(targets))
        for link in targets:
            link.queue.offer(events, flight)
            link.changed[room.id] = events[-1].seq
            link.wake.set()
            if link.queue.overfull:
                self._mark_behind(link, "queue is full")

    def _tell_void(self, room: RoomId, user: UserId | None, seq: int, reason: str) -> None:
        if user is not None and self._links:
            text = Voided(room=room, user=user, seq=seq, reason=reason).encode()
            for link in self._links:
                link.tell(text)

    def tell_gateway(self, gateway: str, control: str) -> None:
        """Send a control message to one gateway, if it is connected."""
        for link in self._links:
            if link.gateway == gateway:
                link.tell(control)

    # --- by the clock ---

    async def tick(self) -> None:
        """Send heads every second, which is the heartbeat too, and mark behind who does not acknowledge, for ever."""
        clock = asyncio.get_running_loop().time
        while True:
            await asyncio.sleep(_HEADS_EVERY_S)
            for link in list(self._links):
                changed, link.changed = link.changed, {}
                link.tell(Heads(rooms=changed).encode())
                oldest_s = link.queue.oldest_unacked_s()
                if oldest_s is not None and clock() - oldest_s > _UNACKED_S_MAX:
                    self._mark_behind(link, "does not acknowledge")

    async def relay_signals(self) -> None:
        """Pass signals on to the other gateways every 200 ms, for ever."""
        while True:
            await asyncio.sleep(_SIGNALS_EVERY_S)
            if self._signals:
                await self._relay(list(self._signals.take()))

    async def _relay(self, signals: Sequence[tuple[Hashable, Signal]]) -> None:
        counts = await self._member_counts({signal.room for _, signal in signals if signal.kind != "typing"})
        out: dict[Link, list[Signal]] = {}
        for source, signal in signals:
            if may_pass(signal, counts.get(signal.room)):
                for link in self._subscriptions.links(signal.room):
                    if link is not source:
                        out.setdefault(link, []).append(signal)
        for link, items in out.items():
            link.tell(Signals(items=items).encode())

    def _mark_behind(self, link: Link, why: str) -> None:
        _behind.inc()
        _log.warning("gateway_behind", gateway=link.gateway, why=why)
        self._taken(link.queue.fall_behind())
        link.wake.set()

    def _taken(self, flights: Iterable[Flight]) -> None:
        self._positions.taken(flights)
        if self._positions:
            self._passed()


def _is_urgent(projection: Projection) -> bool:
    """Whether somebody may wait for the position: who kicks or archives does, also if the record turned out void."""
    return bool(projection.voids) or any(flags_of(shown.record) & MEMBERSHIP for shown in projection.events)
