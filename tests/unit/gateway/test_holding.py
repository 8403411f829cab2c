"""A hold at a gateway against models of the log and of clients: nothing lost, nothing twice, nothing inside."""

import asyncio
import json
from collections.abc import Iterable, Mapping
from typing import Any

from hypothesis import given, note, settings
from hypothesis import strategies as st

from kaftalk_gateway.connection import CatchUp, Connection
from kaftalk_gateway.fanout import Fanout
from kaftalk_gateway.hold_floors import HoldFloors
from kaftalk_gateway.holding import Holding
from kaftalk_gateway.hub import Hub
from kaftalk_gateway.past_holds import PastHolds
from kaftalk_gateway.quiet_states import QuietHours
from kaftalk_gateway.rates import Rate
from kaftalk_gateway.releases import Releases
from kaftalk_gateway.resume import Resumer
from kaftalk_gateway.session import Session
from kaftalk_protocol.deliveries import RoomHead
from kaftalk_protocol.ids import RoomId, SessionId, UserId
from kaftalk_protocol.quiet_state import HoldPlan, QuietState
from kaftalk_protocol.release_batch import BatchRoom, ReleaseBatch, Share, UserRelease
from kaftalk_protocol.server_frames import Event
from kaftalk_testing.hold_model import Client, Frame, Log, warped
from kaftalk_views.history import Missed

ROOMS = [RoomId(f"2f1c1d52-0c0e-4a4e-8a3b-0d8f5b0c5a1{n}") for n in range(2)]
ME, OTHER = UserId("me"), UserId("other")
T0 = 1_800_000_000_000
START, END = T0 + 3_000, T0 + 6_000
PLAN = HoldPlan(start_ms=START, end_ms=END, release_id="r", deliver="hold")


