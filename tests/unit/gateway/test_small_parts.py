"""Rates, handshakes, changes of rooms, presence: small pure decisions."""

import json

from hypothesis import given
from hypothesis import strategies as st

from kaftalk_gateway.blanking import blanked, hidden
from kaftalk_gateway.changes import Change, read_change
from kaftalk_gateway.handshake import Handshakes
from kaftalk_gateway.presence import overall
from kaftalk_gateway.rates import Bucket, Buckets, Rate
from kaftalk_protocol.deliveries import EDIT, RoomEvent
from kaftalk_protocol.ids import RoomId, UserId


def _frame(**record: object) -> bytes:
    return json.dumps({"t": "event", "e": record}).encode()


@given(st.lists(st.floats(0, 0.5), max_size=200), st.integers(1, 10), st.integers(1, 20))
def test_never_more_pass_than_burst_and_rate_allow(gaps: list[float], per_s: int, burst: int) -> None:
    bucket, rate, now, passed = Bucket(), Rate(per_s, burst), 0.0, 0
    for gap in gaps:
        now += gap
        passed += bucket.take(rate, now) == 0
    assert passed <= burst + now * per_s + 1


def test_the_time_to_wait_is_enough_and_not_a_millisecond_too_long() -> None:
    bucket, rate = Bucket(), Rate(3, 1)
    bucket.take(rate, 0.0)
    wait_ms = bucket.take(rate, 0.0)
    assert wait_ms == 334
    assert bucket.wait_ms(rate, (wait_ms - 2) / 1000) > 0
    assert bucket.take(rate, wait_ms / 1000) == 0


def test_subjects_are_limited_apart_and_forgotten_at_the_bound() -> None:
    buckets = Buckets(Rate(1, 1), subjects_max=2)
    assert [buckets.take(subject, 0.0) for subject in ("a", "b", "c")] == [0, 0, 0]
    assert buckets.take("c", 0.0) == 1000


def test_a_handshake_is_refused_by_path_origin_subprotocol_and_rate() -> None:
    judge = Handshakes(["http://127.0.0.1:8000"], Rate(1, 1))

    def status(**more: object) -> int | None:
        scope = {"path": "/ws", "headers": [], "subprotocols": ["kaftalk.v1"], "client": ("10.0.0.1", 1), **more}
        refused = judge.refusal(scope, 0.0)
        return refused.status if refused else None

    assert status(path="/link") == 404
    for origin in (b"null", b"http://127.0.0.1", b"https://127.0.0.1:8000", b"http://127.0.0.1:8000.evil", b""):
        assert status(headers=[(b"origin", origin)]) == 403
    assert status(subprotocols=[]) == 400
    assert status(headers=[(b"Origin", b"http://127.0.0.1:8000")]) is None
    assert status() == 429
    assert status(client=("10.0.0.2", 1)) is None
    judge.draining = True
    assert status(client=("10.0.0.3", 1)) == 503


def test_records_mean_who_comes_who_goes_and_whose_room_changes() -> None:
    assert read_change(_frame(k="join", user="u")).joined == "u"
    left = Change(removed=(UserId("u"), "left"), updated=UserId("v"))
    assert read_change(_frame(k="leave", user="u", successor="v")) == left
    assert read_change(_frame(k="kick", user="u")).removed == ("u", "kicked")
    assert read_change(_frame(k="role", user="u")).updated == "u"
    renamed = read_change(_frame(k="room", name="x", archived=True))
    assert (renamed.everybody, renamed.archived, renamed.deleted) == (True, True, False)
    assert read_change(_frame(k="room", deleted=True)).deleted
    assert read_change(_frame(k="later")) == Change()


def test_only_the_target_and_its_edits_are_blanked() -> None:
    def event(seq: int, **record: object) -> RoomEvent:
        flags = EDIT if record["k"] in ("edit", "media") else 0
        return RoomEvent(RoomId("r"), 0, seq, None, flags, json.dumps({"e": record}, separators=(",", ":")).encode())

    assert blanked(event(1, k="message", text="a"), 2) is None
    assert blanked(event(1, k="message", text="a"), None) is None
    assert blanked(event(3, k="edit", target=20, text="a"), 2) is None
    assert blanked(event(3, k="message", text='"k":"edit","target":2'), 2) is None
    assert b'"text":""' in (blanked(event(3, k="edit", target=2, text="a"), 2) or b"")
    assert b"blur" not in (blanked(event(3, k="media", target=2, blur="UklGR"), 2) or b"blur")


def test_an_edit_has_no_words_for_those_who_may_not_read_its_message() -> None:
    frame = _frame(k="edit", target=5, text="words", mentions=["u"])
    edit = RoomEvent(RoomId("r"), 0, 9, None, EDIT, frame)
    assert hidden(edit, 5) is None
    assert json.loads(hidden(edit, 6) or b"")["e"] == {"k": "edit", "target": 5, "text": "", "mentions": []}
    assert hidden(RoomEvent(RoomId("r"), 0, 9, None, 0, _frame(k="message", text="words")), 10) is None


def test_one_device_in_use_makes_a_user_online_and_old_entries_do_not_count() -> None:
    assert overall(["away:200", "online:200"], 100) == "online"
    assert overall(["away:200", "online:50"], 100) == "away"
    assert overall(["online:50", ""], 100) == "offline"
