"""Rooms whose messages have media wait for Kafka by themselves, in the order of their log."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest

from kaftalk_delivery import media_lane
from kaftalk_delivery.media_lane import WAITING_MAX, MediaLane
from kaftalk_delivery.owned_rooms import OwnedRoom
from kaftalk_protocol.ids import MediaId
from kaftalk_protocol.media import Sending
from kaftalk_protocol.room_state import RoomState
from kaftalk_protocol.topics import Placement
from kaftalk_runtime.tasks import Tasks
from kaftalk_testing.room_logs import ROOM
from kaftalk_views.errors import ViewUnavailable
from kaftalk_views.projection import Projection


class Lane:
    """A lane whose log can be away, and what came out of it."""

    def __init__(self, tasks: Tasks) -> None:
        self.away = asyncio.Event()
        self.told: list[int] = []
        self.finished: list[int] = []
        self.recovered: list[OwnedRoom] = []
        self.lane = MediaLane(self, tasks, recover=self._recover)

    async def tell(self, projections: Sequence[Projection]) -> None:
        await asyncio.sleep(0)
        if self.away.is_set():
            raise ViewUnavailable(ROOM)
        for one in projections:
            self.told += [sending.seq for sending in one.sendings]
            one.sendings = []

    async def finish(self, folded: Sequence[tuple[OwnedRoom, Projection]]) -> None:
        await asyncio.sleep(0)
        self.finished += [projection.applied_seq for _, projection in folded]

    def offer(self, room: OwnedRoom, seq: int, *, media: bool = False) -> bool:
        projection = Projection(ROOM, "", RoomState(ROOM), applied_seq=seq)
        if media:
            projection.sendings = [Sending(id=MediaId("m"), room=ROOM, seq=seq)]
        return self.lane.takes(room, projection, self.finish)

    def _recover(self, room: OwnedRoom) -> None:
        self.recovered.append(room)
        room.start_anew()


@pytest.fixture
async def lane(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Lane]:
    monkeypatch.setattr(media_lane, "_RETRY_S", 0.001)
    tasks = Tasks()
    yield Lane(tasks)
    await tasks.stop()


@pytest.fixture
def room() -> OwnedRoom:
    return OwnedRoom(Placement(ROOM), 0)


async def settled(room: OwnedRoom) -> None:
    while room.behind is not None:
        await asyncio.sleep(0)


async def test_messages_without_media_pass_by(lane: Lane, room: OwnedRoom) -> None:
    assert not lane.offer(room, 1)
    assert room.behind is None
    assert room.is_written


async def test_what_follows_a_picture_comes_after_it_and_the_picture_after_kafka_knows_it(
    lane: Lane, room: OwnedRoom
) -> None:
    lane.away.set()
    assert lane.offer(room, 1, media=True)
    assert lane.offer(room, 2)
    assert lane.offer(room, 3, media=True)
    await asyncio.sleep(0.01)
    assert (lane.told, lane.finished, room.is_written) == ([], [], False)
    lane.away.clear()
    await settled(room)
    assert (lane.told, lane.finished) == ([1, 3], [1, 2, 3])
    assert not lane.offer(room, 4)


async def test_a_room_that_starts_anew_drops_what_waits(lane: Lane, room: OwnedRoom) -> None:
    lane.away.set()
    room.since_snapshot = 5
    assert lane.offer(room, 1, media=True)
    room.start_anew()
    lane.away.clear()
    await asyncio.sleep(0.01)
    assert (lane.finished, room.since_snapshot, room.state) == ([], 0, None)


async def test_a_room_with_too_much_behind_starts_anew(lane: Lane, room: OwnedRoom) -> None:
    lane.away.set()
    for seq in range(WAITING_MAX):
        assert lane.offer(room, seq, media=True)
    assert lane.recovered == []
    assert lane.offer(room, WAITING_MAX)
    assert lane.recovered == [room]
