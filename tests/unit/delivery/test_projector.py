"""The hot loop loads the states of rooms that were quiet for long, when something is said in them again."""

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any, cast

from kaftalk_delivery.lag import ShardLag
from kaftalk_delivery.media_lane import MediaLane
from kaftalk_delivery.owned_rooms import OwnedRoom, OwnedRooms
from kaftalk_delivery.projector import Projector
from kaftalk_protocol.ids import RoomId
from kaftalk_protocol.room_state import RoomState
from kaftalk_protocol.topics import Placement
from kaftalk_roomlog.reader import LogBatch
from kaftalk_runtime.redis_client import RedisAway
from kaftalk_views.projection import Projection

ROOMS = 40


class Place:
    """A reader, views and their writer at once: everything that the loop talks to."""

    def __init__(self, rooms: Sequence[OwnedRoom]) -> None:
        self._news = [LogBatch(room.placement.topic, [], 1) for room in rooms]
        self.asked: list[int] = []
        self.recovered: list[OwnedRoom] = []

    async def poll(self) -> list[LogBatch]:
        if not self._news:
            await asyncio.get_running_loop().create_future()
        news, self._news = self._news, []
        return news

    async def load_many(self, rooms: Iterable[RoomId]) -> dict[RoomId, RoomState]:
        asked = list(rooms)
        self.asked.append(len(asked))
        if len(self.asked) == 2:
            raise RedisAway("no answer in time")
        states = {room: RoomState(room) for room in asked}
        for state in states.values():
            state.applied_seq = 0
        return states

    async def write(self, folded: Iterable[tuple[OwnedRoom, Projection]]) -> None:
        """There is nothing to write."""

    def push(self, folded: Sequence[tuple[OwnedRoom, Projection]]) -> None:
        """There is nothing to push."""


async def test_rooms_whose_state_could_be_loaded_go_on_though_others_could_not() -> None:
    owned = OwnedRooms()
    rooms = [owned.put(Placement(RoomId(f"0b0c4a9e-7b1c-4d8e-9f50-{number:012}")), 0) for number in range(ROOMS)]
    for room in rooms:
        room.stand_at(0, 0)
    place = Place(rooms)
    anything = cast(Any, place)
    projector = Projector(
        owned, anything, anything, anything, place, media=cast(MediaLane, None), lag=ShardLag(owned, frozenset),
        recover=place.recovered.append, troubled=lambda _room, _trouble: None,
    )  # fmt: skip
    loop = asyncio.create_task(projector.run())
    while len(place.asked) < 3:
        await asyncio.sleep(0)
    loop.cancel()
    await asyncio.gather(loop, return_exceptions=True)
    assert sum(place.asked) == ROOMS
    assert place.recovered == rooms[place.asked[0] : place.asked[0] + place.asked[1]]
