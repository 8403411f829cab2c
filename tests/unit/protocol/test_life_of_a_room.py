"""Void rules of `room` events: creation, settings, archive, delete, and the beginning of an epoch."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaftalk_protocol.ids import RoomId
from kaftalk_protocol.records import AnyRecord, Join, Media, Room, encode, parse
from kaftalk_protocol.room_state import MEMBERS_MAX, Reason, RoomState
from kaftalk_testing.room_logs import ANN, BOB, CYD, LOGS, ROOM, START_MS, RoomScript, message

BASE = 1_000_000


def first(record: AnyRecord, seq: int = 0) -> Reason | None:
    return RoomState(ROOM).apply(seq, START_MS, record).reason


def opening(**fields: Any) -> Room:
    return Room.model_validate({"by": ANN, "kind": "public", "name": "tea", **fields})


def fold(log: list[AnyRecord]) -> RoomState:
    state = RoomState(ROOM)
    for seq, record in enumerate(log):
        state.apply(seq, START_MS + seq, record)
    return state


def test_a_creating_record_carries_the_whole_room() -> None:
    state = fold(
        [opening(topic="green", history="since_join", members_invite=False, members={ANN: "owner", BOB: "member"})]
    )
    assert (state.kind, state.name, state.topic, state.history) == ("public", "tea", "green", "since_join")
    assert (state.members_invite, state.created_by, state.created_ms) == (False, ANN, START_MS)
    assert {user: (m.role, m.joined_seq) for user, m in state.members.items()} == {
        ANN: ("owner", 0),
        BOB: ("member", 0),
    }


def test_a_creator_is_the_owner_if_no_members_are_named() -> None:
    assert fold([opening()]).members[ANN].role == "owner"


@pytest.mark.parametrize("record", [message(ANN), Join(user=ANN, by=ANN), Media(media="m", status="ready")])
def test_a_first_record_that_does_not_create_is_void(record: AnyRecord) -> None:
    assert first(record) == Reason.NOT_FOUND


def test_a_creating_record_that_is_not_the_first_is_void() -> None:
    assert first(opening(), seq=1) == Reason.NOT_FOUND
    assert RoomScript().add(opening(by=BOB)) == Reason.CONFLICT
    assert fold([message(ANN), opening()]).kind is None


@pytest.mark.parametrize("fields", [
    {"kind": None}, {"members": {}}, {"members": {BOB: "owner"}}, {"members": {ANN: "member"}}, {"deleted": True},
    {"kind": "direct", "members": {ANN: "member", BOB: "member", CYD: "member"}}, {"state": {}},
    {"members": {ANN: "owner"} | {str(i): "member" for i in range(MEMBERS_MAX)}},
])  # fmt: skip
def test_a_wrong_creation_is_invalid(fields: dict[str, Any]) -> None:
    assert first(opening(**fields)) == Reason.INVALID


@pytest.mark.parametrize("fields", [{"name": "x"}, {"topic": "x"}])
def test_a_room_is_renamed_by_who_moderates(fields: dict[str, Any]) -> None:
    room = RoomScript().enter(BOB, role="moderator").enter(CYD)
    assert room.add(Room.model_validate({"by": CYD, **fields})) == Reason.FORBIDDEN
    assert room.add(Room.model_validate({"by": BOB, **fields})) is None


@pytest.mark.parametrize("fields", [
    {"history": "since_join"}, {"members_invite": False}, {"archived": True}, {"deleted": True},
    {"name": "x", "archived": True},
])  # fmt: skip
def test_settings_archive_and_delete_are_for_owners(fields: dict[str, Any]) -> None:
    room = RoomScript().enter(BOB, role="moderator")
    assert room.add(Room.model_validate({"by": BOB, **fields})) == Reason.FORBIDDEN
    assert room.add(Room.model_validate({"by": ANN, **fields})) is None


@pytest.mark.parametrize(("fields", "void"), [
    ({"name": ""}, Reason.INVALID), ({"deleted": False}, Reason.INVALID), ({"base": 5}, Reason.CONFLICT),
    ({"members": {}}, Reason.CONFLICT), ({"state": {}}, Reason.CONFLICT),
])  # fmt: skip
def test_wrong_changes_of_a_room_are_void(fields: dict[str, Any], void: Reason) -> None:
    assert RoomScript().add(Room.model_validate({"by": ANN, **fields})) == void


def test_a_change_touches_only_what_it_names_and_an_empty_topic_is_none() -> None:
    room = RoomScript(topic="green", members_invite=False)
    room.add(Room(by=ANN, topic=""))
    assert (room.state.name, room.state.topic, room.state.members_invite) == ("tea", None, False)


def test_a_deleted_room_has_no_members_and_takes_nothing_more() -> None:
    room = RoomScript().enter(BOB)
    room.add(message(BOB))
    assert room.add(Room(by=ANN, deleted=True)) is None
    assert (room.state.deleted, room.state.members, room.state.streams) == (True, {}, {})
    for record in (message(BOB), message(ANN, 2), Join(user=ANN, by=ANN), Media(media="m", status="ready"), opening()):
        assert room.add(record) == Reason.NOT_FOUND


@given(LOGS, st.randoms(use_true_random=False))
def test_an_epoch_begins_with_the_whole_state_and_goes_on_from_it(log: list[AnyRecord], random: Any) -> None:
    cut = random.randint(1, len(log))
    before = fold(log[:cut])
    begin = parse(encode(Room(by=ANN, base=BASE, state=before.to_json())))
    after = RoomState(ROOM, 1, BASE)
    assert after.apply(BASE, START_MS, begin).reason == Reason.EPOCH
    assert (after.shown_seq, after.applied_seq, after.epoch) == (None, BASE, 1)
    assert (after.members, after.streams, after.bans, after.kind) == (
        before.members, before.streams, before.bans, before.kind,
    )  # fmt: skip


def test_what_the_old_epoch_took_is_a_duplicate_in_the_new_one() -> None:
    room = RoomScript()
    room.add(message(ANN))
    state = RoomState(ROOM, 1, BASE)
    state.apply(BASE, 0, Room(by=ANN, base=BASE, state=room.state.to_json()))
    assert state.apply(BASE + 1, room.now_ms, message(ANN)).reason == Reason.DUPLICATE
    assert state.apply(BASE + 2, room.now_ms, message(ANN, 2)).taken


@pytest.mark.parametrize("change", [
    {"room": "b7d9a8f0-0a51-4c39-8a32-222222222222"}, {"epoch": 1}, {"members": {ANN: ["king", 0]}}, {"streams": [[1]]},
    {"streams": [[ANN, "s", "1:2"]]}, {"bans": 5}, {"kind": []}, {"invites": {"a": {}}},
])  # fmt: skip
def test_an_epoch_with_a_broken_state_is_invalid_and_stays_empty(change: dict[str, Any]) -> None:
    stored = RoomScript().state.to_json() | change
    state = RoomState(ROOM, 1, BASE)
    assert state.apply(BASE, 0, Room(by=ANN, base=BASE, state=stored)).reason == Reason.INVALID
    assert state.kind is None
    assert state.apply(BASE + 1, 0, message(ANN)).reason == Reason.NOT_FOUND


@pytest.mark.parametrize("record", [Room(by=ANN, base=BASE), Room(by=ANN, base=1, state={}), Room(by=ANN)])
def test_an_epoch_above_zero_begins_with_a_state_or_a_creation(record: Room) -> None:
    assert RoomState(ROOM, 1, BASE).apply(BASE, 0, record).reason == Reason.INVALID
    assert RoomState(ROOM, 1, BASE).apply(BASE, 0, opening()).taken


@given(LOGS)
def test_any_log_folds_without_raising_and_keeps_an_owner(log: list[AnyRecord]) -> None:
    state = RoomState(ROOM)
    for seq, record in enumerate(log):
        state.apply(seq, START_MS + seq, record)
        assert state.kind == "direct" or state.deleted or "owner" in {m.role for m in state.members.values()}
        assert state.applied_seq == seq


@given(LOGS, st.integers(0, 40))
def test_a_stored_or_copied_state_goes_on_like_the_one_in_memory(log: list[AnyRecord], cut: int) -> None:
    whole, start = fold(log), fold(log[:cut])
    stored, copied = RoomState.from_json(start.to_json()), start.copy()
    for seq, record in list(enumerate(log))[cut:]:
        assert stored.apply(seq, START_MS + seq, record) == copied.apply(seq, START_MS + seq, record)
    assert stored == copied == whole
    assert start == fold(log[:cut])


@given(LOGS)
def test_what_is_stored_on_kafka_folds_like_what_was_written(log: list[AnyRecord]) -> None:
    assert fold([parse(encode(record)) for record in log]) == fold(log)


@pytest.mark.parametrize("stored", [{}, {"room": ROOM}, {"room": RoomId("x"), "epoch": "z"}])
def test_a_broken_stored_state_is_refused(stored: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="validation error"):
        RoomState.from_json(stored)
