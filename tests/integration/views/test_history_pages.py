"""Pages of a room's history: what a model folded from the whole log says, for any log and any question."""

import itertools
from collections.abc import Callable
from typing import Any, NamedTuple

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kaftalk_protocol.errors import Code, Refused
from kaftalk_protocol.ids import UserId
from kaftalk_protocol.records import (
    AnyRecord,
    Delete,
    Edit,
    Join,
    Kick,
    Media,
    Message,
    Reaction,
    Room,
    encode,
    is_item,
    parse,
)
from kaftalk_protocol.room_state import RoomState
from kaftalk_testing.busy_logs import busy_logs
from kaftalk_testing.log_twin import LogTwin, RoomTwin
from kaftalk_testing.room_logs import ANN, BOB, CYD, PEOPLE, message
from kaftalk_views.catch_up import CatchUp
from kaftalk_views.errors import HistoryUnavailable, ViewUnknown
from kaftalk_views.history import RoomHistory
from kaftalk_views.room_views import RoomViews

NewRoom = Callable[[], RoomTwin]
OPENING = Room(by=ANN, kind="public", name="tea", members={ANN: "owner", BOB: "member"})


class Model:
    """The whole log folded in memory, and pages cut from the whole of what a member may see."""

    def __init__(self, room: RoomTwin, records: list[AnyRecord]) -> None:
        self.state = RoomState(room.placement.room)
        self.events: list[dict[str, Any]] = []
        self.messages: dict[int, dict[str, Any]] = {}
        ts = room.now_ms - len(records)
        for seq, record in enumerate(map(parse, map(encode, records))):
            prev = self.state.shown_seq
            if self.state.apply(seq, ts + seq + 1, record).taken:
                self._show(seq, prev, ts + seq + 1, record)

    def _show(self, seq: int, prev: int | None, ts: int, record: AnyRecord) -> None:
        if is_item(record):
            event = {"epoch": 0, "seq": seq, "prev": prev, "ts": ts, "e": orjson.loads(encode(record))}
            self.events.append(event)
        match record:
            case Message():
                self.messages[seq] = event["e"] | {"edited": None, "said": {}}
            case Edit() if record.target in self.messages:
                self.messages[record.target] |= {
                    "text": record.text, "mentions": record.mentions, "edited": {"seq": seq, "ts": ts}
                }  # fmt: skip
            case Delete() if record.target in self.messages:
                self.messages[record.target].setdefault("gone", record.by)
            case Reaction() if record.target in self.messages:
                said = self.messages[record.target]["said"]
                said.pop((record.emoji, record.by), None)
                if record.on:
                    said[record.emoji, record.by] = seq

    def visible(self, viewer: UserId) -> list[dict[str, Any]]:
        joined = self.state.members[viewer].joined_seq
        floor = joined if self.state.history == "since_join" else 0
        return [event | {"e": self._now(event, viewer)} for event in self.events if event["seq"] >= floor]

    def _now(self, event: dict[str, Any], viewer: UserId) -> dict[str, Any]:
        found = self.messages.get(event["seq"])
        if found is None:
            return dict(event["e"])
        if "gone" in found:
            return {"v": 1, "k": "deleted", "id": found["id"], "by": found["by"], "deleted_by": found["gone"]}
        emojis = list(dict.fromkeys(emoji for emoji, _ in found["said"]))
        return {name: value for name, value in found.items() if name != "said"} | {
            "reactions": [
                {
                    "emoji": emoji,
                    "count": sum(one == emoji for one, _ in found["said"]),
                    "me": (emoji, viewer) in found["said"],
                }
                for emoji in emojis
            ]
        }


class Question(NamedTuple):
    kind: str
    seq: int
    limit: int
    viewer: UserId


QUESTIONS = st.builds(
    Question,
    st.sampled_from(["newest", "before", "after", "around"]),
    st.integers(0, 70),
    st.integers(1, 20),
    st.sampled_from(PEOPLE),
)


