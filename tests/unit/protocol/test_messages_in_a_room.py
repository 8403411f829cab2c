"""Void rules of messages, edits, deletes and reactions."""

import pytest

from kaftalk_protocol.records import Delete, Edit, Kick, Leave, Media, Message, Reaction, RoleChange, Room, Unknown
from kaftalk_protocol.room_state import STREAM_KEPT_MS, STREAMS_MAX, USER_STREAMS_MAX, Reason, RoomState
from kaftalk_testing.room_logs import ANN, BOB, CYD, ROOM, STREAMS, RoomScript, message

DAY_MS = 24 * 3600 * 1000


def streams(count: int) -> list[str]:
    return [f"00000000-0000-4000-8000-{i:012x}" for i in range(count)]


def test_a_message_of_a_member_is_taken_and_shown() -> None:
    room = RoomScript()
    assert room.add(message(ANN)) is None
    assert room.state.shown_seq == room.state.applied_seq == 1


def test_a_void_record_moves_the_applied_seq_but_not_the_shown_one() -> None:
    room = RoomScript()
    assert room.add(message(BOB)) == Reason.NOT_MEMBER
    assert (room.state.applied_seq, room.state.shown_seq) == (1, 0)


def test_a_repeat_is_a_duplicate() -> None:
    room = RoomScript()
    room.add(message(ANN, 1))
    assert room.add(message(ANN, 1, "other text")) == Reason.DUPLICATE


def test_the_same_number_of_another_stream_or_user_is_another_message() -> None:
    room = RoomScript().enter(BOB)
    assert [room.add(m) for m in (message(ANN), message(ANN, stream=STREAMS[1]), message(BOB))] == [None] * 3


def test_what_lies_below_the_window_is_a_duplicate() -> None:
    room = RoomScript()
    assert room.add(message(ANN, 100)) is None
    assert room.add(message(ANN, 36)) == Reason.DUPLICATE
    assert room.add(message(ANN, 37)) is None


def test_a_void_message_does_not_use_up_its_number() -> None:
    room = RoomScript()
    room.add(Room(by=ANN, archived=True))
    assert room.add(message(ANN)) == Reason.ARCHIVED
    room.add(Room(by=ANN, archived=False))
    assert room.add(message(ANN)) is None


def test_a_repeat_of_one_who_was_kicked_meanwhile_is_still_a_duplicate() -> None:
    room = RoomScript().enter(BOB)
    room.add(message(BOB))
    room.add(Kick(user=BOB, by=ANN))
    assert room.add(message(BOB)) == Reason.DUPLICATE
    assert room.add(message(BOB, 2)) == Reason.NOT_MEMBER


def test_a_repeat_into_a_room_archived_meanwhile_is_still_a_duplicate() -> None:
    room = RoomScript()
    room.add(message(ANN))
    room.add(Room(by=ANN, archived=True))
    assert room.add(message(ANN)) == Reason.DUPLICATE


@pytest.mark.parametrize(
    "identity",
    ["", "x", f"{STREAMS[0]}", f"{STREAMS[0]}:", f"{STREAMS[0]}:0", f"{STREAMS[0]}:01", f"{STREAMS[0]}:-1", ":1",
     f"{STREAMS[0]}:1e3", f"{STREAMS[0]}:١", f"{STREAMS[0].upper()}x:1", f"{STREAMS[0]}:" + "9" * 5000,
     f"{STREAMS[0]}:1\n"],
)  # fmt: skip
def test_a_message_without_a_right_identity_is_invalid(identity: str) -> None:
    assert RoomScript().add(Message(id=identity, by=ANN, text="x")) == Reason.INVALID


def test_a_stream_is_forgotten_after_30_days_of_log_time() -> None:
    room = RoomScript()
    room.add(message(ANN))
    assert room.add(message(ANN), later_ms=STREAM_KEPT_MS) == Reason.DUPLICATE
    assert room.add(message(ANN), later_ms=1) is None


def test_a_repeat_does_not_keep_a_stream_alive() -> None:
    room = RoomScript()
    room.add(message(ANN))
    assert room.add(message(ANN), later_ms=20 * DAY_MS) == Reason.DUPLICATE
    assert room.add(message(ANN), later_ms=11 * DAY_MS) is None


def test_forgotten_streams_leave_the_state_and_are_named() -> None:
    room = RoomScript()
    room.add(message(ANN))
    room.add(message(ANN, stream=STREAMS[1]), later_ms=STREAM_KEPT_MS + DAY_MS)
    assert set(room.state.streams) == {(ANN, STREAMS[1])}
    assert room.state.take_forgotten().streams == [(ANN, STREAMS[0])]
    assert room.state.take_forgotten().streams == []


