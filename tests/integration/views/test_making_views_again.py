"""`FLUSHALL` loses nothing: views come back from snapshot and log, annotations at the first need."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from kaftalk_protocol import redis_keys
from kaftalk_protocol.ids import RoomId
from kaftalk_protocol.records import AnyRecord, Delete, Edit, Message, Reaction, Room
from kaftalk_protocol.room_state import RoomState
from kaftalk_runtime.redis_client import Redis
from kaftalk_testing.busy_logs import busy_logs
from kaftalk_testing.log_twin import LogTwin, RoomTwin
from kaftalk_testing.room_logs import ANN, BOB, message
from kaftalk_views import generation, snapshots
from kaftalk_views.catch_up import CatchUp
from kaftalk_views.cursors import ReadCursors
from kaftalk_views.errors import NotesMissing, ViewsLost, ViewUnavailable
from kaftalk_views.history import RoomHistory
from kaftalk_views.notes import Notes
from kaftalk_views.projection import fold, restore
from kaftalk_views.room_views import RoomViews

NewRoom = Callable[[], RoomTwin]
OPENING = Room(by=ANN, kind="public", name="tea", members={ANN: "owner", BOB: "member"})
on_redis = settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


async def dump(redis: Redis, room: RoomId, *, but: tuple[str, ...] = ()) -> dict[str, Any]:
    """Give everything that Redis says about a room."""
    found: dict[str, Any] = {}
    for key in await redis.run("KEYS", f"room:{room}*"):
        match await redis.run("TYPE", key):
            case "hash":
                found[key] = await redis.run("HGETALL", key)
            case "set":
                found[key] = await redis.run("SMEMBERS", key)
            case _:
                found[key] = await redis.run("ZRANGE", key, 0, -1, "WITHSCORES")
    users = await redis.run("KEYS", "user:*:rooms")
    found["members' rooms"] = {user for user in users if await redis.run("SISMEMBER", user, room)}
    lost = {key: await redis.run("HGET", key, room) for key in await redis.run("KEYS", "user:*:lost")}
    found["lost"] = {key: text for key, text in lost.items() if text}
    found["directory"] = await redis.run("HGET", redis_keys.DIRECTORY, room)
    return {key: value for key, value in found.items() if key not in but}


async def snapshot_at(room: RoomTwin, seq: int) -> bytes:
    state = RoomState(room.placement.room)
    fold(state, room.placement, await room.log.read(room.placement.topic, 0, seq + 1), shard=0)
    return snapshots.encode(state)


@on_redis
@given(records=busy_logs())
async def test_a_short_log_gives_back_the_whole_view(
    redis: Redis, catch_up: CatchUp, new_room: NewRoom, records: list[AnyRecord]
) -> None:
    room = new_room()
    await catch_up.project_to(room.placement, room.add(*records))
    before = await dump(redis, room.placement.room)
    await redis.run("FLUSHALL")

    await catch_up.rebuild_room(room.placement, await snapshot_at(room, len(records) // 2))

    assert await dump(redis, room.placement.room) == before


TWICE = [OPENING, message(BOB, 1), Delete(by=BOB, target=1, author=BOB), Delete(by=ANN, target=1, author=BOB)]


@on_redis
@given(records=busy_logs(), cut=st.integers(0, 60))
@example(records=TWICE, cut=2)
async def test_what_a_snapshot_leaves_out_is_made_at_the_first_need(
    redis: Redis,
    views: RoomViews,
    catch_up: CatchUp,
    notes: Notes,
    new_room: NewRoom,
    records: list[AnyRecord],
    cut: int,
) -> None:
    room = new_room()
    await catch_up.project_to(room.placement, room.add(*records))
    cursors = redis_keys.room_cursors(room.placement.room)
    before = await dump(redis, room.placement.room, but=(cursors,))
    await redis.run("FLUSHALL")

    state = snapshots.decode(await snapshot_at(room, cut % len(records)))
    assert await views.project(restore(state, shard=0))
    await catch_up.project_to(room.placement, len(records) - 1)
    await notes.ensure(room.placement.room)

    assert await dump(redis, room.placement.room, but=(cursors,)) == before
    assert await views.load(room.placement.room) == state_of(room, records)


def state_of(room: RoomTwin, records: list[AnyRecord]) -> RoomState:
    state = RoomState(room.placement.room)
    for seq, record in enumerate(records):
        state.apply(seq, room.now_ms - len(records) + seq + 1, record)
    return state


@pytest.fixture
async def lost(redis: Redis, views: RoomViews, new_room: NewRoom) -> RoomTwin:
    """A room that came back from a snapshot: Bob's messages 1–20, the first deleted, the second edited."""
    room = new_room()
    said: list[Message] = [message(BOB, n) for n in range(1, 21)]
    changes: list[AnyRecord] = [
        Delete(by=BOB, target=1, author=BOB),
        Edit(by=BOB, target=2, author=BOB, text="better"),
        Reaction(by=ANN, target=3, emoji="👍", on=True),
        message(BOB, 20),
    ]
    state = snapshots.decode(await snapshot_at(room, room.add(OPENING, *said, *changes)))
    assert await views.project(restore(state, shard=0))
    return room