class World:
    """A gateway with fake neighbours, one user's devices, and two rooms."""

    def __init__(self, skew_ms: int, *, late: bool) -> None:
        self.now_ms = T0
        self.skew_ms = skew_ms
        self.is_late = late
        self.logs = {room: Log(room) for room in ROOMS}
        self.hub = Hub(lambda _: 0)
        floors = HoldFloors(self, lambda: self.now_ms)
        self.resumer = Resumer(self.hub, self, self, floors)  # type: ignore[arg-type]
        self.counted: set[RoomId] = set()
        self.holding = Holding(self.hub, self.resumer, self.counted.add, lambda: self.now_ms)
        self.hours = QuietHours(self.hub, self.holding, self, lambda: self.now_ms)  # type: ignore[arg-type]
        self.releases = Releases(self.hub, self.hours, self.holding, self.resumer)
        past = PastHolds(self.resumer, self.counted.add)
        self.fanout = Fanout(self.hub, self, self, self.resumer, self, (), past)  # type: ignore[arg-type]
        self.clients: dict[str, Client] = {}
        self.connections: dict[str, Connection] = {}
        self.focused: dict[str, RoomId | None] = {}
        self.learned_at: dict[RoomId, int] = dict.fromkeys(ROOMS, -1)
        self.n = 0

    # --- what the gateway asks ---

    async def floor(self, room: RoomId, start_ms: int) -> int:
        await asyncio.sleep(0.01)
        return self.logs[room].floor(start_ms)

    async def missed(self, room: RoomId, _viewer: Any, position: tuple[int, int], head: int | None = None) -> Missed:
        to = self.logs[room].head if head is None else head
        return Missed(0, position[1], to, [e for e in self.logs[room].events if position[1] < e.seq <= to])

    async def standing(self, rooms: Mapping[RoomId, Any]) -> dict[RoomId, Any]:
        return {}

    async def reached(self, _room: RoomId, _seq: int) -> bool:
        return True

    def apply(self, *_: Any) -> None: ...

    def removed(self, *_: Any) -> None: ...

    # --- what happens ---

    async def start(self, devices: Iterable[str]) -> None:
        for room in ROOMS:
            self.logs[room].append(T0 - 60_000, {"k": "room", "by": OTHER})
        for name in devices:
            self.clients[name] = Client(self, ME, name)
            self.connect(name)
        await asyncio.sleep(1)

    def connect(self, name: str) -> None:
        client = self.clients[name]
        connection = Connection(f"{name}-{self.n}", client, Session(0.0, Rate(10, 10)))
        connection.session.state = connection.session.state.OPEN
        self.connections[name] = connection
        member = self.hub.admit(connection, ME, SessionId(name))
        client.is_quiet = member.quiet.active
        if self.is_late is False or member.quiet.known:
            self.hours.advance(member)
        for room in ROOMS:
            feed = self.hub.add_room(member, room)
            if feed.last is None:
                feed.asked()
                feed.subscribed(RoomHead(epoch=0, base=0, applied_seq=0, shown_seq=self.logs[room].head))
                self.logs[room].delivered = len(self.logs[room].events)
                feed.facts_known = True
            if client.positions[room] < 0:
                client.page(room)
            self.resumer.begin(connection, room, CatchUp(client.positions[room], epoch=0, given=client.positions[room]))
        self.focused[name] = None

    def drop(self, name: str) -> None:
        """Lose a socket; the user is still known here by another device, or comes back with her state read anew."""
        connection = self.connections.pop(name)
        connection.session.gone()
        quiet = connection.admitted.quiet
        if self.hub.leave(connection) is not None:
            quiet.armed = None
            self.kept = quiet

    def saw(self, room: RoomId, seq: int) -> None:
        """Take that the person looked herself."""
        self.holding.saw(ME, room, seq)

    def may_hear(self, client: Client, room: RoomId, seq: int) -> bool:
        """Tell whether a message may come as it is while the client has been told of quiet hours."""
        first_held = self.logs[room].floor(START) + 1
        return seq < first_held or self.focused.get(client.name) == room or seq <= self.learned_at[room]

    def write(self, room: RoomId, record: Frame) -> int:
        return self.logs[room].append(self.now_ms + self.skew_ms, record)

    def message(self, room: RoomId, by: UserId) -> None:
        self.n += 1
        self.write(room, {"k": "message", "id": f"s:{self.n}", "by": by, "text": f"m{self.n}"})

    def correct(self, room: RoomId, kind: str, at: int, by: UserId) -> None:
        targets = list(self.logs[room].texts())
        if targets:
            self.n += 1
            text = {"text": f"e{self.n}", "mentions": []} if kind == "edit" else {}
            target = targets[at % len(targets)]
            self.write(room, {"k": kind, "by": by, "author": by, "target": target, **text})

    def deliver(self, room: RoomId) -> None:
        log = self.logs[room]
        events, log.delivered = log.events[log.delivered :], len(log.events)
        self.fanout.batch(events)

    async def pass_time(self, ms: int) -> None:
        while ms > 0:
            step = min(ms, 50)
            self.now_ms += step
            ms -= step
            await self.hours.run_due()
        await asyncio.sleep(1)

    def tell(self) -> None:
        """Let the gateway know of the hold."""
        self.learned_at = {room: log.events[log.delivered - 1].seq for room, log in self.logs.items()}
        self.hours.take(QuietState(user=ME, version=1, hold=PLAN))

    def slow(self, name: str, slow: bool) -> None:
        """Let a socket take no more, or again."""
        self.clients[name].congested = slow
        if not slow:
            self.connections[name].slow_since = None
            self.resumer.go_on(self.connections[name])

    def focus(self, name: str, room: RoomId | None) -> None:
        self.focused[name] = room
        self.holding.focus(self.connections[name], room)
        if room is not None:
            self.clients[name].page(room)

    def batch(self) -> ReleaseBatch:
        rooms, written, shares = [], [], []
        for room, log in self.logs.items():
            floor = log.floor(START)
            if floor == log.head:
                continue
            by_seq = {event.seq: json.loads(event.frame) for event in log.events}
            items = [
                Event(epoch=0, seq=seq, prev=by_seq[seq]["prev"], ts=0, e={**by_seq[seq]["e"], "text": text})
                for seq, text in log.texts(floor).items()
            ][-50:]
            rooms.append(BatchRoom(room=room, epoch=0, to=log.head, seqs=tuple(item.seq for item in items)))
            written.append(json.dumps([item.model_dump() for item in items]).encode())
            shares.append(Share(room=room, from_=max(floor, log.read_by(ME))).encode())
        release = UserRelease(
            user=ME, release_id="r", window=(START, END), total=1, mentions=0, shares=tuple(range(len(shares))),
            state=QuietState(user=ME, version=2),
        )  # fmt: skip
        return ReleaseBatch(rooms, written, shares, [release.encode()])


