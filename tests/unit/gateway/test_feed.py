"""A room's events at a gateway: none twice, none missing, in order, whatever the links do."""

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from kaftalk_gateway.feed import TAIL_EVENTS, Feed, FeedState
from kaftalk_protocol.deliveries import DELETION, EDIT, RoomEvent, RoomHead
from kaftalk_protocol.ids import RoomId, UserId
from kaftalk_protocol.server_frames import event_frame

ROOM = RoomId("2f1c1d52-0c0e-4a4e-8a3b-0d8f5b0c5a11")


def _event(seq: int, prev: int | None, record: dict[str, object] | None = None, epoch: int = 0) -> RoomEvent:
    record = record or {"v": 1, "k": "message", "id": f"s:{seq}", "by": "u", "text": f"words {seq}", "media": []}
    flags = {"delete": DELETION, "edit": EDIT, "media": EDIT}.get(str(record["k"]), 0)
    frame = event_frame(ROOM, epoch, seq, prev, 0, json.dumps(record, separators=(",", ":")).encode())
    return RoomEvent(ROOM, epoch, seq, prev, flags, frame)


def _head(shown: int | None, epoch: int = 0, base: int = 0) -> RoomHead:
    return RoomHead(epoch=epoch, base=base, applied_seq=shown or 0, shown_seq=shown)


def _live(last: int = 0) -> Feed:
    feed = Feed(ROOM, 0)
    feed.asked()
    assert feed.subscribed(_head(last))
    return feed


def test_an_event_that_follows_is_delivered_and_a_repeat_is_dropped() -> None:
    feed = _live()
    assert feed.offer(_event(3, 0)) is not None
    assert feed.offer(_event(3, 0)) is None
    assert feed.offer(_event(2, 0)) is None
    assert (feed.state, feed.last) == (FeedState.LIVE, 3)


def test_a_gap_is_pulled_and_what_waited_behind_it_comes_after_it() -> None:
    feed = _live()
    assert feed.offer(_event(5, 4)) is None
    assert feed.offer(_event(6, 5)) is None
    assert (feed.state, feed.gap) == (FeedState.PULLING, (0, 4))
    delivered = feed.pulled([_event(2, 0), _event(4, 2)], 4)
    assert [one.seq for one in delivered] == [2, 4, 5, 6]
    assert (feed.state, feed.last) == (FeedState.LIVE, 6)


def test_a_lost_tail_is_found_by_the_owners_head() -> None:
    feed = _live()
    feed.head(0)
    assert feed.state is FeedState.LIVE
    feed.head(4)
    assert (feed.state, feed.gap) == (FeedState.PULLING, (0, 4))
    assert [one.seq for one in feed.pulled([_event(4, 0)], 4)] == [4]


def test_an_unlinked_room_delivers_nothing_until_an_owner_tells_where_it_stands() -> None:
    feed = _live(2)
    feed.unlink()
    assert feed.offer(_event(3, 2)) is None
    feed.asked()
    assert feed.subscribed(_head(5))
    assert (feed.state, feed.gap) == (FeedState.PULLING, (2, 5))


def test_a_higher_epoch_begins_anew() -> None:
    feed = _live(2)
    assert not feed.subscribed(_head(None, epoch=1, base=1_000_000))
    feed.start(1, 1_000_000)
    assert feed.offer(_event(3, 2)) is None
    assert feed.offer(_event(1_000_001, None, epoch=1)) is not None


def test_the_tail_tells_what_came_after_a_position_and_how_far_it_reaches() -> None:
    feed = _live(10)
    for seq in range(11, 20):
        feed.offer(_event(seq, seq - 1))
    missed = feed.since(15)
    assert missed is not None
    assert [one.seq for one in missed] == [16, 17, 18, 19]
    assert feed.since(19) == []
    assert feed.since(9) is None
    feed.extend_back([_event(seq, seq - 1) for seq in range(5, 11)], 4, keep_until=100.0)
    longer = feed.since(4)
    assert longer is not None
    assert [one.seq for one in longer] == list(range(5, 20))


def test_the_tail_is_bounded_unless_it_is_being_read() -> None:
    feed = _live()
    for seq in range(1, TAIL_EVENTS * 3):
        feed.offer(_event(seq, seq - 1))
    feed.trim(0.0)
    assert len(feed.tail) <= TAIL_EVENTS
    assert feed.since(feed.tail_after) == list(feed.tail)


