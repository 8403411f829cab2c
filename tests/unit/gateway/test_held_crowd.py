"""A room of 1,000 members of whom 999 are in a hold: one count a room, nothing a message; resets stay at the floor."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any

from kaftalk_gateway.connection import Connection
from kaftalk_gateway.fanout import Fanout
from kaftalk_gateway.held_counts import HeldCounts
from kaftalk_gateway.hold_floors import HoldFloors
from kaftalk_gateway.holding import Holding
from kaftalk_gateway.hub import Hub
from kaftalk_gateway.past_holds import PastHolds
from kaftalk_gateway.rates import Rate
from kaftalk_gateway.resume import Resumer
from kaftalk_gateway.session import Session, State
from kaftalk_protocol.deliveries import RoomHead
from kaftalk_protocol.ids import RoomId, SessionId, UserId
from kaftalk_protocol.quiet_state import HoldPlan
from kaftalk_testing.hold_model import Log
from kaftalk_views.held_counts import HeldCount

ROOM = RoomId("2f1c1d52-0c0e-4a4e-8a3b-0d8f5b0c5a11")
START = 1_800_000_000_000
MEMBERS = 1_000


class Socket:
    """Keeps the frames that were written."""

    def __init__(self) -> None:
        self.congested = False
        self.last_received = 0.0
        self.on_text: Any = None
        self.on_drained: Any = None
        self.frames: list[dict[str, Any]] = []

    def write_prepared(self, frame: bytes) -> None:
        self.write(frame[{126: 4, 127: 10}.get(frame[1], 2) :])

    def write(self, payload: bytes) -> None:
        self.frames.append(json.loads(payload))

    def flush(self) -> None: ...

    def ping(self) -> None: ...

    def close(self, code: int, reason: str) -> None: ...


class Crowd:
    """Members of one room; all but the first are in a hold that begins at START."""

    def __init__(self, members: int = MEMBERS) -> None:
        self.log = Log(ROOM)
        self.asked: list[Mapping[UserId, int]] = []
        self.hub = Hub(lambda _: 0)
        resumer = Resumer(self.hub, self, self, HoldFloors(self, lambda: START))  # type: ignore[arg-type]
        self.held = HeldCounts(self.hub, self)  # type: ignore[arg-type]
        self.fanout = Fanout(
            self.hub, self, self, resumer, self, (), PastHolds(resumer, self.held.note)  # type: ignore[arg-type]
        )  # fmt: skip
        holding = Holding(self.hub, resumer, self.held.note, lambda: START - 5_000)
        self.sockets = [Socket() for _ in range(members)]
        self.log.append(START - 60_000, {"k": "room", "by": "u0"})
        for n, socket in enumerate(self.sockets):
            self._enter(n, socket)
        for member in list(self.hub.members.values())[1:]:
            holding.arm(member, HoldPlan(start_ms=START, end_ms=START + 9, release_id="r", deliver="hold"))

    def _enter(self, n: int, socket: Socket) -> None:
        connection = Connection(str(n), socket, Session(0.0, Rate(10, 10)))
        connection.session.state = State.OPEN
        feed = self.hub.add_room(self.hub.admit(connection, UserId(f"u{n}"), SessionId(str(n))), ROOM)
        if feed.last is None:
            feed.asked()
            feed.subscribed(RoomHead(epoch=0, base=0, applied_seq=1, shown_seq=1))
            feed.facts_known = True
        feed.listen(connection)

    async def floor(self, _room: RoomId, _start_ms: int) -> int:
        return 70

    async def counts(self, _room: RoomId, bounds: Mapping[UserId, int]) -> dict[UserId, HeldCount]:
        self.asked.append(bounds)
        return {user: HeldCount(1, 0, 3) for user in bounds}

    async def standing(self, _rooms: Any) -> dict[RoomId, Any]:
        return {}

    def say(self, ts: int) -> None:
        self.log.append(ts, {"k": "message", "id": f"s:{ts}", "by": "u0", "text": "hi"})
        self.fanout.batch(self.log.events[-1:])


async def test_held_members_cost_one_count_a_room_and_nothing_a_message() -> None:
    crowd = Crowd()
    crowd.say(START - 1)
    assert {len(socket.frames) for socket in crowd.sockets} == {1}
    crowd.say(START)
    feed = crowd.hub.feeds[ROOM]
    assert len(feed.listeners) == 1
    for n in range(1, 50):
        crowd.say(START + n)
    assert {len(socket.frames) for socket in crowd.sockets[1:]} == {1}
    assert len(crowd.sockets[0].frames) == 51
    await crowd.held.count()
    assert [len(bounds) for bounds in crowd.asked] == [MEMBERS - 1]
    held = {"t": "held", "rooms": {ROOM: {"count": 1, "mentions": 0}}, "total": 1}
    assert all(socket.frames[1:] == [held] for socket in crowd.sockets[1:])
    crowd.held.note(ROOM)
    await crowd.held.count()
    assert {len(socket.frames) for socket in crowd.sockets[1:]} == {2}


async def test_a_log_that_is_replaced_in_a_hold_is_reset_at_its_floor() -> None:
    crowd = Crowd(3)
    crowd.say(START)
    feed = crowd.hub.feeds[ROOM]
    crowd.fanout.reset(feed, "epoch", 1, 100)
    feed.facts_known = True
    await asyncio.sleep(0.05)
    seqs = [socket.frames[-1]["seq"] for socket in crowd.sockets]
    assert seqs == [100, 70, 70]
    assert len(feed.listeners) == 1
