"""What a release says: what many have in common is written once, and reads as the contract's models do."""

import orjson
import pytest

from kaftalk_dnd_batch import payloads
from kaftalk_dnd_batch.payloads import Release, ReleasedRoom, batch_bodies, release, released_record
from kaftalk_protocol.ids import RoomId, UserId
from kaftalk_protocol.quiet_records import Digest, Hold, Released, parse, release_id
from kaftalk_protocol.quiet_state import QuietState
from kaftalk_protocol.records import Message, RoomKind, encode
from kaftalk_protocol.release_batch import DIGEST_ROOMS_MAX, ReleaseBatch, Share
from kaftalk_views.held_batch import HeldRoom, RoomBatch, Standing
from kaftalk_views.held_range import HeldRange
from kaftalk_views.lost_rooms import Lost
from kaftalk_views.projection import Shown
from kaftalk_views.room_views import Facts, Head

ME, OTHER, THIRD = (UserId(f"0b0c4a9e-7b1c-4d8e-9f50-00000000000{n}") for n in (1, 2, 3))
STREAM = "0b0c4a9e-7b1c-4d8e-9f50-000000000009"
NOW_MS = 1_800_000_000_000
HOLD = Hold(start_ms=NOW_MS - 60_000, end_ms=NOW_MS, release_id=release_id(ME, NOW_MS - 60_000), state="releasing")


def room_id(number: int) -> RoomId:
    return RoomId(f"0b0c4a9e-7b1c-4d8e-9f50-{number:012}")


def room(
    number: int,
    *texts: str,
    by: UserId = OTHER,
    mentions: tuple[UserId, ...] = (),
    kind: RoomKind = "public",
    ts: int = NOW_MS - 1_000,
    mutes: dict[str, str] | None = None,
) -> ReleasedRoom:
    """Give a room of three members in which something was said after seq 0."""
    held = HeldRange()
    shown = []
    for seq, text in enumerate(texts, 1):
        message = Message(id=f"{STREAM}:{seq}", by=by, text=text, mentions=list(mentions))
        shown.append(Shown(seq, seq - 1, ts, encode(message), message))
    held.take(shown)
    facts = Facts(
        room=room_id(number),
        head=Head(0, 0, len(texts), len(texts)),
        kind=kind,
        name="tea",
        topic=None,
        history="all",
        members_invite=False,
        created_ms=0,
        created_by=OTHER,
        archived=False,
        deleted=False,
        member_count=3,
        notes_from=0,
    )
    standing = Standing(dict.fromkeys((ME, OTHER, THIRD), "member:0"), {}, mutes or {})
    return ReleasedRoom(RoomBatch(HeldRoom(facts, 1, 0, None), held, standing, {}))


def made_for(user: UserId, rooms: list[ReleasedRoom], lost: list[Lost] | None = None) -> Release:
    after = QuietState(user=user, version=7)
    return release(user, HOLD, rooms, lost or [], after=after, late_by_s=None, now_ms=NOW_MS)


def released(rooms: list[ReleasedRoom], lost: list[Lost] | None = None, user: UserId = ME) -> ReleaseBatch:
    """Give the body for one user, read as a gateway reads it."""
    (body,) = batch_bodies([made_for(user, rooms, lost)])
    return ReleaseBatch.decode(body)


def digest(rooms: list[ReleasedRoom], lost: list[Lost] | None = None, user: UserId = ME) -> Digest:
    """Give the digest of one user, read as a gateway reads it."""
    batch = released(rooms, lost, user)
    return batch.digest(next(batch.releases()))


def shares(batch: ReleaseBatch) -> list[Share]:
    """Give the shares of the only user."""
    return [batch.share(number) for number in next(batch.releases()).shares]


