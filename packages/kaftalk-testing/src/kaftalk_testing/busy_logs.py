"""Random logs of a room in which most records are taken: for what is built upon the fold, not for its rules."""

from hypothesis import strategies as st

from kaftalk_protocol.records import AnyRecord, Delete, Edit, Join, Kick, Leave, Message, Reaction, Room
from kaftalk_testing.room_logs import ANN, BOB, CYD, DAN, PEOPLE, RECORDS, STREAMS

_people = st.sampled_from(PEOPLE)
_targets = st.integers(0, 40)


def _said(by: int, n: int, stream: int, mentions: list[int], everyone: bool) -> Message:
    return Message(
        id=f"{STREAMS[stream]}:{n}", by=PEOPLE[by], text=f"{by} says {n}", mentions=[PEOPLE[i] for i in mentions],
        mention_all=everyone,
    )  # fmt: skip


_MESSAGES = st.builds(
    _said, st.integers(0, 3), st.integers(1, 60), st.integers(0, 1), st.lists(st.integers(0, 3), max_size=2),
    st.sampled_from([False, False, False, True]),
)  # fmt: skip
_ANNOTATIONS: st.SearchStrategy[AnyRecord] = st.one_of(
    st.builds(
        lambda by, target, named: Edit(by=by, target=target, author=by, text=f"edited {target}", mentions=named),
        _people, _targets, st.lists(_people, max_size=1),
    ),
    st.builds(lambda by, target: Delete(by=by, target=target, author=by), _people, _targets),
    st.builds(Reaction, by=_people, target=_targets, emoji=st.sampled_from(["👍", "🫖"]), on=st.booleans()),
)  # fmt: skip
_MOVES: st.SearchStrategy[AnyRecord] = st.one_of(
    st.builds(lambda user: Join(user=user, by=ANN, how="add"), st.sampled_from([BOB, CYD, DAN])),
    st.builds(lambda user: Leave(user=user), st.sampled_from([BOB, CYD, DAN])),
    st.builds(lambda user: Kick(user=user, by=ANN), st.sampled_from([BOB, CYD, DAN])),
)
_BUSY = st.one_of(_MESSAGES, _MESSAGES, _MESSAGES, _ANNOTATIONS, _ANNOTATIONS, _MOVES, RECORDS)

_OPENINGS = st.builds(
    Room,
    by=st.just(ANN),
    kind=st.sampled_from(["public", "private"]),
    name=st.just("tea"),
    history=st.sampled_from(["all", "since_join"]),
    members=st.sampled_from([{ANN: "owner", BOB: "moderator", CYD: "member"}, {ANN: "owner"}]),
)


def busy_logs(*, records_max: int = 60) -> st.SearchStrategy[list[AnyRecord]]:
    """Give whole logs from their first record."""
    return st.builds(
        lambda opening, rest: [opening, *rest], _OPENINGS, st.lists(_BUSY, min_size=5, max_size=records_max)
    )
