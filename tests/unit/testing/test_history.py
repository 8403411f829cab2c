"""The history checker finds nothing in a true history, and every single corruption of one (mutations)."""

import dataclasses
from collections.abc import Callable

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from kaftalk_testing.history import RULES, How, Seen, Sent, View, check, summary

ROOM = "room-1"
History = tuple[list[Sent], list[View]]


@st.composite
def histories(draw: st.DrawFn) -> History:
    """A true history: three clients, two of them see all, one of these late for quiet hours, one is kicked."""
    count = draw(st.integers(6, 20))
    seqs = sorted(draw(st.sets(st.integers(1, 200), min_size=count, max_size=count)))
    streams = draw(st.lists(st.sampled_from(["a", "b"]), min_size=count, max_size=count))
    ids = [f"{stream}:{streams[: i + 1].count(stream)}" for i, stream in enumerate(streams)]
    shown = [Seen(ROOM, seq, id_[0], id_, 10 * seq) for seq, id_ in zip(seqs, ids, strict=True)]
    outcomes = draw(st.lists(st.sampled_from(["ok", "ok", "unknown"]), min_size=count, max_size=count))
    sent = [Sent(ROOM, s.by, s.id, o, s.seq) for s, o in zip(shown, outcomes, strict=True)]  # type: ignore[arg-type]
    refused = [Sent(ROOM, "c", f"c:{n}", "fail") for n in range(1, 3)]
    cut = draw(st.sampled_from(seqs[1:-1]))
    kicked = View("kicked", [s for s in shown if s.seq < cut], cut={ROOM: cut})
    first, last = sorted((draw(st.integers(0, count - 1)), draw(st.integers(0, count - 1))))
    hold = (shown[first].ts, shown[last].ts + 1)
    held = View("two", _held(shown, hold), {ROOM: 0}, user="b", holds=[hold])
    return [*sent, *refused], [View("one", shown, {ROOM: 0}), held, kicked]


def _held(shown: list[Seen], hold: tuple[int, int]) -> list[Seen]:
    """What b sees whose quiet hours are on: her own at once, the others' after them."""
    inside = [s for s in shown if hold[0] <= s.ts < hold[1]]
    own = [dataclasses.replace(s, how="past_hold", quiet=True) for s in inside if s.by == "b"]
    released = [dataclasses.replace(s, how="release") for s in inside if s.by != "b"]
    before, after = [s for s in shown if s.ts < hold[0]], [s for s in shown if s.ts >= hold[1]]
    return [*before, *own, *released, *after]


def drop(sent: list[Sent], views: list[View], at: int) -> str:
    seen = views[0].seen.pop(at)
    assume(any(s.id == seen.id and s.outcome == "ok" for s in sent))
    return "lost"


def skip(sent: list[Sent], views: list[View], at: int) -> str:
    views[0].seen.pop(at)
    return "skip"


def repeat(sent: list[Sent], views: list[View], at: int) -> str:
    views[0].seen.insert(at, views[0].seen[at])
    return "duplicate"


def repeat_elsewhere(sent: list[Sent], views: list[View], at: int) -> str:
    views[0].seen.append(dataclasses.replace(views[0].seen[at], seq=999))
    return "inconsistent"


def swap(sent: list[Sent], views: list[View], at: int) -> str:
    seen = views[0].seen
    seen[at], seen[at - 1] = seen[at - 1], seen[at]
    return "inversion"


def trade_places(sent: list[Sent], views: list[View], at: int) -> str:
    """Everyone sees two messages of one stream the wrong way round."""
    stream = [i for i, s in enumerate(views[0].seen) if s.by == views[0].seen[at].by]
    assume(len(stream) > 1)
    i, j = stream[:2]
    seen = views[0].seen
    swapped = {i: seen[j].id, j: seen[i].id}
    views[0].seen = [dataclasses.replace(s, id=swapped.get(k, s.id)) for k, s in enumerate(seen)]
    views[1:] = []
    sent[:] = [dataclasses.replace(s, seq=None) for s in sent]
    return "out-of-turn"


def other_place(sent: list[Sent], views: list[View], at: int) -> str:
    sent[at] = dataclasses.replace(sent[at], outcome="ok", seq=777)
    return "misplaced"


def show_refused(sent: list[Sent], views: list[View], at: int) -> str:
    for view in views[:2]:
        view.seen.append(Seen(ROOM, 500, "c", "c:1"))
    return "aborted-read"


def leak(sent: list[Sent], views: list[View], at: int) -> str:
    views[2].seen.append(views[0].seen[-1])
    return "seen-after-kick"


def push(sent: list[Sent], views: list[View], at: int) -> str:
    """A message of the others comes in the hold, as if it were none, or as if it might pass."""
    held = views[1]
    found = [i for i, s in enumerate(held.seen) if s.how == "release"]
    assume(found)
    how: How = "live" if at % 2 else "past_hold"
    held.seen[found[0]] = dataclasses.replace(held.seen[found[0]], how=how, quiet=True)
    return "inside-hold"


MUTATIONS: list[Callable[[list[Sent], list[View], int], str]] = [
    drop, skip, repeat, repeat_elsewhere, swap, trade_places, other_place, show_refused, leak,
    push,
]  # fmt: skip


@given(histories())
def test_a_true_history_has_no_violation(history: History) -> None:
    assert check(*history) == []


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda m: m.__name__)
@given(data=st.data())
def test_each_corruption_is_found(mutation: Callable[[list[Sent], list[View], int], str], data: st.DataObject) -> None:
    sent, views = data.draw(histories())
    rule = mutation(sent, views, data.draw(st.integers(1, 5)))
    assert rule in {violation.rule for violation in check(sent, views)}


def test_every_rule_has_a_mutation() -> None:
    assert len(MUTATIONS) == len(RULES)


def test_the_summary_counts_each_rule() -> None:
    sent = [Sent(ROOM, "a", "a:1", "ok", 1)]
    views = [View("one", [], {ROOM: 0})]
    line = summary(sent, views, check(sent, views))
    assert line.startswith("1 acknowledged, 0 unknown, 0 refused, 0 shown: 1 lost, 0 duplicate")
