"""Releases as frames: all items, in order, in parts that fit."""

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from kaftalk_gateway.release_frames import PART_BYTES, BatchParts, release_frames
from kaftalk_protocol.ids import RoomId, UserId
from kaftalk_protocol.quiet_records import DigestRoom
from kaftalk_protocol.quiet_state import QuietState
from kaftalk_protocol.release_batch import BatchRoom, ReleaseBatch, Share, UserRelease
from kaftalk_protocol.server_frames import FRAME, Event

ROOM = RoomId("2f1c1d52-0c0e-4a4e-8a3b-0d8f5b0c5a11")


def _item(seq: int, size: int = 1, **more: Any) -> Event:
    record = {"v": 1, "k": "message", "id": f"s:{seq}", "by": "u", "text": "가" * size, **more}
    return Event(epoch=0, seq=seq, prev=None, ts=0, e=record)


def _release(shares: int, late_by_s: int | None = None) -> UserRelease:
    user = UserId("u")
    return UserRelease(
        user=user, release_id="r", window=(1, 2), late_by_s=late_by_s, total=1, mentions=0,
        shares=tuple(range(shares)), state=QuietState(user=user, version=1),
    )  # fmt: skip


def _batch(items: dict[RoomId, list[Event]], to: int, *shares: Share) -> ReleaseBatch:
    """Give a batch of rooms whose items these are."""
    rooms = [
        BatchRoom(room=room, epoch=0, to=to, seqs=tuple(item.seq for item in some)) for room, some in items.items()
    ]
    written = [json.dumps([item.model_dump() for item in some]).encode() for some in items.values()]
    return ReleaseBatch(rooms, written, [share.encode() for share in shares], [])


def _frames(batch: ReleaseBatch, release: UserRelease) -> list[bytes]:
    """Write what is shown of all shares."""
    written = BatchParts(batch)
    parts = written.of(release).values()
    return release_frames(release, parts, [one for part in parts if part.has_items for one in written.write(part)])


@settings(max_examples=40, deadline=None)
@given(sizes=st.lists(st.lists(st.integers(1, 40_000), max_size=12), max_size=4), floor=st.integers(0, 12))
def test_parts_fit_and_hold_everything_after_from_in_order(sizes: list[list[int]], floor: int) -> None:
    ids = [RoomId(f"2f1c1d52-0c0e-4a4e-8a3b-0d8f5b0c5a{n:02}") for n in range(len(sizes))]
    items = {
        room: [_item(seq, size) for seq, size in enumerate(some, 1)] for room, some in zip(ids, sizes, strict=True)
    }
    batch = _batch(items, 99, *(Share(room=room, from_=floor) for room in ids))
    frames = _frames(batch, _release(len(ids)))
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
    hers, others = Share(room=ROOM, from_=0, mine=((1, "🎉"),)), Share(room=ROOM, from_=0)
    for share, mine in ((hers, [False, True]), (others, [False, False])):
        batch = _batch({ROOM: [_item(1, reactions=reactions), _item(2)]}, 2, share)
        (frame,) = _frames(batch, _release(1))
        (shown,) = json.loads(frame)["rooms"]
        assert [one["me"] for one in shown["items"][0]["e"]["reactions"]] == mine
        assert [item["seq"] for item in shown["items"]] == [1, 2]


def test_a_late_release_says_by_how_much() -> None:
    assert json.loads(release_frames(_release(0, late_by_s=7), [], [])[0])["late_by_s"] == 7


def test_the_digest_has_the_lines_of_the_shares_and_what_is_gone() -> None:
    line = DigestRoom(room=ROOM, count=2, mentions=1, first_seq=1, last_seq=2, last_by=UserId("v"), preview="hi")
    gone = DigestRoom(
        room=RoomId("2f1c1d52-0c0e-4a4e-8a3b-0d8f5b0c5a12"), count=0, mentions=0, gone="kicked", name="tea"
    )
    batch = _batch({ROOM: []}, 2, Share(room=ROOM, from_=0), Share(room=ROOM, from_=0, line=line))
    for numbers, lines in ((0,), [gone]), ((1,), [line, gone]):
        release = _release(0).model_copy(update={"shares": numbers, "gone": (gone,), "total": 5, "mentions": 2})
        (frame,) = _frames(batch, release)
        FRAME.validate_json(frame)
        rooms = [one.model_dump() for one in lines]
        assert json.loads(frame)["digest"] == {"total": 5, "mentions": 2, "rooms": rooms}
