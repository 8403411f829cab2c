"""What quiet hours hold and release of a room, and what happens to its log meanwhile."""

from collections.abc import Callable
from typing import Any

import pytest

from kaftalk_protocol.ids import RoomId, UserId
from kaftalk_protocol.records import (
    Delete,
    Join,
    Kick,
    Media,
    Message,
    Room,
)
from kaftalk_protocol.room_state import RoomState
from kaftalk_runtime.redis_client import Redis
from kaftalk_testing.log_twin import LogTwin, RoomTwin
from kaftalk_testing.room_logs import ANN, BOB, CYD, DAN, message
from kaftalk_views.catch_up import CatchUp
from kaftalk_views.cursors import ReadCursors
from kaftalk_views.errors import HistoryUnavailable, ViewUnknown
from kaftalk_views.held import HeldRanges
from kaftalk_views.held_batch import RoomBatch, UserPart
from kaftalk_views.held_counts import HeldCount
from kaftalk_views.notes import Notes
from kaftalk_views.projection import fold, restore
from kaftalk_views.room_views import RoomViews

pytestmark = pytest.mark.slow

NewRoom = Callable[[], RoomTwin]
OPENING = Room(by=ANN, kind="private", name="tea", members={ANN: "owner", BOB: "member", CYD: "member"})


def since(room: RoomTwin, records: int, start: int) -> int:
    """Give the time of record `start` of the room's `records`."""
    return room.now_ms - records + start + 1


async def held_of(room: RoomTwin, held: HeldRanges, start_ms: int) -> RoomBatch:
    batch = await held.batch(room.placement.room, start_ms)
    assert batch is not None
    return batch


@pytest.fixture
async def talk(catch_up: CatchUp, new_room: NewRoom) -> RoomTwin:
    """A room with Bob's messages 1–20."""
    room = new_room()
    await catch_up.project_to(room.placement, room.add(OPENING, *(message(BOB, n) for n in range(1, 21))))
    return room


async def test_nothing_is_held_of_a_room_where_nothing_was_said_since(held: HeldRanges, talk: RoomTwin) -> None:
    name, later = talk.placement.room, talk.now_ms + 1
    assert await held.batch(name, later) is None
    assert await held.first(name, later) is None
    assert await held.floor(name, later) == 20


async def test_a_hold_that_began_with_nothing_finds_what_is_said_later(
    catch_up: CatchUp, held: HeldRanges, talk: RoomTwin
) -> None:
    name, later = talk.placement.room, talk.now_ms + 1
    assert await held.floors([name], later) == {name: 20}
    seq = talk.add(message(ANN, 1))
    assert await held.floor(name, later) == 20, "the view has not applied it yet"
    assert await held.batch(name, later) is None
    await catch_up.project_to(talk.placement, seq)
    assert await held.floor(name, later) == 20
    assert (await held_of(talk, held, later)).for_user(BOB, 0) == UserPart(
        20, 1, 0, 21, 21, ANN, "hello", expired=False, muted=False, mine=()
    )


async def test_of_many_items_the_newest_fifty_are_released_and_all_are_counted(
    catch_up: CatchUp, held: HeldRanges, new_room: NewRoom
) -> None:
    room = new_room()
    said: list[Message] = [message(BOB, n, text=f"{n} " + "x" * 100) for n in range(1, 3_001)]
    await catch_up.project_to(room.placement, room.add(OPENING, *said))
    batch = await held_of(room, held, since(room, 3_001, 1))
    assert [item["seq"] for item in batch.items] == list(range(2_951, 3_001))
    part = batch.for_user(ANN, 0)
    assert part is not None
    assert (part.from_, part.count, part.first_seq, part.last_seq) == (2_950, 3_000, 1, 3_000)
    assert part.preview == ("3000 " + "x" * 100)[:80]


async def test_what_is_read_is_not_released(cursors: ReadCursors, held: HeldRanges, talk: RoomTwin) -> None:
    await cursors.advance(talk.placement.room, ANN, 15)
    await cursors.advance(talk.placement.room, CYD, 20)
    batch = await held_of(talk, held, since(talk, 21, 11))
    ann, cyd, bob = (batch.for_user(user, 0) for user in (ANN, CYD, BOB))
    assert ann is not None
    assert (ann.from_, ann.count, ann.first_seq) == (15, 5, 16)
    assert cyd == bob == UserPart(20, 0, 0, None, None, None, None, expired=False, muted=False, mine=())


