"""What is stored and told about quiet hours survives being written, and later versions survive being read."""

import json
import uuid

import pytest

from kaftalk_protocol import redis_keys
from kaftalk_protocol.ids import UserId
from kaftalk_protocol.quiet_profile import DAYS, OrgQuiet, Pierce, Profile
from kaftalk_protocol.quiet_records import (
    CLAIM_KEY,
    ORG_KEY,
    PIERCED_MAX,
    RECORD_BYTES_MAX,
    RELEASES_MAX,
    Claim,
    Digest,
    DigestRoom,
    Hold,
    OrgRecord,
    PastRelease,
    Pierced,
    QuietRecord,
    Released,
    Snooze,
    Tick,
    UserQuiet,
    ZoneChange,
    encode,
    next_release_id,
    parse,
    record_key,
    release_id,
    released_key,
)
from kaftalk_protocol.quiet_state import HoldPlan, QuietState
from kaftalk_protocol.release_batch import BatchRoom, ReleaseBatch, RoomLines, Share, UserRelease, write_batch
from kaftalk_protocol.server_frames import FRAME, Alert, Event, Release, ReleasedRoom
from kaftalk_testing.room_logs import ANN, BOB, ROOM

NIGHT = {"days": ["mon"], "start": "22:00", "end": "07:00", "label": "Nights"}
AWAY = {"from": "2027-03-01T00:00:00Z", "to": "2027-03-02T00:00:00Z"}
PROFILE = Profile.model_validate({"zone": "Asia/Seoul", "windows": [NIGHT], "away": AWAY, "holidays": "KR"})
LINE = DigestRoom(room=ROOM, count=2, mentions=1, first_seq=5, last_seq=9, last_by=BOB, preview="hello")
DIGEST = Digest(total=2, mentions=1, rooms=(LINE, DigestRoom(room=ROOM, count=0, mentions=0, gone="kicked", name="X")))
USER = UserQuiet(
    user=ANN, version=7, profile=PROFILE, snooze=Snooze(from_ms=1, until_ms=2), resume_until_ms=5,
    zone_change=ZoneChange(zone="Europe/Dublin", since_ms=5), fence=3,
    hold=Hold(start_ms=1, end_ms=2, release_id=release_id(ANN, 1)),
    released=(PastRelease(release_id=release_id(ANN, 0), window=(0, 1), late_by_s=4),),
    pierced=(Pierced(room=ROOM, seq=5, by=BOB, reason="vip", ts=9),),
)  # fmt: skip
DONE = Released(user=ANN, release_id="ab", window=(1, 2), digest=DIGEST, done_ms=5, fence=3)
RECORDS = (
    USER,
    UserQuiet(user=ANN),
    DONE,
    Claim(instance="a"),
    Tick(instance="a"),
    OrgRecord(org=OrgQuiet(zone="UTC")),
)


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.k)
def test_records_are_read_as_they_were_written(record: QuietRecord) -> None:
    read = parse(encode(record))
    if isinstance(read, Released):
        assert read.digest.rooms[0].preview is None
        read = read.model_copy(update={"digest": DIGEST})
    assert read == record


def test_words_of_a_message_are_not_stored_with_its_release() -> None:
    assert b"hello" not in encode(DONE)
    assert "preview" in json.loads(DIGEST.model_dump_json())["rooms"][0]


def test_each_record_has_the_key_that_compaction_keeps() -> None:
    assert [record_key(record) for record in RECORDS] == [ANN, ANN, f"{ANN}|ab", CLAIM_KEY, "tick|a", ORG_KEY]
    assert record_key(DONE) == released_key(ANN, "ab")


def test_unknown_kinds_and_broken_records_are_none_and_later_fields_pass() -> None:
    for value in (b"", b"null", b"[]", b"{", b'{"k":"later"}', b'{"k":"user"}', b'{"k":"user","user":5}', b"\xff"):
        assert parse(value) is None
    assert parse(encode(USER)[:-1] + b',"later":1}') == USER


def test_a_stored_zone_that_left_the_database_is_no_reason_to_drop_a_profile() -> None:
    read = parse(encode(USER).replace(b"Asia/Seoul", b"Mars/Base0"))
    assert isinstance(read, UserQuiet)
    assert read.profile is not None
    assert read.profile.zone == "Mars/Base0"


def test_the_largest_state_fits_in_a_record() -> None:
    users = [UserId(str(uuid.UUID(int=number, version=4))) for number in range(200)]
    windows = [{"days": DAYS, "start": "22:00", "end": "07:00", "label": "밤" * 40}]
    dates = [{"date": f"20{year}-{month:02}-{day:02}", "kind": "no_quiet"}
             for year in range(27, 29) for month in range(1, 9) for day in range(1, 26)]  # fmt: skip
    full = {"windows": windows * 50, "exceptions": dates, "away": AWAY, "pierce": {"vip": users}}
    release = PastRelease(release_id=release_id(ANN, 1), window=(10**12, 10**12), late_by_s=10**6)
    user = USER.model_copy(
        update={
            "profile": Profile.model_validate(full),
            "released": (release,) * RELEASES_MAX,
            "pierced": USER.pierced * PIERCED_MAX,
        }
    )
    assert len(encode(user)) < RECORD_BYTES_MAX * 3 // 4
    org = OrgRecord(org=OrgQuiet.model_validate(full | {"minimum": windows * 50}))
    assert len(encode(org)) < RECORD_BYTES_MAX * 3 // 4


