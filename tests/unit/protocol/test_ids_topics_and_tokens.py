"""Ids, topics and token claims."""

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from kaftalk_protocol.errors import CloseCode, Code, Refused
from kaftalk_protocol.ids import UserId, direct_room, is_uuid, keyed_stream
from kaftalk_protocol.tokens import AccessClaims
from kaftalk_protocol.topics import EPOCH_STEP, Placement, next_base, room_topic
from kaftalk_testing.room_logs import ANN, BOB, CYD, ROOM

_users = st.uuids().map(lambda user: UserId(str(user)))


@given(_users, _users)
def test_both_of_a_pair_name_the_same_direct_room_and_it_is_a_uuid_of_version_8(one: UserId, other: UserId) -> None:
    room = direct_room(one, other)
    assert room == direct_room(other, one)
    assert uuid.UUID(room).version == 8
    assert uuid.UUID(room).variant == uuid.RFC_4122


def test_pairs_have_rooms_of_their_own_and_so_has_oneself() -> None:
    assert len({direct_room(ANN, BOB), direct_room(ANN, CYD), direct_room(BOB, CYD), direct_room(ANN, ANN)}) == 4


def test_a_key_names_one_stream_a_user() -> None:
    assert keyed_stream(ANN, "k") == keyed_stream(ANN, "k") != keyed_stream(BOB, "k")
    assert keyed_stream(ANN, "k") == str(uuid.uuid5(uuid.UUID("8d0f0f3a-52a5-5f0a-8b5d-6b61667461c8"), f"{ANN}|k"))


@pytest.mark.parametrize(
    "text", ["", "x", ROOM.upper(), ROOM[:-1], f"{{{ROOM}}}", ROOM.replace("-", ""), f"urn:uuid:{ROOM}"]
)
def test_only_the_canonical_spelling_is_an_id(text: str) -> None:
    assert is_uuid(ROOM)
    assert not is_uuid(text)


@given(st.integers(0, 2**50))
def test_a_new_epoch_starts_at_the_next_million_above_every_seq(highest: int) -> None:
    base = next_base(highest)
    assert base > highest
    assert base % EPOCH_STEP == 0
    assert base - highest <= EPOCH_STEP


@given(st.integers(0, 2**40), st.integers(0, 2**30))
def test_offsets_and_seqs_are_one_another(base: int, offset: int) -> None:
    placement = Placement(ROOM, epoch=3, base=base)
    assert placement.offset(placement.seq(offset)) == offset
    assert placement.topic == room_topic(ROOM, 3) == f"room.{ROOM}.3"


def claims(**change: object) -> AccessClaims:
    good = {"iss": "http://127.0.0.1:8000", "sub": ANN, "sid": BOB, "iat": 1, "nbf": 1, "exp": 601}
    return AccessClaims.model_validate(good | change)


@pytest.mark.parametrize(
    "change", [{"sub": "x"}, {"sid": None}, {"aud": "other"}, {"exp": "601"}, {"exp": 1.5}, {"iat": -1}]
)
def test_claims_of_another_shape_are_refused(change: dict[str, object]) -> None:
    assert claims().aud == "kaftalk"
    with pytest.raises(ValidationError):
        claims(**change)


def test_every_code_has_a_status_and_a_problem_in_words() -> None:
    for code in Code:
        problem = Refused(code, "because", field="name").problem()
        assert 400 <= problem["status"] < 600
        assert (problem["code"], problem["errors"]) == (code.value, [{"field": "name", "detail": "because"}])


def test_close_codes_say_whether_to_reconnect() -> None:
    again = {CloseCode.DRAIN, CloseCode.TOO_SLOW, CloseCode.NO_HELLO, CloseCode.LOST}
    never = {
        CloseCode.BAD_TICKET,
        CloseCode.BAD_FRAME,
        CloseCode.SESSION_ENDED,
        CloseCode.FLOODING,
        CloseCode.STREAM_TAKEN,
    }
    assert all(4000 <= code < 4500 for code in again)
    assert all(4500 <= code < 5000 for code in never)