def test_a_broker_clock_that_falls_back_forgets_nothing_and_revives_nothing() -> None:
    room = RoomScript()
    room.add(message(ANN))
    room.add(message(ANN, 2), later_ms=STREAM_KEPT_MS)
    assert room.add(message(ANN, 2), later_ms=-2 * STREAM_KEPT_MS) == Reason.DUPLICATE


def test_a_user_has_a_bounded_number_of_streams_and_the_least_recent_go_first() -> None:
    room = RoomScript().enter(BOB)
    room.add(message(BOB))
    names = streams(USER_STREAMS_MAX + 1)
    for name in names:
        assert room.add(message(ANN, stream=name)) is None  # type: ignore[arg-type]
    assert len(room.state.streams) <= USER_STREAMS_MAX + 1
    assert (ANN, names[0]) not in room.state.streams
    assert room.add(message(ANN, stream=names[-1])) == Reason.DUPLICATE  # type: ignore[arg-type]
    assert room.add(message(BOB)) == Reason.DUPLICATE


def test_a_room_has_a_bounded_number_of_streams() -> None:
    room = RoomScript()
    people = [f"10000000-0000-4000-8000-{i:012x}" for i in range(60)]
    state = room.state.to_json()
    state["members"].update({user: ["member", 0] for user in people})
    state["streams"] = [[user, name, "1:1:5"] for user in people for name in streams(834)][:STREAMS_MAX]
    full = RoomState.from_json(state)
    assert full.apply(1, room.now_ms, message(ANN)).taken
    assert len(full.streams) < STREAMS_MAX


@pytest.mark.parametrize("record", [
    message(BOB), Edit(by=BOB, target=0, author=BOB, text="x"), Delete(by=BOB, target=0, author=BOB),
    Reaction(by=BOB, target=0, emoji="👍", on=True), Leave(user=BOB), Kick(user=ANN, by=BOB),
    RoleChange(user=ANN, role="member", by=BOB), Room(by=BOB, name="x"),
])  # fmt: skip
def test_anything_by_a_stranger_is_void(record: Message) -> None:
    assert RoomScript().add(record) == Reason.NOT_MEMBER


def test_media_passes_always_even_in_an_archived_room() -> None:
    room = RoomScript()
    room.add(Room(by=ANN, archived=True))
    assert room.add(Media(media="m", status="ready")) is None


def test_kinds_of_later_versions_are_void() -> None:
    assert RoomScript().add(Unknown(k="poll")) == Reason.INVALID


def test_an_edit_is_for_the_author_alone_not_even_for_the_owner() -> None:
    room = RoomScript().enter(BOB)
    room.add(message(BOB))
    assert room.add(Edit(by=ANN, target=2, author=BOB, text="x")) == Reason.FORBIDDEN
    assert room.add(Edit(by=BOB, target=2, author=BOB, text="x")) is None


def test_a_delete_is_for_the_author_and_for_who_moderates() -> None:
    room = RoomScript().enter(BOB).enter(CYD, role="moderator")
    assert room.add(Delete(by=BOB, target=0, author=ANN)) == Reason.FORBIDDEN
    assert room.add(Delete(by=BOB, target=0, author=BOB)) is None
    assert room.add(Delete(by=CYD, target=0, author=ANN)) is None
    assert room.add(Delete(by=ANN, target=0, author=BOB)) is None


def test_nobody_deletes_the_others_messages_in_a_direct_room() -> None:
    room = RoomScript("direct")
    assert room.add(Delete(by=ANN, target=0, author=BOB)) == Reason.FORBIDDEN


@pytest.mark.parametrize("target", [-1, 1, 99])
def test_annotations_point_backwards(target: int) -> None:
    for record in (
        Edit(by=ANN, target=target, author=ANN, text="x"),
        Delete(by=ANN, target=target, author=ANN),
        Reaction(by=ANN, target=target, emoji="👍", on=True),
    ):
        assert RoomScript().add(record) == Reason.INVALID


@pytest.mark.parametrize("emoji", ["", "👍" * 17])
def test_a_reaction_without_a_bounded_emoji_is_invalid(emoji: str) -> None:
    assert RoomScript().add(Reaction(by=ANN, target=0, emoji=emoji, on=True)) == Reason.INVALID


def test_an_archived_room_takes_no_messages_but_corrections() -> None:
    room = RoomScript()
    room.add(message(ANN))
    room.add(Room(by=ANN, archived=True))
    assert room.add(message(ANN, 2)) == Reason.ARCHIVED
    assert room.add(Delete(by=ANN, target=1, author=ANN)) is None


def test_a_seq_is_applied_once() -> None:
    state = RoomState(ROOM)
    state.apply(0, 0, Room(by=ANN, kind="public", name="x"))
    with pytest.raises(ValueError, match="already applied"):
        state.apply(0, 0, message(ANN))
