"""What a client or a gateway missed: raw, in order, with nothing of what is deleted by now."""

from collections.abc import Callable

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kaftalk_protocol.deliveries import DELETION, MEMBERSHIP
from kaftalk_protocol.ids import UserId
from kaftalk_protocol.records import AnyRecord, Delete, Edit, Join, Kick, Message, Room
from kaftalk_protocol.room_state import RoomState
from kaftalk_testing.busy_logs import busy_logs
from kaftalk_testing.log_twin import LogTwin, RoomTwin
from kaftalk_testing.room_logs import ANN, BOB, CYD, message
from kaftalk_views.catch_up import CatchUp
from kaftalk_views.errors import HistoryUnavailable, Reset
from kaftalk_views.history import RoomHistory
from kaftalk_views.projection import fold
from kaftalk_views.room_views import RoomViews

NewRoom = Callable[[], RoomTwin]
OPENING = Room(by=ANN, kind="public", name="tea", members={ANN: "owner", BOB: "member"})


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(records=busy_logs(), position=st.integers(-1, 65))
async def test_a_gap_is_repaired_with_exactly_what_live_showed(
    catch_up: CatchUp, history: RoomHistory, new_room: NewRoom, records: list[AnyRecord], position: int
) -> None:
    room = new_room()
    await catch_up.project_to(room.placement, room.add(*records))
    stored = await room.log.read(room.placement.topic, 0, len(records))
    live = fold(RoomState(room.placement.room), room.placement, stored, shard=0).events
    deleted = {one.record.target for one in live if isinstance(one.record, Delete)}

    missed = await history.missed(room.placement.room, None, (0, position))

    after = [one for one in live if one.seq > position]
    assert [(event.seq, event.prev, event.flags) for event in missed.events] == [
        (one.seq, one.prev, one.event(room.placement).flags) for one in after
    ]
    for event, one in zip(missed.events, after, strict=True):
        match one.record:
            case Message() if one.seq in deleted:
                assert orjson.loads(event.frame)["e"]["text"] == ""
            case Edit() if one.record.target in deleted:
                assert orjson.loads(event.frame)["e"]["text"] == ""
            case _:
                assert event == one.event(room.placement)


@pytest.fixture
async def talk(catch_up: CatchUp, new_room: NewRoom) -> RoomTwin:
    room = new_room()
    await catch_up.project_to(room.placement, room.add(OPENING, *(message(BOB, n) for n in range(1, 21))))
    return room


async def test_a_resume_from_the_head_has_nothing(history: RoomHistory, talk: RoomTwin) -> None:
    missed = await history.missed(talk.placement.room, ANN, (0, 20))
    assert (missed.start, missed.to, missed.events) == (20, 20, [])


async def test_events_say_what_a_gateway_must_look_at(history: RoomHistory, catch_up: CatchUp, talk: RoomTwin) -> None:
    seq = talk.add(Join(user=CYD, by=CYD), Delete(by=BOB, target=20, author=BOB), message(BOB, 21))
    await catch_up.project_to(talk.placement, seq)
    missed = await history.missed(talk.placement.room, ANN, (0, 20))
    assert [event.flags for event in missed.events] == [MEMBERSHIP, DELETION, 0]


async def test_a_resume_goes_no_further_than_the_head_that_is_asked_for(history: RoomHistory, talk: RoomTwin) -> None:
    missed = await history.missed(talk.placement.room, ANN, (0, 10), 15)
    assert [event.seq for event in missed.events] == [11, 12, 13, 14, 15]
    assert missed.to == 15


@pytest.mark.slow
async def test_a_head_above_the_view_is_unavailable(history: RoomHistory, talk: RoomTwin) -> None:
    with pytest.raises(HistoryUnavailable):
        await history.missed(talk.placement.room, ANN, (0, 10), 21)


async def test_positions_that_cannot_be_resumed_are_reset(
    history: RoomHistory, catch_up: CatchUp, log: LogTwin, talk: RoomTwin
) -> None:
    room = talk.placement.room
    with pytest.raises(Reset, match="epoch") as reset:
        await history.missed(room, ANN, (1, 10))
    assert (reset.value.epoch, reset.value.seq) == (0, 20)

    with pytest.raises(Reset, match="not_member") as reset:
        await history.missed(room, CYD, (0, 10))
    assert (reset.value.epoch, reset.value.seq) == (None, None)

    log.cut(talk.placement.topic, 12)
    assert len((await history.missed(room, ANN, (0, 11))).events) == 9
    with pytest.raises(Reset, match="retention"):
        await history.missed(room, ANN, (0, 10))


