"""The views of rooms on a real Redis: whoever projects, and in whatever steps, the view is the fold of the log."""

import asyncio
from collections.abc import Callable

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kaftalk_protocol import redis_keys
from kaftalk_protocol.ids import RoomId
from kaftalk_protocol.records import AnyRecord, Delete, Join, Kick, Leave, Message, Reaction, Room
from kaftalk_protocol.room_state import RoomState
from kaftalk_runtime.redis_client import Redis
from kaftalk_testing.busy_logs import busy_logs
from kaftalk_testing.log_twin import LogTwin, RoomTwin
from kaftalk_testing.room_logs import ANN, BOB, CYD, LOGS, message
from kaftalk_views.annotations import delete_note
from kaftalk_views.catch_up import CatchUp
from kaftalk_views.compare_and_set import converge
from kaftalk_views.lost_rooms import Lost, lose
from kaftalk_views.projection import fold
from kaftalk_views.room_views import RoomViews

NewRoom = Callable[[], RoomTwin]
on_redis = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
OPENING = Room(by=ANN, kind="public", name="tea", members={ANN: "owner", BOB: "member"})


async def dump(redis: Redis, room: str) -> dict[str, object]:
    """Give everything that Redis says about a room."""
    keys = sorted(key for key in await redis.run("KEYS", f"room:{room}*"))
    found: dict[str, object] = {}
    for key in keys:
        kind = await redis.run("TYPE", key)
        match kind:
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
    return found


def folded(room: RoomTwin, records: list[AnyRecord]) -> RoomState:
    state = RoomState(room.placement.room)
    for seq, record in enumerate(records):
        state.apply(seq, room.now_ms - len(records) + seq + 1, record)
    return state


class Projector:
    """One of several that move the same view: folds in steps from where it thinks the view stands."""

    def __init__(self, views: RoomViews, room: RoomTwin) -> None:
        self._views = views
        self._room = room
        self.state = RoomState(room.placement.room)

    async def step(self, count: int) -> None:
        """Fold some records and write; where another was first, take the state from the view."""
        placement = self._room.placement
        end = (await self._room.log.end_offsets([placement.topic]))[placement.topic]
        start = self.state.applied_seq + 1
        records = await self._room.log.read(placement.topic, start, min(start + count, end))
        projection = fold(self.state, placement, records, shard=0)
        if projection and not await self._views.project(projection):
            self.state = await self._views.load(placement.room)


@on_redis
@given(records=LOGS | busy_logs(), steps=st.lists(st.tuples(st.integers(0, 2), st.integers(1, 5)), max_size=30))
async def test_two_projectors_and_a_rooms_service_in_any_order_give_the_fold_of_the_log(
    views: RoomViews, catch_up: CatchUp, new_room: NewRoom, records: list[AnyRecord], steps: list[tuple[int, int]]
) -> None:
    room = new_room()
    owners = [Projector(views, room), Projector(views, room)]
    written = 0
    for who, count in steps:
        if who == 2:
            written = room.add(*records[written : written + count]) + 1 if written < len(records) else written
        elif written:
            await owners[who].step(count)
    seq = room.add(*records[written:]) if written < len(records) else len(records) - 1
    await asyncio.gather(catch_up.project_to(room.placement, seq), owners[0].step(100), owners[1].step(100))

    assert await views.load(room.placement.room) == folded(room, records)


@on_redis
@given(records=busy_logs(records_max=40), sizes=st.lists(st.integers(1, 7), min_size=1))
async def test_the_steps_in_which_a_log_is_folded_leave_no_trace_in_the_view(
    redis: Redis, views: RoomViews, new_room: NewRoom, log: LogTwin, records: list[AnyRecord], sizes: list[int]
) -> None:
    room = new_room()
    room.add(*records)
    projector = Projector(views, room)
    await projector.step(len(records))
    at_once = await dump(redis, room.placement.room)

    await redis.run("FLUSHALL")
    projector = Projector(views, room)
    while projector.state.applied_seq < len(records) - 1:
        await projector.step(sizes[projector.state.applied_seq % len(sizes)])

    assert await dump(redis, room.placement.room) == at_once


@on_redis
@given(records=busy_logs(records_max=40), data=st.data())
async def test_annotations_may_come_in_any_order_and_twice(
    redis: Redis, new_room: NewRoom, records: list[AnyRecord], data: st.DataObject
) -> None:
    room = new_room()
    room.add(*records)
    stored = await room.log.read(room.placement.topic, 0, len(records))
    commands = fold(RoomState(room.placement.room), room.placement, stored, shard=0).commands
    notes = [command for command in commands if command[0] in ("NOTE", "REMOVE", "REACT")]
    assert await redis.many([converge(notes)]) == ["done"]
    in_order = await dump(redis, room.placement.room)

    await redis.run("FLUSHALL")
    shuffled = data.draw(st.permutations(notes)) + data.draw(st.lists(st.sampled_from(notes or [("PING",)])))
    await redis.many([converge(shuffled)])

    assert await dump(redis, room.placement.room) == in_order


async def test_of_two_deletions_the_first_holds_in_any_order(redis: Redis, new_room: NewRoom) -> None:
    room = new_room()
    key = redis_keys.room_notes(room.placement.room)
    notes = [delete_note(room.placement.room, seq, 7, Delete(by=BOB, target=1, author=BOB))[0] for seq in (2, 5)]
    for order in (notes, notes[::-1]):
        await redis.run("DEL", key)
        await redis.many([converge(order)])
        assert '"seq":2' in await redis.run("HGET", key, "1")