def expected(visible: list[dict[str, Any]], asked: Question) -> list[dict[str, Any]]:
    early = [event for event in visible if event["seq"] <= asked.seq]
    late = [event for event in visible if event["seq"] > asked.seq]
    match asked.kind:
        case "newest":
            return visible[-asked.limit :]
        case "before":
            return [event for event in early if event["seq"] < asked.seq][-asked.limit :]
        case "after":
            return late[: asked.limit]
    back = min(len(early), max(asked.limit - asked.limit // 2, asked.limit - len(late)))
    return early[len(early) - back :] + late[: asked.limit - back]


def check_claims(page: dict[str, Any], visible: list[dict[str, Any]], asked: Question, head: int) -> None:
    seqs = [event["seq"] for event in visible]
    assert page["items"] == [event for event in visible if page["from"] < event["seq"] <= page["to"]]
    assert page["has_before"] == any(seq <= page["from"] for seq in seqs)
    assert page["has_after"] == any(seq > page["to"] for seq in seqs)
    assert page["as_of"] == head
    assert page["to"] <= head
    if asked.kind == "newest" or (asked.kind in ("after", "around") and not page["has_after"]):
        assert page["to"] == head
    if asked.kind == "after":
        assert page["from"] == min(asked.seq, head)
    if asked.kind == "before":
        assert page["to"] == min(asked.seq - 1, head)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(records=busy_logs(), questions=st.lists(QUESTIONS, min_size=3, max_size=6))
async def test_a_page_is_what_the_fold_of_the_whole_log_shows(
    catch_up: CatchUp, history: RoomHistory, new_room: NewRoom, records: list[AnyRecord], questions: list[Question]
) -> None:
    room = new_room()
    await catch_up.project_to(room.placement, room.add(*records))
    model = Model(room, records)
    for asked in questions:
        place = {} if asked.kind == "newest" else {asked.kind: asked.seq}
        ask = history.page(room.placement.room, asked.viewer, **place, limit=asked.limit)
        if asked.viewer not in model.state.members:
            with pytest.raises(Refused):
                await ask
            continue
        page = await ask
        visible = model.visible(asked.viewer)
        assert page["items"] == expected(visible, asked)
        check_claims(page, visible, asked, model.state.shown_seq or 0)


@pytest.fixture
async def talk(catch_up: CatchUp, new_room: NewRoom) -> RoomTwin:
    """Ann and Bob have said 30 things each; the room's record has seq 0."""
    room = new_room()
    both = itertools.chain.from_iterable((message(ANN, n), message(BOB, n)) for n in range(1, 31))
    await catch_up.project_to(room.placement, room.add(OPENING, *both))
    return room


async def test_the_newest_page_ends_at_the_head(history: RoomHistory, talk: RoomTwin) -> None:
    page = await history.page(talk.placement.room, ANN, limit=5)
    assert (page["from"], page["to"], page["as_of"]) == (55, 60, 60)
    assert [item["prev"] for item in page["items"]] == [55, 56, 57, 58, 59]
    assert (page["has_before"], page["has_after"]) == (True, False)


async def test_the_first_page_begins_before_the_first_event(history: RoomHistory, talk: RoomTwin) -> None:
    page = await history.page(talk.placement.room, ANN, after=-1, limit=2)
    assert (page["from"], page["to"]) == (-1, 1)
    assert page["items"][0]["prev"] is None
    assert not page["has_before"]


async def test_a_page_stops_where_its_bytes_end(history: RoomHistory, talk: RoomTwin) -> None:
    room = talk.placement.room
    newest = await history.page(room, ANN, limit=50, bytes_max=1_500)
    assert 1 < len(newest["items"]) < 10
    assert (newest["to"], newest["from"]) == (60, newest["items"][0]["seq"] - 1)
    later = await history.page(room, ANN, after=10, limit=50, bytes_max=1_500)
    assert (later["from"], later["to"]) == (10, later["items"][-1]["seq"])
    assert later["has_after"]
    middle = await history.page(room, ANN, around=30, limit=50, bytes_max=1_500)
    assert middle["items"][0]["seq"] < 30 < middle["items"][-1]["seq"]
    assert len((await history.page(room, ANN, around=30, bytes_max=1))["items"]) == 1


async def test_what_is_not_applied_is_not_read(history: RoomHistory, catch_up: CatchUp, talk: RoomTwin) -> None:
    talk.add(message(BOB, 31), Delete(by=BOB, target=60, author=BOB))
    page = await history.page(talk.placement.room, ANN, limit=1)
    assert page["items"][0]["e"]["text"] == "hello"
    assert page["to"] == 60

    await catch_up.project_to(talk.placement, 62)
    page = await history.page(talk.placement.room, ANN, limit=2)
    assert [item["e"]["k"] for item in page["items"]] == ["deleted", "message"]
    assert (page["to"], page["items"][1]["seq"]) == (62, 61)


async def test_a_view_that_moves_while_a_page_is_read_gives_a_page_of_one_moment(
    history: RoomHistory, catch_up: CatchUp, log: LogTwin, talk: RoomTwin, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, moves = log.read, itertools.count(31)

    async def move_and_read(topic: str, start: int, stop: int, *, bytes_max: int = 1 << 20) -> Any:
        found = await read(topic, start, stop, bytes_max=bytes_max)
        n = next(moves)
        if n < 35:
            seq = talk.add(message(BOB, n), Reaction(by=BOB, target=60, emoji="👍", on=n % 2 == 1))
            monkeypatch.setattr(log, "read", read)
            await catch_up.project_to(talk.placement, seq)
            monkeypatch.setattr(log, "read", move_and_read)
        return found

    monkeypatch.setattr(log, "read", move_and_read)
    page = await history.page(talk.placement.room, ANN, limit=6)
    assert page["to"] == page["as_of"] == talk.add(message(BOB, 40)) - 1
    assert [item["seq"] for item in page["items"]] == [59, 60, 61, 63, 65, 67]
    assert page["items"][1]["e"]["reactions"] == []


async def test_a_page_that_meets_a_new_epoch_is_asked_for_again(
    history: RoomHistory,
    views: RoomViews,
    catch_up: CatchUp,
    log: LogTwin,
    talk: RoomTwin,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    read = log.read
    state = await views.load(talk.placement.room)
    later = RoomTwin(log, talk.placement.room, epoch=1, base=1_000_000, now_ms=talk.now_ms)

    async def open_epoch_and_read(topic: str, start: int, stop: int, *, bytes_max: int = 1 << 20) -> Any:
        monkeypatch.setattr(log, "read", read)
        await catch_up.project_to(later.placement, later.add(Room(by=ANN, base=1_000_000, state=state.to_json())))
        return await read(topic, start, stop, bytes_max=bytes_max)

    monkeypatch.setattr(log, "read", open_epoch_and_read)
    with pytest.raises(HistoryUnavailable):
        await history.page(talk.placement.room, ANN, before=20)
    page = await history.page(talk.placement.room, ANN)
    assert (page["epoch"], page["items"], page["from"], page["to"]) == (1, [], 999_999, 1_000_000)


async def test_the_status_of_media_is_the_latest(history: RoomHistory, catch_up: CatchUp, new_room: NewRoom) -> None:
    room, media = new_room(), {"id": "m1", "kind": "image", "status": "pending"}
    sent = message(ANN, 1, text="", media=[media])
    ready = Media.model_validate({"media": "m1", "status": "ready", "width": 3})
    await catch_up.project_to(room.placement, room.add(OPENING, sent, ready))
    page = await history.page(room.placement.room, BOB)
    assert page["items"][-1]["e"]["media"] == [{"id": "m1", "kind": "image", "status": "ready", "width": 3}]


async def test_one_message_is_given_as_of_now(history: RoomHistory, catch_up: CatchUp, talk: RoomTwin) -> None:
    room = talk.placement.room
    edit = Edit(by=ANN, target=59, author=ANN, text="better", mentions=[BOB])
    await catch_up.project_to(talk.placement, talk.add(edit, Reaction(by=BOB, target=59, emoji="👍", on=True)))
    found = await history.message(room, BOB, 59)
    assert (found["e"]["text"], found["e"]["edited"]["seq"], found["prev"]) == ("better", 61, 58)
    assert found["e"]["reactions"] == [{"emoji": "👍", "count": 1, "me": True}]

    target = await history.target(room, ANN, 59)
    assert (target.by, target.text, target.mentions, target.edited_seq) == (ANN, "better", [BOB], 61)
    assert (target.reactions, target.deleted) == ({("👍", BOB): 62}, False)

    await catch_up.project_to(talk.placement, talk.add(Delete(by=ANN, target=59, author=ANN)))
    assert (await history.message(room, BOB, 59))["e"]["k"] == "deleted"
    assert (await history.target(room, ANN, 59)).deleted_seq == 63


async def test_what_is_no_message_cannot_be_changed(history: RoomHistory, catch_up: CatchUp, talk: RoomTwin) -> None:
    room = talk.placement.room
    await catch_up.project_to(
        talk.placement, talk.add(Reaction(by=BOB, target=5, emoji="👍", on=True), message(BOB, 30))
    )
    for seq in (0, 61, 62, 63, -1):
        with pytest.raises(Refused) as refused:
            await history.target(room, ANN, seq)
        assert refused.value.code is Code.NOT_FOUND


async def test_who_joined_later_reads_from_there_on(history: RoomHistory, catch_up: CatchUp, new_room: NewRoom) -> None:
    room = new_room()
    opening = OPENING.model_copy(update={"history": "since_join"})
    seq = room.add(opening, message(ANN, 1), Join(user=CYD, by=CYD), message(ANN, 2))
    await catch_up.project_to(room.placement, seq)
    page = await history.page(room.placement.room, CYD)
    assert [(item["seq"], item["prev"]) for item in page["items"]] == [(2, 1), (3, 2)]
    assert (page["from"], page["has_before"]) == (1, False)
    with pytest.raises(Refused):
        await history.message(room.placement.room, CYD, 1)


async def test_strangers_and_the_kicked_are_refused(history: RoomHistory, catch_up: CatchUp, talk: RoomTwin) -> None:
    await catch_up.project_to(talk.placement, talk.add(Kick(user=BOB, by=ANN)))
    for user in (BOB, CYD):
        with pytest.raises(Refused) as refused:
            await history.page(talk.placement.room, user)
        assert refused.value.code is Code.NOT_MEMBER


async def test_a_private_room_is_not_there_for_strangers(
    history: RoomHistory, catch_up: CatchUp, new_room: NewRoom
) -> None:
    room = new_room()
    await catch_up.project_to(room.placement, room.add(OPENING.model_copy(update={"kind": "private"})))
    with pytest.raises(Refused) as refused:
        await history.page(room.placement.room, CYD)
    assert refused.value.code is Code.NOT_FOUND


async def test_a_missing_view_is_unknown(history: RoomHistory, new_room: NewRoom) -> None:
    with pytest.raises(ViewUnknown):
        await history.page(new_room().placement.room, ANN)


async def test_a_log_that_ends_below_its_view_is_unavailable(
    history: RoomHistory, log: LogTwin, talk: RoomTwin
) -> None:
    log.truncate(talk.placement.topic, 40)
    with pytest.raises(HistoryUnavailable):
        await history.page(talk.placement.room, ANN)


async def test_pages_end_where_retention_has_cut_the_log(history: RoomHistory, log: LogTwin, talk: RoomTwin) -> None:
    log.cut(talk.placement.topic, 50)
    newest = await history.page(talk.placement.room, ANN, limit=50)
    assert (newest["from"], newest["has_before"], len(newest["items"])) == (49, False, 11)
    later = await history.page(talk.placement.room, ANN, after=10, limit=5)
    assert (later["from"], later["to"], later["items"][0]["seq"]) == (49, 54, 50)
