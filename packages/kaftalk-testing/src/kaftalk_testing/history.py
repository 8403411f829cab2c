"""A history of what clients asked and saw, and the checker that finds what must not be in it.

The rules are Jepsen's for Kafka (`jepsen.tests.kafka`), said for a room: lost write, duplicate, inconsistent
offsets, non-monotonic poll, skipped poll, aborted read, plus membership: nothing is seen after one's own kick, and
quiet hours: nothing of others is shown by itself inside a hold, and all of it after it.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Literal

Outcome = Literal["ok", "fail", "unknown"]
How = Literal["live", "past_hold", "page", "release"]


@dataclass(frozen=True, slots=True)
class Sent:
    """One message that a client sent; `seq` is the place its ack named, null if the ack did not know it."""

    room: str
    by: str
    id: str
    outcome: Outcome
    seq: int | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """One message as a client showed it, in the order of showing; `quiet`: in a hold that also covered its room."""

    room: str
    seq: int
    by: str
    id: str
    ts: int = 0
    how: How = "live"
    quiet: bool = False


@dataclass(slots=True)
class View:
    """What one client showed; `whole` names the rooms of which it must have seen everything from `start` on.

    `cut` names the seq of one's own kick, a room, or the position at which one heard that one is no member. `holds`
    are the `[from, to)` of quiet hours, in ms of the log, as far as they were told.
    """

    client: str
    seen: list[Seen] = field(default_factory=list)
    whole: dict[str, int] = field(default_factory=dict)
    cut: dict[str, int] = field(default_factory=dict)
    user: str = ""
    holds: list[tuple[int, int]] = field(default_factory=list)

    def of(self, room: str) -> list[Seen]:
        """The messages of one room, as shown."""
        return [seen for seen in self.seen if seen.room == room]


@dataclass(frozen=True, slots=True)
class Violation:
    """One thing that must not be."""

    rule: str
    room: str
    detail: str


def check(sent: Iterable[Sent], views: Iterable[View]) -> list[Violation]:
    """Find every violation in a history; an empty list is the promise kept."""
    sends, shown = list(sent), list(views)
    places = _places(shown)
    return [
        *_lost(sends, shown),
        *_aborted(sends, shown),
        *_misplaced(sends, places),
        *_inconsistent(places),
        *(violation for view in shown for violation in _within(view)),
        *(violation for view in shown for violation in _inside_hold(view)),
        *_skipped(shown),
        *_out_of_turn(places),
    ]


def summary(sent: Iterable[Sent], views: Iterable[View], violations: Iterable[Violation]) -> str:
    """Say in one line what was checked and what was found."""
    counts: dict[str, int] = defaultdict(int)
    for violation in violations:
        counts[violation.rule] += 1
    outcomes: dict[str, int] = defaultdict(int)
    for send in sent:
        outcomes[send.outcome] += 1
    found = ", ".join(f"{counts[rule]} {rule}" for rule in RULES)
    shown = sum(len(view.seen) for view in views)
    asked = f"{outcomes['ok']} acknowledged, {outcomes['unknown']} unknown, {outcomes['fail']} refused"
    return f"{asked}, {shown} shown: {found}"


RULES = (
    "lost",
    "duplicate",
    "inversion",
    "skip",
    "inconsistent",
    "misplaced",
    "aborted-read",
    "out-of-turn",
    "seen-after-kick",
    "inside-hold",
)

_Places = dict[tuple[str, str], set[int]]


def _places(views: list[View]) -> _Places:
    places: _Places = defaultdict(set)
    for view in views:
        for seen in view.seen:
            places[seen.room, seen.id].add(seen.seq)
    return places


def _lost(sends: list[Sent], views: list[View]) -> Iterator[Violation]:
    """What was stored after its sender's own kick counts for nobody: its ack is followed by an error."""
    cuts = {(view.user, room): seq for view in views for room, seq in view.cut.items()}
    sends = [send for send in sends if send.seq is None or send.seq <= cuts.get((send.by, send.room), send.seq)]
    for view in views:
        ids = {(seen.room, seen.id) for seen in view.seen}
        for send in sends:
            start = view.whole.get(send.room)
            late = start is not None and (send.seq is None or send.seq > start)
            if send.outcome == "ok" and late and (send.room, send.id) not in ids:
                yield Violation("lost", send.room, f"{send.id} acknowledged at {send.seq}, unseen by {view.client}")


