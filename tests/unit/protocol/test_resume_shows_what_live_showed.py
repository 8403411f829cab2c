"""Property (ii): a resume from every position shows exactly what live showed.

A model of the gateway's rules (drop, deliver, pull the gap; tail, else log; blank what is deleted) over real
folds, with pushes that are lost, repeated and reordered, as links, zombies and two owners do.
"""

from collections import deque
from collections.abc import Iterable
from typing import Any, NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from kaftalk_protocol.records import AnyRecord, Delete, Edit, Message, Reaction
from kaftalk_protocol.room_state import RoomState
from kaftalk_testing.room_logs import ANN, LOGS, ROOM, START_MS, RoomScript, message

TAIL = 4


class Shown(NamedTuple):
    """A shown event, with the seq of the one before it."""

    seq: int
    prev: int | None
    record: AnyRecord


class Log:
    """A folded log: what is shown of it, as of any applied seq."""

    def __init__(self, records: list[AnyRecord]) -> None:
        state, self.events = RoomState(ROOM), list[Shown]()
        for seq, record in enumerate(records):
            prev = state.shown_seq
            if state.apply(seq, START_MS + seq, record).taken:
                self.events.append(Shown(seq, prev, record))

    def read(self, after: int, to: int, as_of: int) -> list[Shown]:
        gone = deleted(event.record for event in self.events if event.seq <= as_of)
        return [blank(event, gone) for event in self.events if after < event.seq <= to]


def deleted(records: Iterable[AnyRecord]) -> set[int]:
    return {record.target for record in records if isinstance(record, Delete)}


def blank(event: Shown, gone: set[int]) -> Shown:
    record = event.record
    if isinstance(record, Message) and event.seq in gone:
        return event._replace(record=record.model_copy(update={"text": "", "media": []}))
    if isinstance(record, Edit) and record.target in gone:
        return event._replace(record=record.model_copy(update={"text": ""}))
    return event


class Hub:
    """A gateway's rules for one room."""

    def __init__(self, log: Log, last: int) -> None:
        self.log, self.last = log, last
        self.tail: deque[Shown] = deque(maxlen=TAIL)
        self.sockets: list[Client] = []

    def push(self, event: Shown) -> None:
        if event.seq <= self.last:
            return
        if event.prev is not None and event.prev > self.last:
            for missed in self.log.read(self.last, event.prev, as_of=event.prev):
                self._deliver(missed)
        self._deliver(event)

    def head(self, shown_seq: int) -> None:
        for missed in self.log.read(self.last, shown_seq, as_of=shown_seq):
            self._deliver(missed)

    def _deliver(self, event: Shown) -> None:
        if isinstance(event.record, Delete):
            self.tail = deque((blank(old, {event.record.target}) for old in self.tail), maxlen=TAIL)
        self.tail.append(event)
        self.last = event.seq
        for socket in self.sockets:
            socket.event(event)

    def resume(self, client: "Client") -> None:
        covered = bool(self.tail) and (self.tail[0].prev is None or self.tail[0].prev <= client.position)
        missed = [event for event in self.tail if event.seq > client.position] if covered else None
        for event in self.log.read(client.position, self.last, self.last) if missed is None else missed:
            client.event(event)
        client.position = max(client.position, self.last)
        self.sockets.append(client)


class Client:
    """A client's rules for one room: one position, and what it shows."""

    def __init__(self) -> None:
        self.position = -1
        self.seqs: list[int] = []
        self.screen: dict[int, dict[str, Any]] = {}
        self.heard: list[Shown] = []

    def event(self, event: Shown) -> None:
        if event.seq <= self.position:
            return
        assert event.prev is None or event.prev <= self.position, "a hole"
        self.position = event.seq
        self.seqs.append(event.seq)
        self.heard.append(event)
        self._show(event.seq, event.record)

    def _show(self, seq: int, record: AnyRecord) -> None:
        if isinstance(record, Message):
            self.screen[seq] = {"by": record.by, "text": record.text, "reactions": set()}
        elif isinstance(record, Delete | Edit | Reaction) and (line := self.screen.get(record.target)):
            self._annotate(line, record)

    def _annotate(self, line: dict[str, Any], record: Delete | Edit | Reaction) -> None:
        if isinstance(record, Delete):
            line.update(text=None, reactions=set())
        elif line["text"] is None:
            return
        elif isinstance(record, Edit):
            line["text"] = record.text
        elif record.on:
            line["reactions"].add((record.emoji, record.by))
        else:
            line["reactions"].discard((record.emoji, record.by))


def live(log: Log) -> Client:
    client = Client()
    for event in log.events:
        client.event(event)
    return client


def after(log: Log, count: int) -> Client:
    client = Client()
    for event in log.events[:count]:
        client.event(event)
    return client


@settings(max_examples=150, deadline=None)
@given(LOGS, st.data())
def test_what_a_gateway_delivers_has_no_hole_no_repeat_and_one_order(
    records: list[AnyRecord], data: st.DataObject
) -> None:
    log = Log(records)
    client, hub = Client(), Hub(log, last=-1)
    hub.resume(client)
    for i in data.draw(st.lists(st.integers(0, len(log.events) - 1), max_size=60)):
        hub.push(log.events[i])
        assert client.seqs == [event.seq for event in log.events if event.seq <= hub.last]
    hub.head(log.events[-1].seq)
    assert client.seqs == [event.seq for event in log.events]
    assert client.screen == live(log).screen


@settings(max_examples=150, deadline=None)
@given(LOGS, st.data())
def test_a_resume_from_every_position_shows_what_live_showed(records: list[AnyRecord], data: st.DataObject) -> None:
    log = Log(records)
    subscribed_at = data.draw(st.integers(0, len(log.events)))
    hub = Hub(log, last=log.events[subscribed_at - 1].seq if subscribed_at else -1)
    pushes = st.lists(st.integers(0, len(log.events) - 1), max_size=30)
    for i in data.draw(pushes):
        hub.push(log.events[i])
    resumed = [
        after(log, count) for count in range(len(log.events) + 1) if count == 0 or log.events[count - 1].seq <= hub.last
    ]
    for client in resumed:
        hub.resume(client)
        assert client.position == hub.last
    for i in data.draw(pushes):
        hub.push(log.events[i])
    hub.head(log.events[-1].seq)
    truth = live(log)
    for client in resumed:
        assert client.seqs == truth.seqs
        assert client.screen == truth.screen


@settings(max_examples=100, deadline=None)
@given(LOGS, st.data())
def test_deleted_text_does_not_come_back_by_a_resume(records: list[AnyRecord], data: st.DataObject) -> None:
    log = Log(records)
    hub = Hub(log, last=-1)
    for i in data.draw(st.lists(st.integers(0, len(log.events) - 1), max_size=30)):
        hub.push(log.events[i])
    client = Client()
    hub.resume(client)
    gone = deleted(event.record for event in log.events if event.seq <= hub.last)
    for event in client.heard:
        hidden = event.seq if isinstance(event.record, Message) else getattr(event.record, "target", None)
        assert hidden not in gone or not getattr(event.record, "text", "")


def test_a_deletion_blanks_what_the_tail_still_holds() -> None:
    script = RoomScript()
    script.add(message(ANN, text="secret"))
    script.add(Edit(by=ANN, target=1, author=ANN, text="secret too"))
    script.add(Delete(by=ANN, target=1, author=ANN))
    log = Log([record for _, record in script.log])
    hub = Hub(log, last=-1)
    for event in log.events:
        hub.push(event)
    client = Client()
    hub.resume(client)
    assert client.heard == log.read(-1, 3, as_of=3)
    assert "secret" not in str(client.heard)
