"""Releases as frames: all items, in order, in parts that fit."""

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from kaftalk_gateway.release_frames import PART_BYTES, BatchRooms, release_frames
from kaftalk_protocol.ids import RoomId, UserId
from kaftalk_protocol.quiet_records import Digest
from kaftalk_protocol.quiet_state import BatchRoom, QuietState, UserRelease, UserRoom
from kaftalk_protocol.server_frames import FRAME, Event

ROOM = RoomId("2f1c1d52-0c0e-4a4e-8a3b-0d8f5b0c5a11")


def _item(seq: int, size: int = 1, **more: Any) -> Event:
    record = {"v": 1, "k": "message", "id": f"s:{seq}", "by": "u", "text": "가" * size, **more}
    return Event(epoch=0, seq=seq, prev=None, ts=0, e=record)


def _release(rooms: tuple[UserRoom, ...], late_by_s: int | None = None) -> UserRelease:
    user = UserId("u")
    return UserRelease(
        user=user, release_id="r", window=(1, 2), late_by_s=late_by_s, digest=Digest(total=1, mentions=0), rooms=rooms,
        state=QuietState(user=user, version=1),
    )  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(sizes=st.lists(st.lists(st.integers(1, 40_000), max_size=12), max_size=4), floor=st.integers(0, 12))
def test_parts_fit_and_hold_everything_after_from_in_order(sizes: list[list[int]], floor: int) -> None:
    ids = [RoomId(f"2f1c1d52-0c0e-4a4e-8a3b-0d8f5b0c5a{n:02}") for n in range(len(sizes))]
    rooms = BatchRooms(
        {
            room: BatchRoom(epoch=0, to=99, items=tuple(_item(seq, size) for seq, size in enumerate(some, 1)))
            for room, some in zip(ids, sizes, strict=True)
        }
    )
    parts = tuple(UserRoom(room=room, from_=floor) for room in ids)
    frames = release_frames(_release(parts), [one for part in parts for one in rooms.write(part)])
    seen: dict[str, list[int]] = {}
    reached: dict[str, int] = {}
    for number, frame in enumerate(frames, 1):
        FRAME.validate_json(frame)
        assert len(frame) < PART_BYTES + 200_000
        parsed = json.loads(frame)
        assert (parsed["part"], parsed["of"], "digest" in parsed) == (number, len(frames), number == 1)
        for room in parsed["rooms"]:
            assert room["from"] == reached.get(room["room"], floor)
            reached[room["room"]] = room["to"]
            seen.setdefault(room["room"], []).extend(item["seq"] for item in room["items"])
    expected = {room: list(range(floor + 1, len(some) + 1)) for room, some in zip(ids, sizes, strict=True)}
    assert seen == {room: seqs for room, seqs in expected.items() if seqs}
    assert set(reached.values()) <= {99}


def test_a_readers_own_reactions_are_hers_alone() -> None:
    reactions = [{"emoji": "👍", "count": 2, "me": False}, {"emoji": "🎉", "count": 1, "me": False}]
    rooms = BatchRooms({ROOM: BatchRoom(epoch=0, to=2, items=(_item(1, reactions=reactions), _item(2)))})
    hers = json.loads(rooms.write(UserRoom(room=ROOM, from_=0, mine=((1, "🎉"),)))[0])
    assert [one["me"] for one in hers["items"][0]["e"]["reactions"]] == [False, True]
    others = json.loads(rooms.write(UserRoom(room=ROOM, from_=0))[0])
    assert [one["me"] for one in others["items"][0]["e"]["reactions"]] == [False, False]


def test_a_late_release_says_by_how_much() -> None:
    assert json.loads(release_frames(_release((), late_by_s=7), [])[0])["late_by_s"] == 7