def test_an_edit_that_crossed_the_deletion_leaves_no_words_in_the_tail() -> None:
    feed = _live()
    edit = {"v": 1, "k": "edit", "by": "u", "target": 1, "author": "u", "text": "late words", "mentions": []}
    feed.offer(_event(1, 0))
    feed.offer(_event(2, 1, {"v": 1, "k": "delete", "by": "u", "target": 1, "author": "u"}))
    feed.offer(_event(3, 2, edit))
    feed.offer(_event(4, 3, edit | {"target": 11, "text": "kept words"}))
    frames = [one.event.frame for one in feed.tail]
    assert b"words" not in b"".join(frames[:3])
    assert b"kept words" in frames[3]


def test_a_delete_takes_the_words_of_the_message_and_its_edits_out_of_the_tail() -> None:
    feed = _live()
    feed.offer(_event(1, 0))
    feed.offer(_event(2, 1, {"v": 1, "k": "edit", "by": "u", "target": 1, "author": "u", "text": "words again"}))
    feed.offer(_event(3, 2))
    feed.offer(_event(4, 3, {"v": 1, "k": "delete", "by": "u", "target": 1, "author": "u"}))
    texts = [json.loads(one.event.frame)["e"].get("text") for one in feed.tail]
    assert texts == ["", "", "words 3", None]
    assert b"words again" not in b"".join(one.wire for one in feed.tail)


def test_what_a_picture_looks_like_goes_with_its_message_and_is_for_those_who_may_read_it() -> None:
    feed = _live()
    looks: dict[str, object] = {"v": 1, "k": "media", "media": "m", "status": "ready", "target": 1, "blur": "UklGR"}
    feed.offer(_event(1, 0))
    told = feed.offer(_event(2, 1, looks))
    assert told is not None
    assert b"UklGR" in told.seen_from(1)
    assert b"UklGR" not in told.seen_from(2)
    assert b'"status":"ready"' in told.seen_from(2)
    feed.offer(_event(3, 2, {"v": 1, "k": "delete", "by": "u", "target": 1, "author": "u"}))
    feed.offer(_event(4, 3, looks))
    assert b"UklGR" not in b"".join(one.wire for one in feed.tail)


def test_from_where_a_member_may_read_is_asked_for_unless_all_may_read_all() -> None:
    feed, user = _live(), UserId("u")
    assert feed.floor(user) is None
    feed.facts_known = True
    assert feed.floor(user) == 0
    feed.history = "since_join"
    assert feed.floor(user) is None
    feed.floors[user] = 7
    assert feed.floor(user) == 7
    feed.start(1, 100)
    assert feed.floor(user) is None


def test_a_message_of_the_tail_is_found_by_its_identity() -> None:
    feed = _live()
    feed.offer(_event(4, 0))
    assert feed.message_seq("u", "s:4") == 4
    assert feed.message_seq("other", "s:4") is None


@settings(max_examples=200)
@given(st.data())
def test_whatever_is_lost_repeated_or_unlinked_all_is_delivered_once_and_in_order(data: st.DataObject) -> None:
    """The log is the truth: pushes are dropped, doubled and reordered by chance, links break; pulls repair."""
    seqs = sorted(data.draw(st.sets(st.integers(1, 60), min_size=1, max_size=25)))
    log = [_event(seq, prev) for prev, seq in zip([0, *seqs], seqs, strict=False)]
    feed = _live()
    delivered: list[int] = []

    def pull(shown: int) -> None:
        while feed.state is FeedState.PULLING:
            after, to = feed.gap
            assert after < to <= max(shown, feed.seen)
            delivered.extend(one.seq for one in feed.pulled([e for e in log if after < e.seq <= to], to))

    for at, event in enumerate(log):
        what = data.draw(st.sampled_from(["push", "push", "lose", "double", "old", "unlink", "head"]))
        pushes = {"push": [event], "lose": [], "double": [event, event], "old": [event, log[0]]}.get(what, [])
        if what == "unlink":
            feed.unlink()
            feed.asked()
            feed.subscribed(_head(event.seq))
        elif what == "head":
            feed.head(event.seq)
        for one in pushes:
            entry = feed.offer(one)
            delivered.extend([entry.seq] if entry else [])
        if data.draw(st.booleans()) or at == len(log) - 1:
            pull(event.seq)
    feed.head(log[-1].seq)
    pull(log[-1].seq)
    assert delivered == seqs