@pytest.mark.slow
async def test_over_five_thousand_events_are_too_far(
    history: RoomHistory, catch_up: CatchUp, new_room: NewRoom
) -> None:
    room = new_room()
    await catch_up.project_to(room.placement, room.add(OPENING, *(message(BOB, n) for n in range(1, 5_002))))
    assert len((await history.missed(room.placement.room, ANN, (0, 1))).events) == 5_000
    with pytest.raises(Reset, match="too_far"):
        await history.missed(room.placement.room, ANN, (0, 0))


async def test_who_came_back_does_not_see_what_was_said_without_her(
    history: RoomHistory, catch_up: CatchUp, new_room: NewRoom
) -> None:
    room = new_room()
    opening = OPENING.model_copy(update={"history": "since_join"})
    parted: list[AnyRecord] = [
        opening,
        message(BOB, 1),
        Kick(user=BOB, by=ANN),
        message(ANN, 1),
        Join(user=BOB, by=ANN, how="add"),
    ]
    await catch_up.project_to(room.placement, room.add(*parted))
    with pytest.raises(Reset, match="retention"):
        await history.missed(room.placement.room, BOB, (0, 1))
    assert [event.seq for event in (await history.missed(room.placement.room, BOB, (0, 3))).events] == [4]


async def test_an_edit_of_what_was_said_before_one_joined_has_no_words(
    history: RoomHistory, catch_up: CatchUp, new_room: NewRoom
) -> None:
    room = new_room()
    edit = Edit(by=ANN, author=ANN, target=1, text="unseen words", mentions=[BOB])
    opening = OPENING.model_copy(update={"history": "since_join"})
    records: list[AnyRecord] = [opening, message(ANN, 1), Join(user=CYD, by=ANN, how="add"), message(ANN, 2), edit]
    await catch_up.project_to(room.placement, room.add(*records, edit.model_copy(update={"target": 3})))

    async def edits(viewer: UserId) -> list[tuple[int, str, list[str]]]:
        missed = (await history.missed(room.placement.room, viewer, (0, 3))).events
        shown = [orjson.loads(event.frame)["e"] for event in missed]
        return [(e["target"], e["text"], e["mentions"]) for e in shown]

    assert await edits(CYD) == [(1, "", []), (3, "unseen words", [BOB])]
    assert await edits(BOB) == [(1, "unseen words", [BOB]), (3, "unseen words", [BOB])]


async def test_a_new_epoch_begins_without_what_was_before(
    views: RoomViews, catch_up: CatchUp, history: RoomHistory, log: LogTwin, talk: RoomTwin
) -> None:
    state = await views.load(talk.placement.room)
    later = RoomTwin(log, talk.placement.room, epoch=1, base=1_000_000, now_ms=talk.now_ms)
    opening = Room(by=ANN, base=1_000_000, state=state.to_json())
    seq = later.add(opening, message(BOB, 21), Delete(by=BOB, target=1_000_001, author=BOB), message(BOB, 5))
    await catch_up.project_to(later.placement, seq)

    head = await views.head(talk.placement.room)
    assert (head.epoch, head.base, head.applied_seq, head.seq) == (1, 1_000_000, 1_000_003, 1_000_002)
    assert await views.voids(talk.placement.room, [1_000_000, 1_000_003]) == {
        1_000_000: "epoch", 1_000_003: "duplicate"
    }  # fmt: skip
    with pytest.raises(Reset, match="epoch"):
        await history.missed(talk.placement.room, ANN, (0, 20))
    events = (await history.missed(talk.placement.room, ANN, (1, 1_000_000))).events
    assert [(event.seq, event.prev) for event in events] == [(1_000_001, None), (1_000_002, 1_000_001)]
    page = await history.page(talk.placement.room, ANN)
    assert [item["e"]["k"] for item in page["items"]] == ["deleted"]
    assert (page["epoch"], page["from"], page["to"], page["has_before"]) == (1, 999_999, 1_000_002, False)