def _aborted(sends: list[Sent], views: list[View]) -> Iterator[Violation]:
    failed = {(send.room, send.id) for send in sends if send.outcome == "fail"}
    for view in views:
        for seen in view.seen:
            if (seen.room, seen.id) in failed:
                yield Violation("aborted-read", seen.room, f"{seen.id} was refused and is shown to {view.client}")


def _misplaced(sends: list[Sent], places: _Places) -> Iterator[Violation]:
    for send in sends:
        at = places.get((send.room, send.id), set())
        if send.outcome == "ok" and send.seq is not None and at and at != {send.seq}:
            yield Violation("misplaced", send.room, f"{send.id} acknowledged at {send.seq}, shown at {sorted(at)}")


def _inconsistent(places: _Places) -> Iterator[Violation]:
    for (room, message), at in places.items():
        if len(at) > 1:
            yield Violation("inconsistent", room, f"{message} is at {sorted(at)}")
    holders: dict[tuple[str, int], set[str]] = defaultdict(set)
    for (room, message), at in places.items():
        for seq in at:
            holders[room, seq].add(message)
    for (room, seq), ids in holders.items():
        if len(ids) > 1:
            yield Violation("inconsistent", room, f"{seq} is {sorted(ids)}")


def _within(view: View) -> Iterator[Violation]:
    last: dict[str, int] = {}
    ids: set[tuple[str, str]] = set()
    for seen in view.seen:
        if (seen.room, seen.id) in ids:
            yield Violation("duplicate", seen.room, f"{seen.id} twice at {view.client}")
        ids.add((seen.room, seen.id))
        if seen.how != "past_hold":
            if seen.seq <= last.get(seen.room, -1):
                yield Violation("inversion", seen.room, f"{seen.seq} after {last[seen.room]} at {view.client}")
            last[seen.room] = seen.seq
        cut = view.cut.get(seen.room)
        if cut is not None and seen.seq > cut:
            yield Violation("seen-after-kick", seen.room, f"{seen.seq} at {view.client}, kicked at {cut}")


def _inside_hold(view: View) -> Iterator[Violation]:
    """What is pushed in a hold and lies in it: of the others nothing, of one's own only as passing it."""
    for seen in view.seen:
        held = seen.quiet and seen.how == "live" and any(start <= seen.ts < end for start, end in view.holds)
        if held or (seen.how == "past_hold" and seen.by != view.user):
            yield Violation("inside-hold", seen.room, f"{seen.seq} ({seen.how}) at {view.client}")


def _skipped(views: list[View]) -> Iterator[Violation]:
    union: dict[str, set[int]] = defaultdict(set)
    for view in views:
        for seen in view.seen:
            union[seen.room].add(seen.seq)
    for view in views:
        for room, start in view.whole.items():
            missing = {seq for seq in union[room] if seq > start} - {seen.seq for seen in view.of(room)}
            for seq in sorted(missing):
                yield Violation("skip", room, f"{view.client} did not see {seq}")


def _out_of_turn(places: _Places) -> Iterator[Violation]:
    streams: dict[tuple[str, str], list[tuple[int, int]]] = defaultdict(list)
    for (room, message), at in places.items():
        stream, _, n = message.rpartition(":")
        streams[room, stream].append((int(n), min(at)))
    for (room, stream), messages in streams.items():
        order = [seq for _, seq in sorted(messages)]
        if order != sorted(order):
            yield Violation("out-of-turn", room, f"stream {stream}: {order}")
