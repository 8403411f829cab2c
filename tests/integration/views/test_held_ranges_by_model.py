"""What quiet hours release of a room: what a model folded from the whole log says, for any log and member."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kaftalk_protocol.ids import UserId
from kaftalk_protocol.records import (
    AnyRecord,
    Delete,
    Edit,
    Message,
    Room,
    encode,
    is_item,
    parse,
)
from kaftalk_protocol.room_state import RoomState
from kaftalk_testing.busy_logs import busy_logs
from kaftalk_testing.log_twin import RoomTwin
from kaftalk_testing.room_logs import ANN, BOB, CYD, PEOPLE
from kaftalk_views.catch_up import CatchUp
from kaftalk_views.cursors import ReadCursors
from kaftalk_views.held import HeldRanges
from kaftalk_views.held_batch import UserPart
from kaftalk_views.held_counts import HeldCount
from kaftalk_views.history import RoomHistory

pytestmark = pytest.mark.slow

NewRoom = Callable[[], RoomTwin]
OPENING = Room(by=ANN, kind="private", name="tea", members={ANN: "owner", BOB: "member", CYD: "member"})


class Model:
    """The whole log in memory, and what is held of it since a record."""

    def __init__(self, room: RoomTwin, records: list[AnyRecord], start: int) -> None:
        self.state = RoomState(room.placement.room)
        self.messages: dict[int, tuple[UserId, set[UserId | None], str]] = {}
        self.items: list[int] = []
        self.floor, self.to = 0, 0
        for seq, record in enumerate(map(parse, map(encode, records))):
            if not self.state.apply(seq, room.now_ms - len(records) + seq + 1, record).taken:
                continue
            self.floor, self.to = (seq if seq < start else self.floor), seq
            self._show(seq, record)
        self.items = [seq for seq in self.items if seq >= start]

    def _show(self, seq: int, record: AnyRecord) -> None:
        if is_item(record):
            self.items.append(seq)
        match record:
            case Message():
                everyone = [None] if record.mention_all else []
                self.messages[seq] = record.by, {*record.mentions, *everyone}, record.text
            case Edit() if record.target in self.messages:
                by, named, _ = self.messages[record.target]
                self.messages[record.target] = by, {*record.mentions, *(named & {None})}, record.text
            case Delete() if record.target in self.messages:
                del self.messages[record.target]
                self.items = [one for one in self.items if one != record.target]

    def part(self, user: UserId, read: int) -> dict[str, Any]:
        """Give what a member is released who has read up to a seq."""
        bound = min(max(self.floor, read), self.to)
        found = {seq: one for seq, one in self.messages.items() if seq > bound and one[0] != user}
        seqs = sorted(found)
        return {
            "from_": bound,
            "count": len(seqs),
            "mentions": sum(bool(named & {user, None}) for _, named, _ in found.values()),
            "first_seq": seqs[0] if seqs else None,
            "last_seq": seqs[-1] if seqs else None,
            "last_by": found[seqs[-1]][0] if seqs else None,
            "preview": found[seqs[-1]][2] if seqs else None,
        }


def told(part: UserPart | None) -> dict[str, Any]:
    assert part is not None
    names = ("from_", "count", "mentions", "first_seq", "last_seq", "last_by", "preview")
    return {name: getattr(part, name) for name in names}


def since(room: RoomTwin, records: int, start: int) -> int:
    """Give the time of record `start` of the room's `records`."""
    return room.now_ms - records + start + 1


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(
    records=busy_logs(),
    start=st.integers(0, 60),
    reads=st.lists(st.tuples(st.sampled_from(PEOPLE), st.integers(0, 60)), max_size=4),
)
async def test_a_room_releases_what_the_whole_log_says(
    catch_up: CatchUp,
    cursors: ReadCursors,
    held: HeldRanges,
    new_room: NewRoom,
    records: list[AnyRecord],
    start: int,
    reads: list[tuple[UserId, int]],
) -> None:
    room, start = new_room(), start % len(records)
    name = room.placement.room
    state = await catch_up.project_to(room.placement, room.add(*records))
    model = Model(room, records, start)
    for user, seq in reads:
        await cursors.advance(name, user, min(seq, model.to))
    start_ms = since(room, len(records), start)

    batch = await held.batch(name, start_ms)
    counts = await held.counts(name, dict.fromkeys(PEOPLE, model.floor))

    assert await held.floor(name, start_ms) == model.floor
    if state.deleted or model.to < start:
        assert batch is None
        assert state.deleted or await held.first(name, start_ms) is None
        return
    assert batch is not None
    assert (batch.first, batch.floor, batch.to, batch.epoch) == (start, model.floor, model.to, 0)
    assert [item["seq"] for item in batch.items] == model.items
    for user in PEOPLE:
        if user not in state.members:
            assert batch.for_user(user, room.now_ms) is None
            assert user not in counts
            continue
        read = (await cursors.of(name, user)).seq or 0
        part = model.part(user, read)
        assert told(batch.for_user(user, room.now_ms)) == part
        assert counts[user] == HeldCount(part["count"], part["mentions"], part["first_seq"])
        assert await held.counts_of(user, {name: model.floor}) == {name: counts[user]}


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(records=busy_logs(), start=st.integers(1, 60))
async def test_items_are_those_of_a_page_as_of_the_same_head(
    catch_up: CatchUp,
    history: RoomHistory,
    held: HeldRanges,
    new_room: NewRoom,
    records: list[AnyRecord],
    start: int,
) -> None:
    room, start = new_room(), start % len(records)
    state = await catch_up.project_to(room.placement, room.add(*records))
    batch = await held.batch(room.placement.room, since(room, len(records), start))
    if batch is None or ANN not in state.members:
        return
    page = await history.page(room.placement.room, ANN, limit=100)
    visible = max(batch.first, page["from"] + 1)
    items = [item for item in page["items"] if item["seq"] >= visible and item["e"]["k"] != "deleted"]
    said = [(item["seq"], one) for item in items for one in item["e"].get("reactions", [])]
    part = batch.for_user(ANN, room.now_ms)
    assert part is not None
    assert {*part.mine} == {(seq, one["emoji"]) for seq, one in said if one["me"] and seq > part.from_}
    for _, one in said:
        one["me"] = False
    assert [item for item in batch.items if item["seq"] >= visible] == items
    assert batch.to == page["as_of"]
