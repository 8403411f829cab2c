"""Frames to a client: the names of the wire, optional fields left out, events joined and not written anew."""

import json

from hypothesis import given
from hypothesis import strategies as st

from kaftalk_protocol.records import AnyRecord, encode
from kaftalk_protocol.server_frames import FRAME, Ack, Error, Presence, Quiet, Reset, Resumed, event_frame
from kaftalk_testing.room_logs import ANN, RECORDS, ROOM


@given(RECORDS, st.integers(0, 9), st.integers(0, 2**53), st.none() | st.integers(0, 2**53))
def test_an_event_frame_is_joined_around_the_stored_bytes(
    record: AnyRecord, epoch: int, seq: int, prev: int | None
) -> None:
    stored = encode(record)
    frame = event_frame(ROOM, epoch, seq, prev, 5, stored)
    assert stored in frame
    assert json.loads(frame) == {
        "t": "event", "room": ROOM, "epoch": epoch, "seq": seq, "prev": prev, "ts": 5, "e": json.loads(stored),
    }  # fmt: skip
    assert FRAME.validate_json(frame).seq == seq


def test_optional_fields_that_say_nothing_stay_out_and_required_nulls_stay_in() -> None:
    assert json.loads(Ack(id="1", room=ROOM, epoch=None, seq=None, dup=True).encode()) == {
        "t": "ack", "id": "1", "room": ROOM, "epoch": None, "seq": None, "dup": True,
    }  # fmt: skip
    assert json.loads(Ack(id="1", room=ROOM, epoch=0, seq=5).encode()) == {
        "t": "ack", "id": "1", "room": ROOM, "epoch": 0, "seq": 5,
    }  # fmt: skip
    assert json.loads(Error(code="invalid", detail="x").encode()) == {"t": "error", "code": "invalid", "detail": "x"}
    assert json.loads(Quiet(active=False, until=None, next_start=None).encode())["until"] is None
    assert "until" not in json.loads(Presence(user=ANN, state="online").encode())
    assert json.loads(Reset(room=ROOM, epoch=None, seq=None, reason="not_member").encode())["seq"] is None


def test_names_of_the_wire_are_used() -> None:
    frame = Resumed(room=ROOM, epoch=0, from_=1, to=2, count=1)
    assert json.loads(frame.encode()) == {"t": "resumed", "room": ROOM, "epoch": 0, "from": 1, "to": 2, "count": 1}