async def test_nothing_is_kept_of_reactions_to_what_is_deleted(
    redis: Redis, catch_up: CatchUp, new_room: NewRoom
) -> None:
    room = new_room()
    react, delete = Reaction(by=ANN, target=1, emoji="👍", on=True), Delete(by=BOB, target=1, author=BOB)
    await catch_up.project_to(room.placement, room.add(OPENING, message(BOB, 1), react))
    assert await redis.run("EXISTS", redis_keys.room_reactions(room.placement.room, 1))
    await catch_up.project_to(room.placement, room.add(delete, react))
    assert not await redis.run("EXISTS", redis_keys.room_reactions(room.placement.room, 1))


async def test_a_projection_takes_effect_whole_or_not_at_all(redis: Redis, views: RoomViews, new_room: NewRoom) -> None:
    room = new_room()
    room.add(OPENING, message(ANN, 1), message(BOB, 1))
    slow, quick = Projector(views, room), Projector(views, room)
    await quick.step(2)
    before = await dump(redis, room.placement.room)
    late = fold(slow.state, room.placement, await room.log.read(room.placement.topic, 0, 3), shard=0)

    assert not await views.project(late)
    assert await dump(redis, room.placement.room) == before


async def test_many_rooms_are_projected_in_one_go(views: RoomViews, new_room: NewRoom) -> None:
    rooms = [new_room() for _ in range(230)]
    projections = []
    for room in rooms:
        room.add(OPENING, message(BOB, 1))
        records = await room.log.read(room.placement.topic, 0, 2)
        projections.append(fold(RoomState(room.placement.room), room.placement, records, shard=0))

    assert await views.project_many(projections) == [True] * 230
    assert await views.project_many(projections[:2]) == [False, False]
    heads = await views.heads([room.placement.room for room in rooms] + [new_room().placement.room])
    assert {head.applied_seq for head in heads.values()} == {1}
    assert len(heads) == 230


async def test_two_projections_of_a_room_can_be_written_as_one(views: RoomViews, new_room: NewRoom) -> None:
    room = new_room()
    room.add(OPENING, message(BOB, 1), Kick(user=BOB, by=ANN))
    state = RoomState(room.placement.room)
    first = fold(state, room.placement, await room.log.read(room.placement.topic, 0, 2), shard=0)
    second = fold(state, room.placement, await room.log.read(room.placement.topic, 2, 3), shard=0)

    assert await views.project(first.then(second))
    assert (await views.head(room.placement.room)).applied_seq == 2
    assert await views.members(room.placement.room) == state.members


async def test_who_leaves_takes_cursor_and_mute_along(redis: Redis, catch_up: CatchUp, new_room: NewRoom) -> None:
    room = new_room()
    await catch_up.project_to(room.placement, room.add(OPENING, Join(user=CYD, by=CYD), message(CYD, 1)))
    cursors = redis_keys.room_cursors(room.placement.room)
    assert await redis.run("HGETALL", cursors) == {ANN: "0", BOB: "0", CYD: "2"}

    await catch_up.project_to(room.placement, room.add(message(CYD, 2), Kick(user=CYD, by=ANN)))
    assert await redis.run("HGETALL", cursors) == {ANN: "0", BOB: "0"}
    assert await redis.run("SMEMBERS", redis_keys.user_rooms(CYD)) == set()


async def test_the_index_keeps_the_newest_messages(redis: Redis, catch_up: CatchUp, new_room: NewRoom) -> None:
    room = new_room()
    many: list[Message] = [message(BOB, n, mentions=[ANN]) for n in range(1, 1_201)]
    await catch_up.project_to(room.placement, room.add(OPENING, *many))

    assert await redis.run("ZCARD", redis_keys.room_index(room.placement.room)) == 1_100
    assert await redis.run("ZCARD", redis_keys.room_mentions(room.placement.room)) == 1_100
    assert (await redis.run("ZRANGE", redis_keys.room_index(room.placement.room), 0, 0))[0] == "101"


async def test_what_one_lost_is_told_until_one_is_back(catch_up: CatchUp, views: RoomViews, new_room: NewRoom) -> None:
    kicked, left, deleted, regained = rooms = [new_room() for _ in range(4)]
    ends: list[list[AnyRecord]] = [
        [Kick(user=BOB, by=ANN)],
        [Leave(user=BOB)],
        [Room(by=ANN, deleted=True)],
        [Kick(user=BOB, by=ANN), Join(user=BOB, by=BOB)],
    ]
    for room, end in zip(rooms, ends, strict=True):
        await catch_up.project_to(room.placement, room.add(OPENING, *end))

    lost = (await views.lost_by([ANN, BOB], 0))[BOB]
    assert [(one.room, one.seq, one.ts, one.reason, one.name) for one in lost] == [
        (kicked.placement.room, 1, kicked.now_ms, "kicked", "tea"),
        (deleted.placement.room, 1, deleted.now_ms, "deleted", "tea"),
    ]
    found = await views.lost_by([ANN, BOB], deleted.now_ms)
    assert {user: [one.room for one in lost] for user, lost in found.items()} == {
        ANN: [deleted.placement.room], BOB: [deleted.placement.room]
    }  # fmt: skip
    assert {left.placement.room, regained.placement.room}.isdisjoint(one.room for one in lost)


async def test_the_newest_hundred_losses_are_kept(redis: Redis, views: RoomViews) -> None:
    losses = [Lost(RoomId(f"room-{n}"), 1, n, "kicked", None) for n in range(130)]
    for order in (losses, losses[::-1]):
        await redis.run("DEL", redis_keys.user_lost(BOB))
        await redis.many([converge([lose(BOB, lost) for lost in order])])
        assert (await views.lost_by([BOB], 0))[BOB] == losses[30:]
