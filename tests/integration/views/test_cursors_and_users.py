"""Read cursors, mutes and user objects in Redis."""

from collections.abc import Callable

import pytest

from kaftalk_protocol.ids import RoomId
from kaftalk_protocol.records import Kick, Room
from kaftalk_runtime.redis_client import Redis
from kaftalk_testing.log_twin import RoomTwin
from kaftalk_testing.room_logs import ANN, BOB, CYD, message
from kaftalk_views import generation
from kaftalk_views.catch_up import CatchUp
from kaftalk_views.cursors import CursorRecord, ReadCursors, parse
from kaftalk_views.errors import ViewsLost
from kaftalk_views.room_views import RoomViews
from kaftalk_views.users import StoredUser, Users

NewRoom = Callable[[], RoomTwin]
OPENING = Room(by=ANN, kind="public", name="tea", members={ANN: "owner", BOB: "member"})


async def opened(catch_up: CatchUp, new_room: NewRoom) -> RoomTwin:
    room = new_room()
    await catch_up.project_to(room.placement, room.add(OPENING, *(message(ANN, n) for n in range(1, 10))))
    return room


async def drained(cursors: ReadCursors) -> set[CursorRecord]:
    return {record for shard in range(4) for record in await cursors.take_dirty(shard)}


async def test_a_cursor_never_falls(catch_up: CatchUp, cursors: ReadCursors, new_room: NewRoom) -> None:
    room = (await opened(catch_up, new_room)).placement.room
    assert [await cursors.advance(room, BOB, seq) for seq in (5, 3, 5, 6)] == [True, False, False, True]
    assert await cursors.of(room, BOB) == (6, None)


async def test_strangers_have_no_cursor(catch_up: CatchUp, cursors: ReadCursors, new_room: NewRoom) -> None:
    room = (await opened(catch_up, new_room)).placement.room
    assert not await cursors.advance(room, CYD, 5)
    assert not await cursors.mute(room, CYD, "forever")
    await cursors.restore([CursorRecord(room, CYD, 5)])
    assert await cursors.of(room, CYD) == (None, None)


async def test_readers_are_counted_without_the_author(
    catch_up: CatchUp, cursors: ReadCursors, new_room: NewRoom
) -> None:
    room = (await opened(catch_up, new_room)).placement.room
    assert await cursors.readers(room, 3, but=ANN) == 0
    await cursors.advance(room, BOB, 3)
    assert await cursors.readers(room, 3, but=ANN) == 1
    assert await cursors.readers(room, 4, but=ANN) == 0


async def test_what_changed_is_taken_once_and_can_be_put_back(
    views: RoomViews, catch_up: CatchUp, cursors: ReadCursors, new_room: NewRoom
) -> None:
    twin = await opened(catch_up, new_room)
    room = twin.placement.room
    await cursors.mute(room, BOB, 77)
    taken = await drained(cursors)
    assert taken == {CursorRecord(room, ANN, 9), CursorRecord(room, BOB, 0, 77)}
    assert await drained(cursors) == set()
    await cursors.put_back(views.shard(room), list(taken))
    assert await drained(cursors) == taken


async def test_who_was_kicked_is_taken_out_of_the_topic(
    catch_up: CatchUp, cursors: ReadCursors, new_room: NewRoom
) -> None:
    room = await opened(catch_up, new_room)
    await drained(cursors)
    await catch_up.project_to(room.placement, room.add(Kick(user=BOB, by=ANN)))
    (record,) = await drained(cursors)
    assert (record.user, record.value) == (BOB, None)


async def test_nothing_falls_when_cursors_come_back(catch_up: CatchUp, cursors: ReadCursors, new_room: NewRoom) -> None:
    room = (await opened(catch_up, new_room)).placement.room
    await cursors.advance(room, BOB, 7)
    await cursors.mute(room, BOB, 88)
    await cursors.restore([CursorRecord(room, BOB, 4, "forever"), CursorRecord(room, ANN, None, 5)])
    assert await cursors.of(room, BOB) == (7, 88)
    assert await cursors.of(room, ANN) == (9, 5)


async def test_nothing_goes_to_kafka_before_what_kafka_has_is_back(
    redis: Redis, catch_up: CatchUp, cursors: ReadCursors, new_room: NewRoom
) -> None:
    room = (await opened(catch_up, new_room)).placement.room
    shards = range(4)
    await generation.drop(redis)
    assert await drained(cursors) == set()
    made_for = await generation.claim(redis)
    assert await drained(cursors) == set()
    await cursors.restore([CursorRecord(room, BOB, 7)])
    await generation.mark(redis, shards, made_for)
    assert CursorRecord(room, BOB, 7) in await drained(cursors)


def test_a_record_of_a_cursor_is_read_as_it_was_written() -> None:
    room = RoomId("b7d9a8f0-0a51-4c39-8a32-111111111111")
    for record in (CursorRecord(room, ANN, 4), CursorRecord(room, ANN, None, "forever"), CursorRecord(room, ANN, None)):
        assert parse(record.key, record.value) == record


async def test_users_are_found_by_id_and_name(users: Users) -> None:
    ann = StoredUser(ANN, "ann", "Ann", locale="ko", created_ms=7)
    await users.put(ann, StoredUser(BOB, "bob", "Bob", kind="bot"))
    assert await users.by_username("ann") == ANN
    assert await users.stored([ANN, CYD]) == {ANN: ann}
    assert await users.one(BOB) == {
        "id": BOB, "username": "bob", "display_name": "Bob", "kind": "bot", "active": True
    }  # fmt: skip
    await users.remove(ann)
    assert await users.by_username("ann") is None
    assert await users.one(ANN) is None


async def test_an_unknown_user_is_an_inactive_one(users: Users) -> None:
    assert (await users.get([CYD, CYD])) == {
        CYD: {"id": CYD, "username": "unknown", "display_name": "?", "kind": "person", "active": False}
    }
    assert await users.get([]) == {}


async def test_who_is_missing_is_unknown_until_the_accounts_are_written_again(redis: Redis, users: Users) -> None:
    await users.put(StoredUser(ANN, "ann", "Ann"))
    await generation.drop(redis)
    with pytest.raises(ViewsLost):
        await users.get([ANN, CYD])
    made_for = await generation.claim(redis)
    with pytest.raises(ViewsLost):
        await users.one(CYD)
    assert list(await users.stored([ANN])) == [ANN]
    await generation.mark_accounts(redis, made_for)
    assert (await users.get([CYD]))[CYD]["active"] is False
