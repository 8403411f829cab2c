"""Snapshots, annotations and placements as values; pure."""

import zlib

import orjson
import pytest
from hypothesis import given

from kaftalk_protocol.ids import RoomId
from kaftalk_protocol.records import AnyRecord, Edit, Kick, Room, Unknown, encode
from kaftalk_protocol.room_state import RoomState
from kaftalk_protocol.topics import Placement
from kaftalk_testing.room_logs import ANN, BOB, CYD, LOGS, ROOM, START_MS, message
from kaftalk_views import placements, snapshots
from kaftalk_views.annotations import Overlay, blank
from kaftalk_views.retained import retained_from


@given(records=LOGS)
def test_a_snapshot_gives_back_the_state(records: list[AnyRecord]) -> None:
    state = RoomState(ROOM)
    for seq, record in enumerate(records):
        state.apply(seq, START_MS + seq, record)
    assert snapshots.decode(snapshots.encode(state)) == state


@pytest.mark.parametrize(
    "value", [b"", b"\x01", b"\x02abc", b"\x01" + zlib.compress(b"[]"), b"\x01" + zlib.compress(b"{")]
)
def test_what_is_no_snapshot_is_refused(value: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - any: zlib, JSON and state say it in their own words
        snapshots.decode(value)


def test_a_cut_snapshot_is_refused() -> None:
    with pytest.raises(ValueError, match="cut"):
        snapshots.decode(snapshots.encode(RoomState(ROOM))[:-5])


def test_reactions_are_counted_in_the_order_of_their_first_use() -> None:
    overlay = Overlay.read(None, {f"🫖 {BOB}": "9", f"👍 {ANN}": "4", f"🫖 {CYD}": "3", f"👍 {CYD}": "-8"})
    shown = overlay.lay_over(orjson.loads(encode(message(ANN, 1))), ANN, {})
    assert shown["reactions"] == [{"emoji": "🫖", "count": 2, "me": False}, {"emoji": "👍", "count": 1, "me": True}]
    assert shown["edited"] is None
    assert overlay.taken_back == {("👍", CYD): 8}


def test_a_deleted_message_keeps_its_identity_only() -> None:
    overlay = Overlay.read('{"at":9,"deleted":{"seq":9,"ts":1,"by":"x"}}', {})
    sent = message(ANN, 1, text="secret")
    assert overlay.lay_over(orjson.loads(encode(sent)), BOB, {}) == {
        "v": 1, "k": "deleted", "id": sent.id, "by": ANN, "deleted_by": "x"
    }  # fmt: skip


def test_blanking_takes_what_was_said_and_leaves_the_rest() -> None:
    sent = message(ANN, 1, text="secret", media=[{"id": "m"}], ext={"secret": 1}, reply_to=3)
    left = orjson.loads(blank(encode(sent)))
    assert (left["text"], left["media"], left["ext"]) == ("", [], None)
    assert (left["id"], left["by"], left["reply_to"]) == (sent.id, ANN, 3)
    edit = Edit(by=ANN, target=3, author=ANN, text="secret")
    assert orjson.loads(blank(encode(edit))) == orjson.loads(encode(edit)) | {"text": ""}


@pytest.mark.parametrize("status", ["live", "deleted"])
def test_a_placement_is_read_as_it_was_written(status: str) -> None:
    placement = Placement(RoomId(ROOM), 2, 3_000_000, status, 5 if status == "deleted" else None)  # type: ignore[arg-type]
    assert placements.decode(ROOM.encode(), placements.encode(placement)) == placement


@pytest.mark.parametrize("value", [None, b"", b"[]", b"{}", b"\xff"])
def test_what_is_no_placement_is_none(value: bytes | None) -> None:
    assert placements.decode(ROOM.encode(), value) is None


def test_without_the_beginning_of_a_log_only_repeats_are_certain() -> None:
    room = Room(by=ANN, kind="public", name="tea", members={ANN: "owner"})
    state = RoomState(ROOM)
    before: list[AnyRecord] = [room, message(ANN, 1), message(ANN, 2)]
    for seq, record in enumerate(before):
        state.apply(seq, START_MS, record)
    retained = retained_from(state, 10)
    said: list[AnyRecord] = [message(BOB, 1), message(BOB, 1), Kick(user=BOB, by=CYD), message(ANN, 2), Unknown(k="x")]
    reasons = [retained.apply(10 + at, START_MS, record).reason for at, record in enumerate(said)]
    assert reasons == [None, "duplicate", None, None, "invalid"]
    assert (retained.applied_seq, retained.shown_seq) == (14, 13)
