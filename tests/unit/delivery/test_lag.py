"""How far a shard is behind."""

from kaftalk_delivery.lag import ShardLag
from kaftalk_delivery.owned_rooms import OwnedRoom, OwnedRooms
from kaftalk_protocol.ids import RoomId
from kaftalk_protocol.topics import Placement

SHARD = 3


def room(rooms: OwnedRooms, name: str, *, base: int = 0, applied_seq: int | None = None) -> OwnedRoom:
    placed = rooms.put(Placement(RoomId(name), base=base), SHARD)
    if applied_seq is not None:
        placed.stand_at(applied_seq, applied_seq)
    return placed


def test_what_is_in_the_logs_and_not_pushed_counts_for_its_shard() -> None:
    rooms = OwnedRooms()
    lag = ShardLag(rooms, lambda: frozenset({SHARD, 4}))
    lag.note(room(rooms, "a", applied_seq=9), 15)
    lag.note(room(rooms, "b", base=100, applied_seq=104), 7)
    lag.note(room(rooms, "c"), 2)
    assert lag.records() == {SHARD: 5 + 2 + 2, 4: 0}


def test_a_room_that_has_caught_up_counts_no_more() -> None:
    rooms = OwnedRooms()
    lag = ShardLag(rooms, lambda: frozenset({SHARD}))
    one = room(rooms, "a", applied_seq=9)
    lag.note(one, 15)
    one.stand_at(14, 14)
    assert lag.records() == {SHARD: 0}


def test_rooms_that_are_not_ours_any_more_do_not_count() -> None:
    rooms = OwnedRooms()
    owned = {SHARD}
    lag = ShardLag(rooms, lambda: frozenset(owned))
    lag.note(room(rooms, "a", applied_seq=0), 5)
    lag.note(room(rooms, "b", applied_seq=0), 5)
    rooms.drop(RoomId("a"))
    assert lag.records() == {SHARD: 4}
    owned.clear()
    assert lag.records() == {}
