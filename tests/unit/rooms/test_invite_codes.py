"""Invite codes: they name their room, can be listed again, and their hash tells nothing."""

import uuid

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from kaftalk_protocol.ids import RoomId
from kaftalk_protocol.room_state import INVITES_MAX
from kaftalk_rooms.access_tokens import DerivedSecrets
from kaftalk_rooms.invite_codes import CODES_MAX, InviteCodes, digest_of, room_of

ROOM = RoomId(str(uuid.uuid4()))
CODES = InviteCodes(DerivedSecrets(Ed25519PrivateKey.generate()))


def test_every_code_names_its_room_and_is_found_by_its_hash() -> None:
    codes = CODES.by_digest(ROOM)
    assert len(set(codes.values())) == CODES_MAX > INVITES_MAX
    assert all(room_of(code) == ROOM and digest_of(code) == digest for digest, code in codes.items())


def test_codes_that_are_in_use_are_not_given_out_again() -> None:
    first = CODES.unused(ROOM, ())[0]
    assert first not in CODES.unused(ROOM, {digest_of(first)})


def test_another_key_gives_other_codes() -> None:
    others = InviteCodes(DerivedSecrets(Ed25519PrivateKey.generate())).by_digest(ROOM)
    assert not set(others) & set(CODES.by_digest(ROOM))


@given(st.text(max_size=60))
def test_what_is_no_code_names_no_room(text: str) -> None:
    assert room_of(text) is None


@pytest.mark.parametrize("tail", ["=", "A", " "])
def test_a_code_has_one_spelling(tail: str) -> None:
    assert room_of(CODES.unused(ROOM, ())[0] + tail) is None