def test_a_release_has_the_same_name_for_every_owner_and_another_for_every_hold() -> None:
    assert release_id(ANN, 5) == release_id(ANN, 5)
    assert len({release_id(ANN, 5), release_id(ANN, 6), release_id(BOB, 5)}) == 3
    assert len(release_id(ANN, 5)) == 32
    assert int(release_id(ANN, 5), 16)
    assert next_release_id(release_id(ANN, 5)) == next_release_id(release_id(ANN, 5)) != release_id(ANN, 5)


def test_a_state_comes_back_from_redis_and_knows_whether_it_holds() -> None:
    plan = HoldPlan(start_ms=10, end_ms=20, release_id="ab", deliver="hold")
    state = QuietState(user=ANN, version=1, hold=plan, next_start_ms=30, pierce=Pierce(vip=(BOB,)), share=False)
    assert QuietState.decode(state.encode()) == state
    assert [state.active_at(now) for now in (9, 10, 19, 20, 99)] == [False, True, True, True, True]
    assert not QuietState(user=ANN, version=1).active_at(5)
    with pytest.raises(ValueError, match="version"):
        QuietState.decode(json.dumps({"user": ANN}))


def test_a_batch_of_releases_comes_back_as_it_was_handed_over() -> None:
    room = BatchRoom(room=ROOM, epoch=0, to=9, seqs=(5,))
    share = Share(room=ROOM, from_=4, mine=((5, "👍"),), line=DIGEST.rooms[0])
    release = UserRelease(
        user=ANN, release_id="ab", window=(1, 2), total=DIGEST.total, mentions=DIGEST.mentions, shares=(0,),
        gone=DIGEST.rooms[1:], state=QuietState(user=ANN, version=2),
    )  # fmt: skip
    told = write_batch([RoomLines(room.encode(), b'["items"]')], [share.encode()], [release.encode()])
    batch = ReleaseBatch.decode(told)
    assert (batch.rooms, batch.items(ROOM)) == ({ROOM: room}, b'["items"]')
    assert list(batch.releases()) == [release]
    assert batch.share(0) == share
    assert batch.digest(release) == DIGEST
    assert json.loads(told.splitlines()[2])["from"] == 4


@pytest.mark.parametrize("body", [b"{}", b"", b'{"rooms":[],"shares":1}', b'{"rooms":[{}],"shares":0}\n[]'])
def test_a_batch_that_cannot_be_read_is_a_value_error(body: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - pydantic's own
        ReleaseBatch.decode(body)


def test_release_and_alert_frames_have_the_shape_of_the_contract() -> None:
    item = Event(epoch=0, seq=5, prev=None, ts=9, e={"v": 1})
    room = ReleasedRoom(room=ROOM, epoch=0, from_=4, to=9, items=[item])
    frame = Release(release_id="ab", part=1, of=2, window=(1, 2), late_by_s=3, digest=DIGEST, rooms=[room])
    line = {"room": ROOM, "count": 2, "mentions": 1, "first_seq": 5, "last_seq": 9, "last_by": BOB, "preview": "hello"}
    gone = {"room": ROOM, "count": 0, "mentions": 0, "gone": "kicked", "name": "X"}
    assert json.loads(frame.encode()) == {
        "t": "release", "release_id": "ab", "part": 1, "of": 2, "window": [1, 2], "late_by_s": 3,
        "digest": {"total": 2, "mentions": 1, "rooms": [line, gone]},
        "rooms": [{"room": ROOM, "epoch": 0, "from": 4, "to": 9,
                   "items": [{"epoch": 0, "seq": 5, "prev": None, "ts": 9, "e": {"v": 1}}]}],
    }  # fmt: skip
    later = json.loads(Release(release_id="ab", part=2, of=2, window=(1, 2), rooms=[]).encode())
    assert not {"digest", "late_by_s"} & later.keys()
    alert = Alert(room=ROOM, seq=5, by=BOB, reason="dm")
    assert json.loads(alert.encode()) == {"t": "alert", "room": ROOM, "seq": 5, "by": BOB, "reason": "dm"}
    assert FRAME.validate_json(frame.encode()) == frame
    assert FRAME.validate_json(alert.encode()) == alert


def test_keys_of_redis_do_not_meet() -> None:
    keys = [
        redis_keys.quiet(ANN), redis_keys.user_lost(ANN), redis_keys.user_rooms(ANN), redis_keys.user(ANN),
        redis_keys.urgent(ANN, BOB, "2027-03-14"), redis_keys.urgent(BOB, ANN, "2027-03-14"),
        redis_keys.VIEW_QUIET, redis_keys.DND_BATCHES, redis_keys.DND_OWNERS,
    ]  # fmt: skip
    assert len(set(keys)) == len(keys)