async def test_deleted_text_does_not_come_back(history: RoomHistory, lost: RoomTwin) -> None:
    page = await history.page(lost.placement.room, ANN, before=4)
    assert [item["e"]["k"] for item in page["items"]] == ["room", "deleted", "message", "message"]
    assert page["items"][2]["e"]["text"] == "better"
    assert page["items"][3]["e"]["reactions"] == [{"emoji": "👍", "count": 1, "me": True}]


async def test_many_readers_make_the_annotations_once(
    redis: Redis, views: RoomViews, log: LogTwin, lost: RoomTwin, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads: list[int] = []
    read = log.read

    async def counted(topic: str, start: int, stop: int, *, bytes_max: int = 1 << 20) -> Any:
        reads.append(start)
        return await read(topic, start, stop, bytes_max=bytes_max)

    monkeypatch.setattr(log, "read", counted)
    services = [Notes(views, log), Notes(views, log)]
    await asyncio.gather(*(notes.ensure(lost.placement.room) for notes in services * 10))
    assert reads == [0]


async def test_without_annotations_history_is_unavailable(
    redis: Redis, notes: Notes, history: RoomHistory, lost: RoomTwin
) -> None:
    lock = redis_keys.notes_lock(lost.placement.room)
    await redis.run("SET", lock, "1", "PX", 60_000)
    with pytest.raises(NotesMissing):
        await notes.ensure(lost.placement.room, timeout_s=0.2)
    await redis.run("DEL", lock)
    assert (await history.page(lost.placement.room, ANN))["to"] == 23


async def test_what_is_projected_while_annotations_are_made_is_in_them(
    views: RoomViews,
    catch_up: CatchUp,
    history: RoomHistory,
    log: LogTwin,
    lost: RoomTwin,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    read = log.read

    async def busy(topic: str, start: int, stop: int, *, bytes_max: int = 1 << 20) -> Any:
        monkeypatch.setattr(log, "read", read)
        found = await read(topic, start, stop, bytes_max=bytes_max)
        seq = lost.add(
            Delete(by=BOB, target=2, author=BOB), Reaction(by=ANN, target=3, emoji="👍", on=False), message(BOB, 21)
        )
        await catch_up.project_to(lost.placement, seq)
        return found

    monkeypatch.setattr(log, "read", busy)
    page = await history.page(lost.placement.room, ANN)
    assert [item["e"]["k"] for item in page["items"][:4]] == ["room", "deleted", "deleted", "message"]
    assert page["items"][3]["e"]["reactions"] == []
    assert page["items"][-1]["seq"] == 27


async def test_a_log_without_its_beginning_can_still_be_read(
    history: RoomHistory, log: LogTwin, lost: RoomTwin
) -> None:
    """Repeats among what is left stay hidden, and deleted text stays deleted."""
    lost.log.cut(lost.placement.topic, 15)
    page = await history.page(lost.placement.room, ANN)
    assert [item["seq"] for item in page["items"]] == [15, 16, 17, 18, 19, 20]
    assert (page["from"], page["to"], page["has_before"]) == (14, 23, False)


async def test_many_rooms_come_back_at_once(
    redis: Redis, views: RoomViews, catch_up: CatchUp, new_room: NewRoom
) -> None:
    rooms = [new_room() for _ in range(200)]
    for number, room in enumerate(rooms):
        room.add(OPENING, *(message(BOB, n) for n in range(1, number % 7 + 2)))
    gone = new_room()
    states = await catch_up.rebuild_many([room.placement for room in [*rooms, gone]], {})
    assert set(states) == {room.placement.room for room in rooms}
    assert await views.load_many([room.placement.room for room in rooms]) == states


async def test_a_long_log_without_a_snapshot_is_folded_whole(
    views: RoomViews, catch_up: CatchUp, history: RoomHistory, new_room: NewRoom
) -> None:
    room = new_room()
    seq = room.add(OPENING, *(message(BOB, n) for n in range(1, 2_600)), Delete(by=BOB, target=7, author=BOB))
    state = await catch_up.rebuild_room(room.placement, None)
    assert state.applied_seq == seq
    assert (await views.facts(room.placement.room)).notes_from == seq + 1
    assert (await history.message(room.placement.room, ANN, 7))["e"]["k"] == "deleted"


async def test_a_useless_snapshot_is_left_aside(catch_up: CatchUp, new_room: NewRoom) -> None:
    room = new_room()
    seq = room.add(OPENING, *(message(BOB, n) for n in range(1, 2_600)))
    for snapshot in (b"", b"\x01nonsense", b"\x02", snapshots.encode(RoomState(room.placement.room, 7, 9))):
        assert (await catch_up.rebuild_room(room.placement, snapshot)).applied_seq == seq


async def test_an_empty_log_gives_no_view(catch_up: CatchUp, new_room: NewRoom) -> None:
    with pytest.raises(ViewUnavailable):
        await catch_up.rebuild_room(new_room().placement, None)


async def test_a_users_rooms_are_unknown_until_every_shard_is_made(
    redis: Redis, views: RoomViews, catch_up: CatchUp, new_room: NewRoom
) -> None:
    room = new_room()
    await catch_up.project_to(room.placement, room.add(OPENING))
    assert await views.rooms_of(ANN) == {room.placement.room}
    await redis.run("FLUSHALL")
    with pytest.raises(ViewsLost):
        await views.rooms_of(ANN)
    current = await generation.claim(redis)
    await catch_up.rebuild_room(room.placement, None)
    await generation.mark(redis, range(3), current)
    with pytest.raises(ViewsLost):
        await views.rooms_of(ANN)
    await generation.mark(redis, [3], current)
    assert await views.rooms_of(ANN) == {room.placement.room}
    await generation.drop(redis)
    assert not await generation.complete(redis, 4)


async def test_one_generation_is_claimed_by_many(redis: Redis) -> None:
    await generation.drop(redis)
    claimed = await asyncio.gather(*(generation.claim(redis) for _ in range(5)))
    assert set(claimed) == {await generation.current(redis)}


async def test_cursors_and_mutes_come_back_for_members(
    redis: Redis, catch_up: CatchUp, cursors: ReadCursors, new_room: NewRoom
) -> None:
    room = new_room()
    name = room.placement.room
    await catch_up.project_to(room.placement, room.add(OPENING, *(message(ANN, n) for n in range(1, 10))))
    await cursors.advance(name, BOB, 5)
    await cursors.mute(name, BOB, "forever")
    kept = [record for shard in range(4) for record in await cursors.take_dirty(shard)]
    await redis.run("FLUSHALL")

    await catch_up.rebuild_room(room.placement, None)
    await cursors.restore(kept)

    assert await cursors.of(name, BOB) == (5, "forever")
    assert (await cursors.of(name, ANN)).seq == 9