async def test_a_mute_is_told_until_it_ends(cursors: ReadCursors, held: HeldRanges, talk: RoomTwin) -> None:
    await cursors.mute(talk.placement.room, ANN, 1_000)
    await cursors.mute(talk.placement.room, CYD, "forever")
    batch = await held_of(talk, held, since(talk, 21, 11))
    parts = {(user, now_ms): batch.for_user(user, now_ms) for user in (ANN, BOB, CYD) for now_ms in (999, 1_000)}
    assert {who for who, part in parts.items() if part and part.muted} == {(ANN, 999), (CYD, 999), (CYD, 1_000)}


async def test_who_came_back_is_released_what_a_new_member_may_see(
    catch_up: CatchUp, held: HeldRanges, talk: RoomTwin
) -> None:
    again = Join(user=CYD, by=ANN, how="add")
    seq = talk.add(message(BOB, 21), Kick(user=CYD, by=ANN), message(BOB, 22), again, message(BOB, 23))
    await catch_up.project_to(talk.placement, seq)
    batch = await held_of(talk, held, since(talk, 26, 11))
    cyd = batch.for_user(CYD, 0)
    assert cyd is not None
    assert (cyd.from_, cyd.count, cyd.first_seq) == (24, 1, 25)
    assert batch.for_user(DAN, 0) is None


async def test_what_retention_took_is_said(
    held: HeldRanges, cursors: ReadCursors, log: LogTwin, talk: RoomTwin, views: RoomViews, notes: Notes
) -> None:
    name, start_ms = talk.placement.room, since(talk, 21, 11)
    await cursors.advance(name, CYD, 17)
    assert await held.floor(name, start_ms) == 10
    log.cut(talk.placement.topic, 15)
    for ranges in (held, HeldRanges(views, log, notes)):
        batch = await held_of(talk, ranges, start_ms)
        assert [item["seq"] for item in batch.items] == [15, 16, 17, 18, 19, 20]
        ann, cyd = batch.for_user(ANN, 0), batch.for_user(CYD, 0)
        assert ann is not None
        assert cyd is not None
        assert (batch.expired, ann.expired, ann.count, ann.first_seq) == (True, True, 6, 15)
        assert (cyd.expired, cyd.count) == (False, 3)


async def test_when_retention_took_all_only_that_is_said(
    held: HeldRanges, cursors: ReadCursors, log: LogTwin, talk: RoomTwin
) -> None:
    await cursors.advance(talk.placement.room, CYD, 20)
    log.cut(talk.placement.topic, 21)
    batch = await held_of(talk, held, since(talk, 21, 11))
    ann, cyd = batch.for_user(ANN, 0), batch.for_user(CYD, 0)
    assert ann is not None
    assert cyd is not None
    assert (batch.items, ann.count, ann.expired, cyd.expired) == ([], 0, True, False)


async def test_a_log_that_was_read_to_its_floor_is_cut_but_nothing_held_is_gone(
    held: HeldRanges, log: LogTwin, talk: RoomTwin
) -> None:
    log.cut(talk.placement.topic, 9)
    batch = await held_of(talk, held, since(talk, 21, 11))
    assert (batch.floor, batch.expired, batch.items[0]["prev"]) == (10, False, 10)


async def test_a_new_epoch_holds_from_its_own_beginning(
    catch_up: CatchUp, views: RoomViews, held: HeldRanges, log: LogTwin, talk: RoomTwin
) -> None:
    start_ms = since(talk, 21, 11)
    name = talk.placement.room
    assert (await held_of(talk, held, start_ms)).first == 11
    later = RoomTwin(log, name, epoch=1, base=1_000_000, now_ms=talk.now_ms)
    opening = Room(by=ANN, base=1_000_000, state=(await views.load(name)).to_json())
    await catch_up.project_to(later.placement, later.add(opening, message(BOB, 21), message(BOB, 22)))
    batch = await held_of(later, held, start_ms)
    assert (batch.epoch, batch.first, batch.floor, batch.to) == (1, 1_000_000, 1_000_000, 1_000_002)
    assert [(item["seq"], item["prev"]) for item in batch.items] == [(1_000_001, None), (1_000_002, 1_000_001)]
    ann = batch.for_user(ANN, 0)
    assert ann is not None
    assert (ann.from_, ann.count) == (1_000_000, 2)


