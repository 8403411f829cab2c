"""What a release says: what many have in common is written once, and reads as the contract's models do."""

from kaftalk_dnd_batch.payloads import ROOMS_MAX, ReleasedRoom, batch_body, release, released_record
from kaftalk_protocol.ids import RoomId, UserId
from kaftalk_protocol.quiet_records import Hold, Released, parse, release_id
from kaftalk_protocol.quiet_state import QuietState, ReleaseBatch
from kaftalk_protocol.records import Message, RoomKind, encode
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


def released(rooms: list[ReleasedRoom], lost: list[Lost] | None = None, user: UserId = ME) -> ReleaseBatch:
    """Give the body for one user, read as a gateway reads it."""
    after = QuietState(user=user, version=7)
    made = release(user, HOLD, rooms, lost or [], after=after, late_by_s=None, now_ms=NOW_MS)
    return ReleaseBatch.decode(batch_body([made], {one.batch.room: one for one in rooms}))


def test_a_body_is_what_gateways_read() -> None:
    batch = released([room(1, "one", "two")])
    (one,) = batch.releases
    assert (one.user, one.release_id, one.window) == (ME, HOLD.release_id, (HOLD.start_ms, HOLD.end_ms))
    assert one.state.version == 7
    assert [(part.room, part.from_) for part in one.rooms] == [(room_id(1), 0)]
    assert [item.seq for item in batch.rooms[room_id(1)].items] == [1, 2]
    (line,) = one.digest.rooms
    assert (line.count, line.first_seq, line.last_seq, line.last_by, line.preview) == (2, 1, 2, OTHER, "two")


def test_mentions_and_direct_rooms_come_first_and_then_what_was_active_last() -> None:
    rooms = [
        room(1, "old", ts=NOW_MS - 9_000),
        room(2, "new", ts=NOW_MS - 1_000),
        room(3, "named", mentions=(ME,), ts=NOW_MS - 8_000),
        room(4, "direct", kind="direct", ts=NOW_MS - 7_000),
    ]
    (one,) = released(rooms).releases
    assert [line.room for line in one.digest.rooms] == [room_id(n) for n in (4, 3, 2, 1)]
    assert (one.digest.total, one.digest.mentions) == (4, 1)


def test_a_muted_room_is_released_but_not_in_the_digest() -> None:
    (one,) = released([room(1, "shh", mutes={ME: "forever"})]).releases
    assert (one.digest.total, one.digest.rooms) == (0, ())
    assert [part.room for part in one.rooms] == [room_id(1)]


def test_what_one_said_oneself_counts_for_others_only() -> None:
    rooms = [room(1, "mine", by=ME)]
    assert released(rooms).releases[0].digest.total == 0
    assert released(rooms, user=THIRD).releases[0].digest.total == 1


def test_a_room_that_was_lost_is_one_line() -> None:
    (one,) = released([], [Lost(room_id(5), 9, NOW_MS, "kicked", "tea")]).releases
    assert [(line.room, line.gone, line.name, line.count) for line in one.digest.rooms] == [
        (room_id(5), "kicked", "tea", 0)
    ]


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
    rooms = [room(number, "one") for number in range(ROOMS_MAX + 5)]
    (one,) = released(rooms).releases
    assert (len(one.digest.rooms), one.digest.total) == (ROOMS_MAX, ROOMS_MAX + 5)
    assert len(one.rooms) == ROOMS_MAX + 5
