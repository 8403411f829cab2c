"""What becomes of a media object: told, removed, swept, whatever came first and whatever failed."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kaftalk_media.agenda import Agenda
from kaftalk_media.entries import Entries, Entry
from kaftalk_media.lifecycle import GRACE_MS, LOOK_FIRST_MS, NOT_UPLOADED_MS, RESEND_AFTER_MS, Next, Step, next_step
from kaftalk_media.media_log import MediaLog
from kaftalk_media.steps import Steps
from kaftalk_protocol.ids import MediaId, RoomId, UserId
from kaftalk_protocol.media import (
    MULTIPART_LIFE_MS,
    ORPHAN_LIFE_MS,
    Result,
    Sending,
    Upload,
    encode,
    sending_key,
    upload_key,
    with_result,
)
from kaftalk_protocol.topics import Placement
from kaftalk_roomlog.errors import AppendError
from kaftalk_runtime.clock import ManualClock
from kaftalk_testing.media_world import MediaWorld
from kaftalk_views.placements import Placements

ROOM = RoomId("018f3a52-0000-4000-8000-000000000002")
ID = MediaId("018f3a52-0000-4000-8000-000000000001")
CREATED_MS = 1_700_000_000_000
UPLOAD = Upload(
    id=ID, room=ROOM, by=UserId("u"), kind="image", name="a.png", content_type="image/png", size=9, sha256="",
    created_ms=CREATED_MS,
)  # fmt: skip
READY = Result(id=ID, room=ROOM, kind="image", status="ready", width=3)
REJECTED = Result(id=ID, room=ROOM, kind="image", status="rejected", reason="unreadable")
SENT = Sending(id=ID, room=ROOM, seq=7, message="s:1")
REMOVED = Sending(id=ID, room=ROOM, seq=7, removed=True)
MINUTE_MS = 60_000


def entry_of(*found: Upload | Sending, at_ms: int = CREATED_MS) -> Entry:
    entry = Entry(ID, ROOM)
    for record in found:
        entry.take(record, at_ms)
    return entry


def due(entry: Entry, age_ms: int = 0, *, room_gone: bool = False) -> Step | int | None:
    """Give the step that is due at an age, or the age at which one will be."""
    step, at_ms = next_step(entry, CREATED_MS + age_ms, room_gone=room_gone)
    return step or (None if at_ms is None else at_ms - CREATED_MS)


def shown(*found: Upload | Sending) -> Entry:
    entry = entry_of(*found)
    entry.shown = entry.cleared = True
    return entry


def test_what_is_sent_and_ready_is_told_once_redis_shows_it() -> None:
    ready = with_result(UPLOAD, READY)
    assert due(entry_of(ready, SENT)) is Step.SHOW
    assert due(shown(ready, SENT)) is Step.TELL
    assert due(shown(ready, SENT.model_copy(update={"told": "ready"}))) is None
    assert due(shown(ready)) == ORPHAN_LIFE_MS


def test_a_refusal_that_turns_out_wrong_is_told_again() -> None:
    told = SENT.model_copy(update={"told": "rejected"})
    assert due(shown(with_result(UPLOAD, READY), told)) is Step.TELL


def test_what_was_not_sent_for_a_day_is_removed_and_what_was_sent_is_not() -> None:
    for state in ("incoming", "stored", "ready", "rejected"):
        upload = UPLOAD.model_copy(update={"state": state})
        entry = shown(upload)
        entry.looks, entry.looked_ms = 99, CREATED_MS + ORPHAN_LIFE_MS
        assert due(entry, ORPHAN_LIFE_MS - 1) == ORPHAN_LIFE_MS
        assert due(entry, ORPHAN_LIFE_MS) is Step.REMOVE
    assert (
        due(shown(with_result(UPLOAD, READY), SENT.model_copy(update={"told": "ready"})), 10 * ORPHAN_LIFE_MS) is None
    )


@pytest.mark.parametrize(
    "found", [(UPLOAD, REMOVED), (with_result(UPLOAD, READY), SENT, REMOVED), (UPLOAD, REMOVED, SENT)]
)
def test_a_deleted_message_takes_its_media_along(found: tuple[Upload | Sending, ...]) -> None:
    assert due(shown(*found)) is Step.REMOVE


def test_a_deleted_room_takes_all_its_media_along() -> None:
    for found in [(UPLOAD,), (with_result(UPLOAD, READY), SENT.model_copy(update={"told": "ready"}))]:
        assert due(shown(*found), room_gone=True) is Step.REMOVE


def test_what_is_removed_is_deleted_at_once_and_again_when_nobody_can_write_it_any_more() -> None:
    entry = entry_of(UPLOAD.model_copy(update={"state": "removed"}), REMOVED)
    assert due(entry) is Step.SHOW
    entry.shown = True
    assert due(entry) is Step.PURGE
    entry.purges, entry.purged_ms = 1, CREATED_MS
    assert due(entry) == GRACE_MS
    assert due(entry, GRACE_MS) is Step.PURGE
    entry.purges = 2
    assert due(entry, GRACE_MS) is Step.FORGET


@pytest.mark.parametrize(
    ("changes", "cleared"),
    [
        ({"state": "incoming"}, False),
        ({"state": "stored"}, False),
        ({"state": "ready"}, True),
        ({"state": "rejected", "reason": "unreadable"}, True),
        ({"state": "rejected", "reason": "not_uploaded"}, True),
        ({"state": "rejected", "reason": "not_processed"}, False),
    ],
)
def test_what_the_function_does_not_want_any_more_is_cleared_away(changes: dict[str, Any], cleared: bool) -> None:  # noqa: FBT001
    entry = shown(UPLOAD.model_copy(update=changes))
    entry.looks, entry.looked_ms = 99, CREATED_MS + GRACE_MS
    without = due(entry, GRACE_MS - 1)
    entry.cleared = False
    assert due(entry, GRACE_MS - 1) == (GRACE_MS if cleared else without)
    assert (due(entry, GRACE_MS) is Step.CLEAR) == cleared


def test_nobody_waits_for_what_was_cancelled_while_its_message_was_on_its_way() -> None:
    removed = UPLOAD.model_copy(update={"state": "removed"})
    entry = shown(removed, SENT)
    assert due(entry) is Step.TELL
    assert due(entry, room_gone=True) is Step.PURGE
    assert due(shown(removed, SENT.model_copy(update={"told": "rejected"}))) is Step.PURGE


def test_a_new_upload_is_shown_by_whoever_was_asked() -> None:
    assert due(entry_of(UPLOAD)) == 10_000
    assert due(entry_of(UPLOAD), 10_000) is Step.SHOW
    assert due(entry_of(UPLOAD, SENT)) is Step.SHOW


def test_what_is_pending_is_looked_for_after_pauses_that_grow_to_an_hour() -> None:
    entry, ages = shown(UPLOAD), list[int]()
    for _ in range(12):
        age = due(entry, ages[-1] if ages else 0)
        assert isinstance(age, int)
        ages.append(age)
        assert due(entry, age) is Step.LOOK
        entry.looks, entry.looked_ms = entry.looks + 1, CREATED_MS + age
    pauses = [later - earlier for earlier, later in zip(ages, ages[1:], strict=False)]
    assert ages[0] == LOOK_FIRST_MS
    assert pauses == [min(LOOK_FIRST_MS << n, 60 * MINUTE_MS) for n in range(11)]


@pytest.mark.parametrize(
    ("changes", "found", "age_ms"),
    [
        ({}, False, NOT_UPLOADED_MS),
        ({"upload_id": "u"}, False, MULTIPART_LIFE_MS + 60 * MINUTE_MS),
        ({"state": "stored"}, True, MULTIPART_LIFE_MS + 60 * MINUTE_MS),
    ],
)
def test_nobody_waits_for_ever_for_what_does_not_come(changes: dict[str, Any], found: bool, age_ms: int) -> None:  # noqa: FBT001
    entry = shown(UPLOAD.model_copy(update=changes), SENT)
    entry.looks, entry.looked_ms = 99, CREATED_MS + age_ms
    entry.found_ms = CREATED_MS if found else None
    assert due(entry, age_ms - 1) == age_ms
    assert due(entry, age_ms) is Step.GIVE_UP


def test_a_record_that_says_less_than_is_known_is_written_over_unless_the_better_one_follows() -> None:
    ready = with_result(UPLOAD, READY)
    entry = shown(ready, SENT.model_copy(update={"told": "ready"}), UPLOAD)
    assert due(entry) == 2_000
    assert due(entry, 2_000) is Step.REPAIR
    entry.take(ready, CREATED_MS)
    assert due(entry, 2_000) is None
    entry.take(SENT, CREATED_MS)
    assert due(entry, 2_000) is Step.REPAIR


def test_a_sending_without_an_upload_is_what_is_left_of_one() -> None:
    assert due(entry_of(SENT)) is Step.FORGET


def test_of_several_times_the_earliest_counts() -> None:
    agenda = Agenda()
    agenda.put(ID, 9)
    agenda.put(ID, 5)
    agenda.put(ID, 7)
    agenda.put(MediaId("other"), 6)
    assert agenda.take(4, 10) == []
    assert agenda.take(9, 1) == [ID]
    assert agenda.take(9, 10) == [MediaId("other")]
    assert len(agenda) == 0


# --- all of it together ---


class Life:
    """One media object, an owner that crashes and comes again, and a world that fails as `fails` says."""

    def __init__(self, choices: Iterator[bool]) -> None:
        self.world = MediaWorld(lambda: next(choices, False))
        self.clock = ManualClock(CREATED_MS)
        placements = Placements(self.world)
        placements.note(Placement(ROOM))
        log = MediaLog(self.world, shards=4)
        self.steps = Steps(
            log=log, views=self.world, finds=self.world, purges=self.world, placements=placements, rooms=self.world,
            events=self.world, clock=self.clock,
        )  # fmt: skip
        self.crash()

    def crash(self) -> None:
        """Begin anew with what the log holds; nothing is done before all of it is read again."""
        self.entries = Entries(lambda entry: None)
        self.position = 0
        self.taken_over = len(self.world.log)

    def write(self, record: Upload | Sending) -> None:
        key = upload_key(ID) if isinstance(record, Upload) else sending_key(ID)
        self.world.log.append((key, encode(record)))

    def read(self, count: int) -> None:
        """Let the owner read some more of the log."""
        for key, value in self.world.log[self.position : self.position + max(0, count)]:
            self.entries.read(0, key, value, self.clock.now_ms())
            self.position += 1

    async def step(self) -> Next | None:
        """Do one thing that is due."""
        self.read(self.taken_over - self.position)
        entry = self.entries.get(ID)
        if entry is None:
            return None
        found = next_step(entry, self.clock.now_ms(), room_gone=self.steps.room_gone(ROOM))
        if found.step is not None:
            try:
                await self.steps.perform(found.step, entry)
            except AppendError:
                return found
            if entry.ended:
                self.entries.drop(0, ID)
        return found

    async def settle(self, days: float) -> None:
        """Let time pass, with nothing failing any more."""
        self.world.fails = lambda: False
        until_ms = self.clock.now_ms() + int(days * 86_400_000)
        while True:
            self.read(1_000)
            found = await self.step()
            if found is not None and found.step is not None:
                continue
            if self.position < len(self.world.log):
                continue
            at_ms = until_ms if found is None or found.at_ms is None else found.at_ms
            if at_ms >= until_ms:
                return
            await self.clock.advance((at_ms - self.clock.now_ms()) / 1000)

    def compact(self) -> None:
        """Compact the log; Kafka leaves alone what is newer than the seconds that a repair takes."""
        self.read(1_000)
        entry = self.entries.get(ID)
        if entry is None or entry.behind_ms is None:
            self.world.compact()

    def compacted(self) -> dict[str, Any]:
        self.world.compact()
        return dict(self.world.log)


WRITES: dict[str, Upload | Sending] = {
    "stored": UPLOAD.model_copy(update={"state": "stored"}),
    "ready": with_result(UPLOAD, READY),
    "rejected": with_result(UPLOAD, REJECTED),
    "sent": SENT,
    "deleted": REMOVED,
    "cancelled": UPLOAD.model_copy(update={"state": "removed"}),
}
acts = st.lists(
    st.sampled_from([*WRITES, "read", "read", "step", "step", "step", "crash", "compact", "wait"]), max_size=30
)


@pytest.mark.slow
@settings(max_examples=400, deadline=None)
@given(plan=acts, failures=st.lists(st.booleans(), max_size=40))
async def test_whatever_comes_in_whatever_order_and_fails_it_ends_as_it_should(
    plan: list[str], failures: list[bool]
) -> None:
    life = Life(iter(failures))
    life.write(UPLOAD)
    life.world.objects |= {UPLOAD.incoming: b"x", f"{UPLOAD.folder}original.png": b"x"}
    happened = set()
    for act in plan:
        if act in WRITES:
            happened.add(act)
            life.write(WRITES[act])
        elif act == "read":
            life.read(1)
        elif act == "step":
            await life.step()
        elif act == "wait":
            await life.clock.advance(1)
        else:
            if act == "compact":
                life.compact()
            life.crash()
    await life.settle(1.5)

    world, kept = life.world, life.compacted()
    if happened & {"deleted", "cancelled"} or "sent" not in happened:
        assert (kept, world.views, world.objects) == ({}, {}, {})
    else:
        status = "ready" if "ready" in happened else "rejected"
        assert world.told[-1][0].status == world.views[ID].state == status
        assert world.views[ID].sent == world.told[-1][0].target == 7
        assert f"{UPLOAD.folder}original.png" in world.objects
        assert (UPLOAD.incoming in world.objects) == (not happened & {"ready", "rejected"})
        stored = Sending.model_validate_json(kept[sending_key(ID)])
        assert (stored.told, Upload.model_validate_json(kept[upload_key(ID)]).state) == (status, status)
        told = len(world.told)
        life.crash()
        await life.settle(1)
        assert len(world.told) == told, "what is told stays told"
    assert all(by_then_sent for _, by_then_sent in world.told)


async def test_a_lost_callback_is_found_and_a_lost_event_sent_again() -> None:
    life = Life(iter(()))
    life.write(UPLOAD)
    life.write(SENT)
    life.world.objects[UPLOAD.incoming] = b"x"
    await life.settle((LOOK_FIRST_MS + 2 * RESEND_AFTER_MS) / 86_400_000)
    assert [upload.id for upload in life.world.resent] == [ID]
    life.world.objects[UPLOAD.manifest] = encode_result(READY)
    await life.settle(10 * MINUTE_MS / 86_400_000)
    assert [event.status for event, _ in life.world.told] == ["ready"]


async def test_what_never_came_is_rejected_with_a_reason() -> None:
    for key, reason in ((None, "not_uploaded"), (UPLOAD.incoming, "not_processed")):
        life = Life(iter(()))
        life.write(UPLOAD)
        life.write(SENT)
        if key:
            life.world.objects[key] = b"x"
        await life.settle(1.5)
        assert [event.model_dump()["reason"] for event, _ in life.world.told] == [reason]
        assert set(life.world.objects) == ({key} if key else set())


async def test_parts_that_never_became_an_upload_are_dropped() -> None:
    life = Life(iter(()))
    life.write(UPLOAD.model_copy(update={"upload_id": "u", "part_bytes": 5 << 20}))
    life.write(SENT)
    await life.settle(1.5)
    assert [event.model_dump()["reason"] for event, _ in life.world.told] == ["not_uploaded"]
    assert life.world.aborted == [f"{UPLOAD.incoming} u"]


async def test_a_deleted_room_loses_its_media_and_hears_of_nothing() -> None:
    life = Life(iter(()))
    life.write(with_result(UPLOAD, READY))
    life.world.objects[UPLOAD.manifest] = encode_result(READY)
    life.steps._placements.note(Placement(ROOM, status="deleted", deleted_ms=1))
    life.write(SENT)
    await life.settle(1)
    assert (life.compacted(), life.world.views, life.world.objects, life.world.told) == ({}, {}, {}, [])


def encode_result(result: Result) -> bytes:
    return result.model_dump_json(exclude_none=True).encode()