async def test_a_deleted_room_releases_nothing(catch_up: CatchUp, held: HeldRanges, talk: RoomTwin) -> None:
    await catch_up.project_to(talk.placement, talk.add(Room(by=ANN, deleted=True)))
    assert await held.batch(talk.placement.room, since(talk, 22, 11)) is None


async def test_media_is_released_with_its_latest_status(catch_up: CatchUp, held: HeldRanges, talk: RoomTwin) -> None:
    early, late = Media(media="a", status="ready"), Media(media="b", status="failed")
    sent = message(BOB, 21, media=[{"id": "a"}, {"id": "b"}, {"id": "c"}])
    start_ms = talk.now_ms + 2
    await catch_up.project_to(talk.placement, talk.add(early, sent, late))
    batch = await held_of(talk, held, start_ms)
    assert batch.items[0]["e"]["media"] == [
        {"id": "a", "status": "ready"},
        {"id": "b", "status": "failed"},
        {"id": "c"},
    ]


async def test_what_nobody_reads_from_the_log_now_is_unavailable(
    held: HeldRanges, log: LogTwin, talk: RoomTwin
) -> None:
    log.truncate(talk.placement.topic, 15)
    with pytest.raises(HistoryUnavailable):
        await held.batch(talk.placement.room, since(talk, 21, 11))


async def test_rooms_without_a_view_are_unknown(held: HeldRanges, new_room: NewRoom) -> None:
    name = new_room().placement.room
    for asked in (held.first, held.floor, held.batch):
        with pytest.raises(ViewUnknown):
            await asked(name, 0)
    with pytest.raises(ViewUnknown):
        await held.counts(name, {ANN: 0})
    assert await held.floors([name], 0) == {}


async def test_the_time_index_is_asked_once_for_many_rooms(
    catch_up: CatchUp, held: HeldRanges, log: LogTwin, new_room: NewRoom, monkeypatch: pytest.MonkeyPatch
) -> None:
    rooms = [new_room() for _ in range(30)]
    for room in rooms:
        await catch_up.project_to(room.placement, room.add(OPENING, message(BOB, 1)))
    asked: list[int] = []
    offsets_at = log.offsets_at

    async def counted(times_ms: dict[str, int]) -> Any:
        asked.append(len(times_ms))
        return await offsets_at(times_ms)

    monkeypatch.setattr(log, "offsets_at", counted)
    names = [room.placement.room for room in rooms]
    await held.prefetch(names, rooms[10].now_ms)
    floors = await held.floors(names, rooms[10].now_ms)
    batches = [await held.batch(name, rooms[10].now_ms) for name in names]
    assert asked == [30]
    assert list(floors.values()) == [1] * 10 + [0] * 20
    assert [batch is not None for batch in batches] == [False] * 10 + [True] * 20


async def test_who_come_at_once_ask_for_a_floor_once(
    held: HeldRanges, talk: RoomTwin, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, start_ms = talk.placement.room, since(talk, 21, 11)
    assert await held.floor(name, start_ms) == 10
    monkeypatch.setattr(redis, "many", None)
    assert await held.floor(name, start_ms) == 10


async def test_counts_wait_for_annotations_that_are_made_again(
    redis: Redis, views: RoomViews, held: HeldRanges, talk: RoomTwin
) -> None:
    name = talk.placement.room
    talk.add(Delete(by=BOB, target=20, author=BOB), message(BOB, 20))
    state = RoomState(name)
    fold(state, talk.placement, await talk.log.read(talk.placement.topic, 0, 23), shard=0)
    await redis.run("FLUSHALL")
    assert await views.project(restore(state, shard=0))
    assert await held.counts(name, {ANN: 10}) == {ANN: HeldCount(9, 0, 11)}


async def test_thousands_of_bounds_cost_a_few_commands(
    held: HeldRanges, talk: RoomTwin, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[int] = []
    many = redis.many

    async def counted(commands: Any) -> Any:
        sent.append(len(commands))
        return await many(commands)

    monkeypatch.setattr(redis, "many", counted)
    strangers = {UserId(f"nobody-{n}"): n for n in range(5_000)}
    found = await held.counts(talk.placement.room, strangers | {ANN: 18, CYD: 3})
    assert found == {ANN: HeldCount(2, 0, 19), CYD: HeldCount(17, 0, 4)}
    assert sent == [5]
    assert await held.counts(RoomId("unknown"), {}) == {}
