"""Rooms as their members see them: lists, counts, members, the directory."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from kaftalk_protocol.errors import Code, Refused
from kaftalk_protocol.ids import UserId
from kaftalk_protocol.records import AnyRecord, Delete, Edit, Join, Message, Room, encode, parse
from kaftalk_protocol.room_state import RoomState
from kaftalk_protocol.server_frames import RoomEntry
from kaftalk_testing.busy_logs import busy_logs
from kaftalk_testing.log_twin import LogTwin, RoomTwin
from kaftalk_testing.room_logs import ANN, BOB, CYD, DAN, PEOPLE, message
from kaftalk_views.catch_up import CatchUp
from kaftalk_views.cursors import ReadCursors
from kaftalk_views.errors import ViewUnknown
from kaftalk_views.listing import RoomListing
from kaftalk_views.room_views import RoomViews
from kaftalk_views.users import StoredUser, Users

NewRoom = Callable[[], RoomTwin]
OPENING = Room(by=ANN, kind="public", name="tea", topic="all about tea", members={ANN: "owner", BOB: "member"})
ROOM_ENTRY: TypeAdapter[Any] = TypeAdapter(RoomEntry)


def counted(room: RoomTwin, records: list[AnyRecord], user: UserId, read_seq: int) -> tuple[int, int]:
    """Count unread messages and mentions by the whole log."""
    state = RoomState(room.placement.room)
    messages: dict[int, tuple[Message, list[UserId]]] = {}
    for seq, record in enumerate(map(parse, map(encode, records))):
        if not state.apply(seq, room.now_ms - len(records) + seq + 1, record).taken:
            continue
        match record:
            case Message():
                messages[seq] = record, record.mentions
            case Edit() if record.target in messages:
                messages[record.target] = messages[record.target][0], record.mentions
            case Delete():
                messages.pop(record.target, None)
    unread = [one for seq, one in messages.items() if seq > read_seq and one[0].by != user]
    return len(unread), sum(sent.mention_all or user in named for sent, named in unread)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(records=busy_logs(), reads=st.lists(st.tuples(st.sampled_from(PEOPLE), st.integers(0, 60)), max_size=4))
async def test_counts_are_those_of_the_whole_log(
    catch_up: CatchUp,
    views: RoomViews,
    cursors: ReadCursors,
    listing: RoomListing,
    new_room: NewRoom,
    records: list[AnyRecord],
    reads: list[tuple[UserId, int]],
) -> None:
    room = new_room()
    name = room.placement.room
    head = (await catch_up.project_to(room.placement, room.add(*records))).shown_seq or 0
    for user, seq in reads:
        await cursors.advance(name, user, min(seq, head))
    for user, member in (await views.members(name)).items():
        entry = ROOM_ENTRY.validate_python(await listing.entry(name, user))
        assert entry.read_seq >= member.joined_seq
        assert entry.head == head
        assert (entry.unread, entry.mentions) == counted(room, records, user, entry.read_seq)


async def test_ones_own_rooms_are_listed_by_activity(
    catch_up: CatchUp, listing: RoomListing, new_room: NewRoom
) -> None:
    rooms = [new_room() for _ in range(3)]
    for room in rooms:
        await catch_up.project_to(room.placement, room.add(OPENING))
    rooms[0].now_ms += 10_000_000
    await catch_up.project_to(rooms[0].placement, rooms[0].add(message(BOB, 1, text="hi", mentions=[ANN])))

    entries = await listing.entries(ANN)

    assert [entry["id"] for entry in entries] == [rooms[at].placement.room for at in (0, 2, 1)]
    first = entries[0]
    assert (first["unread"], first["mentions"], first["head"], first["read_seq"]) == (1, 1, 1, 0)
    assert first["last_event"]["e"]["text"] == "hi"
    assert first["last_event"]["prev"] == 0
    assert first["me"] == {"role": "owner", "joined_seq": 0}
    assert (await listing.entry(rooms[0].placement.room, BOB))["unread"] == 0


async def test_a_deleted_last_message_shows_nothing(catch_up: CatchUp, listing: RoomListing, new_room: NewRoom) -> None:
    room = new_room()
    await catch_up.project_to(room.placement, room.add(OPENING, message(BOB, 1, text="oops", mention_all=True)))
    assert (await listing.entry(room.placement.room, ANN))["mentions"] == 1
    await catch_up.project_to(room.placement, room.add(Delete(by=BOB, target=1, author=BOB)))
    entry = await listing.entry(room.placement.room, ANN)
    assert entry["last_event"]["e"]["k"] == "deleted"
    assert (entry["unread"], entry["mentions"], entry["head"]) == (0, 0, 2)


async def test_unread_counts_end_at_a_thousand(catch_up: CatchUp, listing: RoomListing, new_room: NewRoom) -> None:
    room = new_room()
    await catch_up.project_to(room.placement, room.add(OPENING, *(message(BOB, n) for n in range(1, 1_150))))
    assert (await listing.entry(room.placement.room, ANN))["unread"] == 1_000


async def test_a_mute_is_told_and_taken_back(
    catch_up: CatchUp, cursors: ReadCursors, listing: RoomListing, new_room: NewRoom
) -> None:
    room = new_room()
    name = room.placement.room
    await catch_up.project_to(room.placement, room.add(OPENING))
    told = []
    for until in (1_800_000_000_000, "forever", None):
        await cursors.mute(name, BOB, until)
        told.append((await listing.entry(name, BOB))["muted_until"])
    assert told == ["2027-01-15T08:00:00.000Z", "forever", None]


async def test_a_direct_room_shows_the_other_one(
    catch_up: CatchUp, users: Users, listing: RoomListing, new_room: NewRoom
) -> None:
    room, alone = new_room(), new_room()
    await users.put(StoredUser(ANN, "ann", "Ann"), StoredUser(BOB, "bob", "밥"))
    direct = Room(by=ANN, kind="direct", members={ANN: "member", BOB: "member"})
    await catch_up.project_to(room.placement, room.add(direct))
    await catch_up.project_to(alone.placement, alone.add(direct.model_copy(update={"members": {ANN: "member"}})))
    seen = await listing.room(room.placement.room, ANN)
    assert (seen["name"], seen["peer"]["display_name"]) == (None, "밥")
    assert (await listing.room(room.placement.room, BOB))["peer"]["username"] == "ann"
    assert (await listing.room(alone.placement.room, ANN))["peer"]["username"] == "ann"
    with pytest.raises(Refused) as refused:
        await listing.room(room.placement.room, CYD)
    assert refused.value.code is Code.NOT_FOUND


async def test_strangers_see_public_rooms_until_they_are_deleted(
    catch_up: CatchUp, listing: RoomListing, new_room: NewRoom
) -> None:
    room = new_room()
    name = room.placement.room
    await catch_up.project_to(room.placement, room.add(OPENING))
    assert (await listing.room(name, CYD))["me"] is None
    with pytest.raises(Refused) as refused:
        await listing.entry(name, CYD)
    assert refused.value.code is Code.NOT_MEMBER

    await catch_up.project_to(room.placement, room.add(Room(by=ANN, deleted=True)))
    for user in (ANN, CYD):
        with pytest.raises(Refused) as refused:
            await listing.room(name, user)
        assert refused.value.code is Code.NOT_FOUND
    assert await listing.entries(ANN) == []
    assert await listing.directory("", ANN) == ([], None)


async def test_a_missing_view_is_unknown(listing: RoomListing, new_room: NewRoom) -> None:
    with pytest.raises(ViewUnknown):
        await listing.room(new_room().placement.room, ANN)


async def test_members_are_given_in_the_order_of_joining(
    catch_up: CatchUp, cursors: ReadCursors, users: Users, listing: RoomListing, new_room: NewRoom
) -> None:
    room = new_room()
    await users.put(StoredUser(CYD, "cyd", "Cyd"))
    joins: list[AnyRecord] = [Join(user=DAN, by=DAN), Join(user=CYD, by=CYD), message(DAN, 1)]
    await catch_up.project_to(room.placement, room.add(OPENING, *joins))
    first, cursor = await listing.members(room.placement.room, limit=3)
    rest, end = await listing.members(room.placement.room, cursor=cursor, limit=3)
    assert [member["user"]["id"] for member in first + rest] == [ANN, BOB, DAN, CYD]
    assert (rest[0]["role"], rest[0]["joined_seq"], rest[0]["read_seq"]) == ("member", 2, 2)
    assert rest[0]["user"]["username"] == "cyd"
    assert (first[2]["read_seq"], end) == (3, None)
    assert not first[0]["user"]["active"]


async def test_the_directory_finds_parts_of_words(catch_up: CatchUp, listing: RoomListing, new_room: NewRoom) -> None:
    for name, topic, kind in (
        ("Straße", None, "public"),
        ("한국어 공부방", "매일 저녁", "public"),
        ("Tea", None, "private"),
        ("tea", None, "public"),
    ):
        room = new_room()
        opening = OPENING.model_copy(update={"name": name, "topic": topic, "kind": kind})
        await catch_up.project_to(room.placement, room.add(opening))

    async def names(query: str) -> list[str]:
        return [room["name"] for room in (await listing.directory(query, CYD))[0]]

    assert await names("공부") == ["한국어 공부방"]
    assert await names("\u1100\u1169\u11bc\u1107\u116e") == ["한국어 공부방"]
    assert await names("저녁") == ["한국어 공부방"]
    assert await names("STRASSE") == ["Straße"]
    assert await names("TE") == ["tea"]
    assert await names("") == ["Straße", "tea", "한국어 공부방"]
    page, cursor = await listing.directory("", CYD, limit=2)
    rest, end = await listing.directory("", CYD, cursor=cursor, limit=2)
    assert [room["name"] for room in page + rest] == ["Straße", "tea", "한국어 공부방"]
    assert end is None


async def test_a_renamed_room_is_found_by_its_new_name(
    catch_up: CatchUp, listing: RoomListing, new_room: NewRoom
) -> None:
    room = new_room()
    await catch_up.project_to(room.placement, room.add(OPENING, Room(by=ANN, name="coffee", topic="")))
    assert (await listing.directory("tea", CYD))[0] == []
    found = (await listing.directory("cof", CYD))[0][0]
    assert (found["name"], found["topic"], found["member_count"], found["me"]) == ("coffee", None, 2, None)


async def test_in_a_hold_the_last_event_is_the_one_before_it(
    catch_up: CatchUp, listing: RoomListing, new_room: NewRoom
) -> None:
    room = new_room()
    name, before = room.placement.room, room.add(OPENING, message(BOB, 1, text="before"))
    hold_ms = room.now_ms + 1
    await catch_up.project_to(room.placement, before)
    assert (await listing.entry(name, ANN, hold_ms))["last_event"]["seq"] == 1
    await catch_up.project_to(room.placement, room.add(message(BOB, 2, text="held"), message(BOB, 3, mentions=[ANN])))

    entry = ROOM_ENTRY.validate_python(await listing.entry(name, ANN, hold_ms))

    assert entry.last_event is not None
    assert (entry.last_event.seq, entry.last_event.prev) == (1, 0)
    assert (entry.unread, entry.mentions, entry.head) == (3, 1, 3)
    assert [one["last_event"]["seq"] for one in await listing.entries(ANN, hold_ms)] == [1]
    assert [one["last_event"]["seq"] for one in await listing.entries(ANN)] == [3]
    later_ms = room.now_ms + 1
    assert [one["last_event"]["seq"] for one in await listing.entries(ANN, later_ms)] == [3]


async def test_what_corrects_the_last_event_before_a_hold_is_shown(
    catch_up: CatchUp, listing: RoomListing, new_room: NewRoom
) -> None:
    room = new_room()
    name, before = room.placement.room, room.add(OPENING, message(BOB, 1, text="before"))
    hold_ms = room.now_ms + 1
    held: list[AnyRecord] = [message(BOB, 2), Edit(by=BOB, target=1, author=BOB, text="better")]
    await catch_up.project_to(room.placement, max(before, room.add(*held)))
    assert (await listing.entry(name, ANN, hold_ms))["last_event"]["e"]["text"] == "better"
    await catch_up.project_to(room.placement, room.add(Delete(by=BOB, target=1, author=BOB)))
    assert (await listing.entry(name, ANN, hold_ms))["last_event"]["e"]["k"] == "deleted"


async def test_who_joined_in_a_hold_is_shown_nothing_that_she_may_not_read(
    catch_up: CatchUp, listing: RoomListing, new_room: NewRoom
) -> None:
    since_join = OPENING.model_copy(update={"history": "since_join"})
    room = new_room()
    room.add(since_join, message(BOB, 1, text="secret"))
    hold_ms = room.now_ms + 1
    await catch_up.project_to(room.placement, room.add(Join(user=CYD, by=CYD), message(BOB, 2)))
    assert (await listing.entry(room.placement.room, CYD, hold_ms))["last_event"] is None
    assert (await listing.entry(room.placement.room, ANN, hold_ms))["last_event"]["seq"] == 1


async def test_a_last_event_that_cannot_be_read_now_is_not_told_in_a_hold(
    catch_up: CatchUp, listing: RoomListing, log: LogTwin, new_room: NewRoom
) -> None:
    room = new_room()
    await catch_up.project_to(room.placement, room.add(OPENING, message(BOB, 1), message(BOB, 2)))
    log.truncate(room.placement.topic, 0)
    assert (await listing.entry(room.placement.room, ANN, room.now_ms))["last_event"] is None