_ROOM = st.sampled_from(ROOMS)
_DEVICE = st.sampled_from(["phone", "desk"])
_STEP = st.one_of(
    st.tuples(st.just("message"), _ROOM, st.sampled_from([OTHER, OTHER, ME])),
    st.tuples(st.sampled_from(["edit", "delete"]), _ROOM, st.integers(0, 20)),
    st.tuples(st.just("deliver"), _ROOM),
    st.tuples(st.just("time"), st.integers(1, 400)),
    st.tuples(st.just("reconnect"), _DEVICE),
    st.tuples(st.just("focus"), _DEVICE, st.sampled_from([*ROOMS, None])),
    st.tuples(st.just("slow"), st.sampled_from(["phone", "desk", "tablet"]), st.booleans()),
)
_STEPS = st.lists(_STEP, max_size=12)


async def _perform(world: World, step: tuple[Any, ...]) -> None:
    match step:
        case ("message", room, by):
            world.message(room, by)
        case ("edit" | "delete" as kind, room, at):
            world.correct(room, kind, at, OTHER)
        case ("deliver", room):
            world.deliver(room)
        case ("time", ms):
            await world.pass_time(ms)
        case ("reconnect", name):
            world.drop(name)
            world.connect(name)
            await asyncio.sleep(1)
        case ("slow", name, slow):
            world.slow(name, slow)
            await asyncio.sleep(1)
        case ("focus", name, room):
            world.focus(name, room)


async def _evening(
    skew_ms: int, late_ms: int | None, before: Any, around: Any, inside: Any, behind: Any, ending: str
) -> None:
    world = World(skew_ms, late=late_ms is not None)
    await world.start(["phone", "desk", "tablet"])
    if late_ms is None:
        world.tell()
    for step in before:
        await _perform(world, step)
    await world.pass_time(max(1, START - 500 - world.now_ms))
    for step in around:
        await _perform(world, step)
    if late_ms is not None:
        await world.pass_time(max(1, START + late_ms - world.now_ms))
        world.tell()
    await world.pass_time(max(1, START + 1_000 - world.now_ms))
    for step in inside:
        await _perform(world, step)
    await world.pass_time(max(1, END - world.now_ms))
    batch = world.batch()
    for step in behind:
        await _perform(world, step)
    await _end(world, batch, ending)
    _check(world)
    if late_ms is None and not any(step[0] == "message" and step[2] == ME for step in [*before, *around, *inside]):
        # Who looks at nothing by herself and has read nothing elsewhere is never made to ask.
        assert world.clients["tablet"].pages == len(ROOMS)


async def _end(world: World, batch: ReleaseBatch, ending: str) -> None:
    taken = []
    if ending == "elsewhere":
        world.hours.take(next(batch.releases()).state)
    else:
        taken = [asyncio.create_task(world.releases.take(batch)) for _ in range(2 if ending == "twice" else 1)]
        await asyncio.sleep(1)
    for name in world.clients:
        world.slow(name, False)
    await asyncio.gather(*taken)
    await asyncio.sleep(2)
    for room in ROOMS:
        world.message(room, OTHER)
        world.deliver(room)
    await asyncio.sleep(5)


def _check(world: World) -> None:
    for client in world.clients.values():
        assert client.inside == []
        assert not client.is_quiet
        for room, log in world.logs.items():
            assert client.texts[room] == log.texts()
    for room in ROOMS:
        feed = world.hub.feeds[room]
        assert feed.holds is None
        assert set(feed.listeners) == set(world.connections.values())


@settings(max_examples=150, deadline=None)
@given(
    skew_ms=st.integers(-200, 200),
    late_ms=st.none() | st.integers(0, 700),
    before=_STEPS,
    around=_STEPS,
    inside=_STEPS,
    behind=_STEPS,
    ending=st.sampled_from(["release", "twice", "elsewhere"]),
)
def test_what_is_delivered_and_what_is_released_are_all_and_nothing_twice(**evening: Any) -> None:
    note(repr(evening).replace(str(ROOMS[0]), "R0").replace(str(ROOMS[1]), "R1"))
    warped(lambda: _evening(**evening))
