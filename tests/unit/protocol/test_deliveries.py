"""The link between delivery and gateway."""

import struct
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaftalk_protocol.deliveries import (
    TO_DELIVERY,
    TO_GATEWAY,
    Heads,
    RoomEvent,
    RoomHead,
    Shards,
    Signal,
    Signals,
    Subscribe,
    Subscribed,
    Voided,
    decode_batch,
    encode_batch,
)
from kaftalk_protocol.ids import RoomId
from kaftalk_testing.room_logs import ANN, ROOM

_seqs = st.integers(0, 2**53 - 1)
_events = st.builds(
    RoomEvent,
    room=st.uuids().map(lambda room: RoomId(str(room))),
    epoch=st.integers(0, 2**32 - 1),
    seq=_seqs,
    prev=st.none() | _seqs,
    flags=st.integers(0, 3),
    frame=st.binary(max_size=50),
)


@given(st.integers(0, 2**63), st.lists(_events, max_size=5))
def test_a_batch_is_read_as_it_was_written(number: int, events: list[RoomEvent]) -> None:
    assert decode_batch(encode_batch(number, events)) == (number, events)


@given(st.lists(_events, min_size=1, max_size=3), st.data())
def test_a_batch_cut_short_is_refused(events: list[RoomEvent], data: st.DataObject) -> None:
    whole = encode_batch(1, events)
    with pytest.raises((struct.error, ValueError)):
        decode_batch(whole[: data.draw(st.integers(0, len(whole) - 1))])


@given(st.binary(max_size=200))
def test_any_bytes_are_a_batch_or_refused(data: bytes) -> None:
    try:
        decode_batch(data)
    except (struct.error, ValueError):
        return


@pytest.mark.parametrize("control", [
    Shards(instance="d1", owned=[1, 2], of=128), Heads(rooms={ROOM: 5}),
    Voided(room=ROOM, user=ANN, seq=3, reason="forbidden"),
    Subscribed(rooms={ROOM: RoomHead(epoch=0, base=0, applied_seq=5, shown_seq=None)},
               unknown=[RoomId(str(uuid.UUID(int=5)))]),
    Signals(items=[Signal(kind="read", room=ROOM, user=ANN, value=7)]),
])  # fmt: skip
def test_control_messages_to_a_gateway_are_read_as_they_were_written(control: Shards) -> None:
    assert TO_GATEWAY.validate_json(control.encode()) == control


def test_control_messages_to_delivery_are_read_as_they_were_written_and_later_fields_passed_over() -> None:
    control = Subscribe(rooms=[ROOM])
    assert TO_DELIVERY.validate_json(control.encode()) == control
    assert TO_DELIVERY.validate_json(control.encode()[:-1] + ',"later":1}') == control