def test_a_body_is_what_gateways_read() -> None:
    batch = released([room(1, "one", "two")])
    (one,) = batch.releases()
    assert (one.user, one.release_id, one.window) == (ME, HOLD.release_id, (HOLD.start_ms, HOLD.end_ms))
    assert one.state.version == 7
    assert [(share.room, share.from_) for share in shares(batch)] == [(room_id(1), 0)]
    assert (batch.rooms[room_id(1)].to, batch.rooms[room_id(1)].seqs) == (2, (1, 2))
    assert [item["e"]["text"] for item in orjson.loads(batch.items(room_id(1)))] == ["one", "two"]
    (line,) = batch.digest(one).rooms
    assert (line.count, line.first_seq, line.last_seq, line.last_by, line.preview) == (2, 1, 2, OTHER, "two")


def test_mentions_and_direct_rooms_come_first_and_then_what_was_active_last() -> None:
    rooms = [
        room(1, "old", ts=NOW_MS - 9_000),
        room(2, "new", ts=NOW_MS - 1_000),
        room(3, "named", mentions=(ME,), ts=NOW_MS - 8_000),
        room(4, "direct", kind="direct", ts=NOW_MS - 7_000),
    ]
    found = digest(rooms)
    assert [line.room for line in found.rooms] == [room_id(n) for n in (4, 3, 2, 1)]
    assert (found.total, found.mentions) == (4, 1)


def test_a_muted_room_is_released_but_not_in_the_digest() -> None:
    batch = released([room(1, "shh", mutes={ME: "forever"})])
    assert batch.digest(next(batch.releases())) == Digest(total=0, mentions=0)
    assert [share.room for share in shares(batch)] == [room_id(1)]


def test_what_one_said_oneself_counts_for_others_only() -> None:
    rooms = [room(1, "mine", by=ME)]
    assert digest(rooms).total == 0
    assert digest(rooms, user=THIRD).total == 1


def test_a_room_that_was_lost_is_one_line() -> None:
    found = digest([], [Lost(room_id(5), 9, NOW_MS, "kicked", "tea")])
    assert [(line.room, line.gone, line.name, line.count) for line in found.rooms] == [(room_id(5), "kicked", "tea", 0)]


def test_the_record_leaves_previews_out_and_is_what_the_log_knows() -> None:
    rooms = [room(1, "one")]
    after = QuietState(user=ME, version=7)
    made = release(ME, HOLD, rooms, [], after=after, late_by_s=9, now_ms=NOW_MS)
    record = parse(released_record(ME, HOLD, made, late_by_s=9, now_ms=NOW_MS, fence=3))
    assert isinstance(record, Released)
    assert (record.late_by_s, record.done_ms, record.fence) == (9, NOW_MS, 3)
    assert (record.digest.total, record.digest.rooms[0].preview) == (1, None)


def test_a_release_of_nothing_is_empty() -> None:
    made = release(ME, HOLD, [], [], after=QuietState(user=ME, version=1), late_by_s=None, now_ms=NOW_MS)
    assert made.is_empty


def test_a_digest_names_a_bounded_number_of_rooms_and_counts_all() -> None:
    count = DIGEST_ROOMS_MAX + 5
    rooms = [room(number, "one") for number in range(count)]
    batch, found = released(rooms), digest(rooms)
    assert (len(found.rooms), found.total) == (DIGEST_ROOMS_MAX, count)
    assert len(shares(batch)) == count


def test_what_a_room_is_to_many_is_written_once() -> None:
    rooms = [room(1, "one"), room(2, "two", mentions=(THIRD,))]
    (body,) = batch_bodies([made_for(user, rooms) for user in (ME, THIRD)])
    batch = ReleaseBatch.decode(body)
    mine, hers = batch.releases()
    assert len({*mine.shares, *hers.shares}) == 3
    assert [batch.digest(one).mentions for one in (mine, hers)] == [0, 1]


def test_bodies_are_split_between_users(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(payloads, "BODY_BYTES_MAX", 1)
    bodies = list(batch_bodies([made_for(user, [room(1, "one")]) for user in (ME, THIRD)]))
    users = [[one.user for one in ReleaseBatch.decode(body).releases()] for body in bodies]
    assert users == [[ME], [THIRD]]
