"""Folding a batch: what is shown, what is void, who came and went; pure."""

import orjson

from kaftalk_protocol.deliveries import DELETION, EDIT, MEMBERSHIP
from kaftalk_protocol.ids import RoomId
from kaftalk_protocol.records import AnyRecord, Delete, Edit, Join, Kick, Leave, Message, RoleChange, Room, encode
from kaftalk_protocol.redis_keys import user_lost
from kaftalk_protocol.room_state import RoomState
from kaftalk_protocol.topics import Placement
from kaftalk_roomlog.records import LogRecord
from kaftalk_testing.room_logs import ANN, BOB, CYD, ROOM, START_MS, message
from kaftalk_views.projection import Projection, flags_of, fold, restore

OPENING = Room(by=ANN, kind="private", name="tea", members={ANN: "owner", BOB: "member"})


def stored(*records: AnyRecord, start: int = 0) -> list[LogRecord]:
    return [LogRecord(start + at, START_MS + at, encode(record)) for at, record in enumerate(records)]


def folded(*records: AnyRecord) -> Projection:
    return fold(RoomState(ROOM), Placement(ROOM), stored(*records), shard=3)


def test_each_event_names_the_shown_one_before_it() -> None:
    projection = folded(OPENING, message(BOB, 1), message(BOB, 1), message(BOB, 2))
    assert [(one.seq, one.prev) for one in projection.events] == [(0, None), (1, 0), (3, 1)]
    assert [(void.seq, void.user, void.reason) for void in projection.voids] == [(2, BOB, "duplicate")]
    assert (projection.applied_seq, projection.shown_seq) == (3, 3)


def test_an_event_is_the_stored_record_in_a_frame() -> None:
    projection = folded(OPENING, message(BOB, 1, text="차"))
    event = projection.events[1].event(Placement(ROOM))
    frame = orjson.loads(event.frame)
    assert frame == {
        "t": "event", "room": ROOM, "epoch": 0, "seq": 1, "prev": 0, "ts": START_MS + 1,
        "e": orjson.loads(encode(message(BOB, 1, text="차"))),
    }  # fmt: skip


def test_joins_and_removals_are_told_with_their_place() -> None:
    add = Join(user=CYD, by=ANN, how="add")
    projection = folded(OPENING, add, Leave(user=BOB), Kick(user=CYD, by=ANN), Room(by=ANN, deleted=True))
    assert [(moved.user, moved.seq) for moved in projection.joined] == [(ANN, 0), (BOB, 0), (CYD, 1)]
    assert [(moved.user, moved.seq, moved.reason) for moved in projection.removed] == [
        (BOB, 2, "left"), (CYD, 3, "kicked"), (ANN, 4, "deleted")
    ]  # fmt: skip


def test_who_is_put_out_has_it_noted_until_she_is_back() -> None:
    add = Join(user=CYD, by=ANN, how="add")
    projection = folded(OPENING, add, Leave(user=BOB), Kick(user=CYD, by=ANN), add, Room(by=ANN, deleted=True))
    kicked, deleted = (command for command in projection.commands if command[:2] == ("LOST", user_lost(CYD)))
    assert kicked == ("LOST", user_lost(CYD), ROOM, "3", str(START_MS + 3), '["kicked","tea"]')
    assert deleted == ("LOST", user_lost(CYD), ROOM, "5", str(START_MS + 5), '["deleted","tea"]')
    assert ("REGAINED", user_lost(CYD), ROOM, "4") in projection.commands
    assert not [command for command in projection.commands if command[:2] == ("LOST", user_lost(BOB))]


def test_what_was_applied_already_is_skipped() -> None:
    state = RoomState(ROOM)
    records = stored(OPENING, message(BOB, 1), message(BOB, 2))
    fold(state, Placement(ROOM), records[:2], shard=0)
    later = fold(state, Placement(ROOM), records, shard=0)
    assert [one.seq for one in later.events] == [2]
    assert later.expected == "1"
    assert not fold(state, Placement(ROOM), records, shard=0)


def test_what_is_no_record_is_void_and_raises_nothing() -> None:
    values = [b"", b"null", b"[]", b"\xff\xfe", b'{"k":"message"}', b'{"k":"poll","by":7}']
    records = stored(OPENING) + [LogRecord(1 + at, START_MS, value) for at, value in enumerate(values)]
    projection = fold(RoomState(ROOM), Placement(ROOM), records, shard=0)
    assert len(projection.voids) == len(values)
    assert projection.applied_seq == len(values)


def test_a_message_costs_few_commands() -> None:
    state = RoomState(ROOM)
    fold(state, Placement(ROOM), stored(OPENING), shard=0)
    projection = fold(state, Placement(ROOM), stored(message(BOB, 1), start=1), shard=0)
    assert sorted(command[0] for command in projection.commands) == ["CURSOR", "HSET", "HSET", "INDEX"]


def test_flags_tell_what_changes_more_than_the_end_of_a_room() -> None:
    assert flags_of(Kick(user=BOB, by=ANN)) == MEMBERSHIP
    assert flags_of(RoleChange(user=BOB, role="owner", by=ANN)) == MEMBERSHIP
    assert flags_of(Delete(by=ANN, target=1, author=ANN)) == DELETION
    assert flags_of(Edit(by=ANN, target=1, author=ANN, text="x", mentions=[])) == EDIT
    assert flags_of(message(BOB, 1)) == 0


def test_two_projections_of_one_room_join() -> None:
    state = RoomState(ROOM)
    first = fold(state, Placement(ROOM), stored(OPENING, message(BOB, 1)), shard=0)
    second = fold(state, Placement(ROOM), stored(message(BOB, 1), Kick(user=BOB, by=ANN), start=2), shard=0)
    both = first.then(second)
    assert (both.expected, both.applied_seq, both.shown_seq) == ("", 3, 3)
    assert [one.seq for one in both.events] == [0, 1, 3]
    assert both.commands == first.commands + second.commands
    assert (len(both.voids), len(both.joined), len(both.removed)) == (1, 2, 1)


def test_a_restored_view_knows_no_annotations_of_what_was_before() -> None:
    state = RoomState(ROOM)
    fold(state, Placement(ROOM), stored(OPENING, message(BOB, 1)), shard=0)
    projection = restore(state, shard=0)
    room_hash = next(command for command in projection.commands if command[:2] == ("HSET", f"room:{ROOM}"))
    assert dict(zip(room_hash[2::2], room_hash[3::2], strict=True))["notes_from"] == "2"
    assert projection.expected == ""


def test_a_seq_is_the_offset_and_the_base() -> None:
    later = Placement(RoomId(ROOM), epoch=1, base=1_000_000)
    before = RoomState(ROOM)
    fold(before, Placement(ROOM), stored(OPENING, message(BOB, 1)), shard=0)
    opening = Room(by=ANN, base=1_000_000, state=before.to_json())
    sent: list[AnyRecord] = [opening, message(BOB, 1), message(BOB, 2)]
    projection = fold(RoomState(ROOM, 1, 1_000_000), later, stored(*sent), shard=0, expected=1)
    assert [(one.seq, one.prev) for one in projection.events] == [(1_000_002, None)]
    assert [void.reason for void in projection.voids] == ["epoch", "duplicate"]
    assert projection.expected == "1"


def test_a_message_with_all_its_fields_is_shown_as_stored() -> None:
    said = Message(id=message(BOB, 1).id, by=BOB, text="x", mentions=[ANN], mention_all=True, ext={"a": [1, None]})
    assert folded(OPENING, said).events[1].value == encode(said)
