"""Refresh tokens: what they name, what cannot be forged, and when a session is revoked."""

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaftalk_protocol.ids import SessionId
from kaftalk_rooms.refresh_tokens import GRACE_MS, ROTATIONS_KEPT, RefreshToken, Rotation, judge, read, rotated

SECRET = b"s" * 32
SIDS = st.uuids().map(lambda value: SessionId(str(value)))


@given(SIDS, st.integers(0, 2**32 - 1))
def test_what_is_written_is_read(sid: SessionId, generation: int) -> None:
    token = RefreshToken(sid, generation)
    assert read(token.write(SECRET), SECRET) == token


@given(st.text(max_size=100))
def test_nothing_else_is_a_token(text: str) -> None:
    assert read(text, SECRET) is None


@given(st.data())
def test_no_changed_character_goes_unnoticed(data: st.DataObject) -> None:
    written = RefreshToken(SessionId(str(uuid.UUID(int=7))), 3).write(SECRET)
    at = data.draw(st.integers(0, len(written) - 2))
    other = data.draw(st.sampled_from("ABCxyz019-_").filter(lambda character: character != written[at]))
    assert read(written[:at] + other + written[at + 1 :], SECRET) is None


def test_another_key_knows_no_token() -> None:
    assert read(RefreshToken(SessionId(str(uuid.uuid4())), 0).write(SECRET), b"t" * 32) is None


def test_a_successor_is_always_the_same() -> None:
    token = RefreshToken(SessionId(str(uuid.uuid4())), 7)
    assert token.successor().write(SECRET) == token.successor().write(SECRET)


@pytest.mark.parametrize(
    ("presented", "current", "age_ms", "rotation"),
    [
        (4, 4, 0, Rotation.ROTATE),
        (4, 4, 10**9, Rotation.ROTATE),
        (3, 4, GRACE_MS, Rotation.REPEAT),
        (3, 4, GRACE_MS + 1, Rotation.REUSED),
        (2, 4, GRACE_MS - 500, Rotation.REPEAT),
        (2, 4, GRACE_MS - 499, Rotation.REUSED),
        (1, 4, 0, Rotation.REUSED),
        (5, 4, 0, Rotation.REUSED),
    ],
)
def test_the_newest_counts_and_each_replaced_one_for_a_moment(
    presented: int, current: int, age_ms: int, rotation: Rotation
) -> None:
    assert judge(presented, current, [500, 1_000], 1_000 + age_ms) is rotation


@given(st.lists(st.integers(0, 2 * GRACE_MS), max_size=80), st.integers(0, 2 * GRACE_MS))
def test_only_rotations_that_still_count_are_kept(gaps: list[int], later: int) -> None:
    now, times = 0, list[int]()
    rotations: tuple[int, ...] = ()
    for gap in gaps:
        now += gap
        times.append(now)
        rotations = rotated(rotations, now)
    now += later
    assert len(rotations) <= ROTATIONS_KEPT
    for at in range(max(0, len(times) - ROTATIONS_KEPT), len(times)):
        repeats = judge(at, len(times), rotations, now) is Rotation.REPEAT
        assert repeats == (now - times[at] <= GRACE_MS)
