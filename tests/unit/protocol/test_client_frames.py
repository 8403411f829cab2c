"""What the gateway makes of every frame: taken, answered `invalid`, or the end of the connection."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaftalk_protocol.client_frames import (
    EXT_BYTES_MAX,
    FIELD_CHARS_MAX,
    SEQ_MAX,
    BadFrame,
    Hello,
    InvalidFrame,
    Send,
    parse,
)
from kaftalk_protocol.errors import Code

ROOM = "b7d9a8f0-0a51-4c39-8a32-111111111111"
Frame = dict[str, Any]
USER = "00000000-0000-4000-8000-000000000001"

SEND: Frame = {"t": "send", "id": "1", "room": ROOM, "n": 1, "text": "hello"}
EDIT: Frame = {"t": "edit", "id": "1", "room": ROOM, "seq": 1, "text": "hello"}
DELETE: Frame = {"t": "delete", "id": "1", "room": ROOM, "seq": 1}
REACT: Frame = {"t": "react", "id": "1", "room": ROOM, "seq": 1, "emoji": "👍", "on": True}
HISTORY: Frame = {"t": "history", "id": "1", "room": ROOM}
READ: Frame = {"t": "read", "room": ROOM, "seq": 1}
TYPING: Frame = {"t": "typing", "room": ROOM, "kind": "text"}
FOCUS: Frame = {"t": "focus", "room": None}
ACTIVE: Frame = {"t": "active", "on": True}
WATCH: Frame = {"t": "watch", "users": [USER]}
PING: Frame = {"t": "ping", "id": "1"}
HELLO: Frame = {"t": "hello", "ticket": "abc", "stream": USER}
RESUME: Frame = {"t": "resume", "resume": {ROOM: [0, 5]}}
FRAMES = [SEND, EDIT, DELETE, REACT, HISTORY, READ, TYPING, FOCUS, ACTIVE, WATCH, PING, HELLO, RESUME]


def refusal(frame: dict[str, Any] | str) -> InvalidFrame:
    with pytest.raises(InvalidFrame) as caught:
        parse(frame if isinstance(frame, str) else json.dumps(frame))
    return caught.value


@pytest.mark.parametrize("frame", FRAMES, ids=lambda frame: str(frame["t"]))
def test_every_frame_of_the_contract_is_taken(frame: dict[str, Any]) -> None:
    taken = parse(json.dumps(frame))
    assert taken.t == frame["t"]
    assert parse(json.dumps(frame).encode()) == taken


def test_optional_fields_are_taken() -> None:
    extra = {
        "media": [USER], "reply_to": 3, "mentions": [USER], "mention_all": True, "notify": "urgent", "ext": {"a": [1]},
    }  # fmt: skip
    frame = parse(json.dumps(SEND | extra))
    assert isinstance(frame, Send)
    assert frame.model_dump(include=set(extra)) == extra
    hello = parse(json.dumps(HELLO | {"resume": {ROOM: [0, 5]}}))
    assert isinstance(hello, Hello)
    assert hello.resume == {ROOM: (0, 5)}


@pytest.mark.parametrize("text", [
    "", " ", "nope", "{", '{"t":"ping","id":"1"} x', "[]", "1", "null", '"ping"', "{}", '{"t":1}', '{"t":null}',
    '{"id":"1"}', '{"t":"ping","id":NaN}', '{"t":"ping","id":Infinity}', '{"t":"ping","id":-Infinity}',
    '\ufeff{"t":"ping","id":"1"}', '{"t":"ping","id":"a\nb"}', '{"t":"ping","id":\'1\'}', '{"t":"ping",}',
    "[" * 10_000, '{"t":' * 10_000, b'{"t":"ping","id":"\xff"}',
])  # fmt: skip
def test_what_is_no_json_object_with_a_string_t_ends_the_connection(text: str | bytes) -> None:
    with pytest.raises(BadFrame):
        parse(text)


@pytest.mark.parametrize("change", [
    {"ticket": None}, {"ticket": 5}, {"ticket": ""}, {"stream": "x"}, {"stream": USER.upper().replace("0", "A")},
    {"resume": {"x": [0, 1]}}, {"resume": {ROOM: [0]}}, {"resume": {ROOM: [0, -1]}}, {"resume": []}, {"more": 1},
    {"ticket": "\ud800"},
])  # fmt: skip
def test_a_wrong_hello_ends_the_connection(change: dict[str, Any]) -> None:
    with pytest.raises(BadFrame):
        parse(json.dumps(HELLO | change))


@pytest.mark.parametrize(("frame", "field"), [
    ({"t": "nope", "id": "1"}, None), ({"t": "", "id": "1"}, None), ({"t": "Ping", "id": "1"}, None),
    (SEND | {"more": 1}, "more"), (SEND | {"__proto__": {}}, "__proto__"),
    (SEND | {"k" * 1_000_000: 1}, "k" * FIELD_CHARS_MAX),
    (SEND | {"n": 0}, "n"), (SEND | {"n": "1"}, "n"), (SEND | {"n": 1.0}, "n"), (SEND | {"n": True}, "n"),
    (SEND | {"n": 2**63}, "n"), (SEND | {"n": -1}, "n"), (SEND | {"n": SEQ_MAX + 1}, "n"), (SEND | {"n": None}, "n"),
    (SEND | {"text": "x" * 4_001}, "text"), (SEND | {"text": 5}, "text"), (SEND | {"text": "a\0b"}, "text"),
    (SEND | {"text": None}, "text"), (SEND | {"text": ""}, None), (SEND | {"room": "x"}, "room"),
    (SEND | {"room": ROOM.upper()}, "room"), (SEND | {"room": 5}, "room"), (SEND | {"room": f"{{{ROOM}}}"}, "room"),
    (SEND | {"media": [USER] * 2}, "media"), (SEND | {"media": ["x"]}, "media.0"), (SEND | {"media": {}}, "media"),
    (SEND | {"media": [f"{USER[:-2]}{i:02}" for i in range(11)]}, "media"),
    (SEND | {"mentions": [USER] * 51}, "mentions"),
    (SEND | {"mention_all": 1}, "mention_all"), (SEND | {"mention_all": "true"}, "mention_all"),
    (SEND | {"notify": "loud"}, "notify"), (SEND | {"ext": []}, "ext"),
    (SEND | {"ext": {"a": "x" * EXT_BYTES_MAX}}, "ext"),
    (SEND | {"reply_to": -1}, "reply_to"), (SEND | {"reply_to": 1.5}, "reply_to"),
    (EDIT | {"text": ""}, "text"), (EDIT | {"seq": "1"}, "seq"), (EDIT | {"seq": -1}, "seq"),
    (EDIT | {"seq": 2**63}, "seq"),
    (DELETE | {"seq": None}, "seq"), (REACT | {"on": 1}, "on"), (REACT | {"emoji": "x"}, "emoji"),
    (REACT | {"emoji": "👍👍"}, "emoji"), (REACT | {"emoji": "👍" * 20}, "emoji"), (REACT | {"emoji": ""}, "emoji"),
    (HISTORY | {"before": 1, "after": 2}, None), (HISTORY | {"limit": 0}, "limit"), (HISTORY | {"limit": 201}, "limit"),
    (HISTORY | {"limit": "5"}, "limit"), (HISTORY | {"around": -1}, "around"), (PING | {"id": "1", "x": 0}, "x"),
])  # fmt: skip
def test_a_wrong_field_is_answered_with_the_frames_id_and_the_field(frame: dict[str, Any], field: str | None) -> None:
    error = refusal(frame)
    assert (error.code, error.frame_id, error.field) == (Code.INVALID, "1", field)
    assert len(error.detail) < 500


@pytest.mark.parametrize("frame", [
    READ | {"seq": True}, TYPING | {"kind": "smell"}, {"t": "focus"}, ACTIVE | {"on": "yes"},
    WATCH | {"users": [USER] * 201}, WATCH | {"users": "x"}, RESUME | {"resume": {ROOM: [1]}}, {"t": "ping"},
    PING | {"id": 5}, PING | {"id": ""}, PING | {"id": "x" * 65}, PING | {"id": None}, SEND | {"id": ["1"]},
])  # fmt: skip
def test_a_wrong_frame_without_a_usable_id_is_answered_without_it(frame: dict[str, Any]) -> None:
    assert refusal(frame).frame_id is None


@pytest.mark.parametrize("name", [name for frame in FRAMES for name in frame if frame is not HELLO])
def test_a_missing_field_is_named(name: str) -> None:
    for frame in FRAMES:
        if name in frame and name not in ("t", "text") and frame is not HELLO:
            short = {key: value for key, value in frame.items() if key != name}
            assert refusal(short).field == name


@pytest.mark.parametrize("value", [
    "1e999", "-1e999", '{"deep":1e999}', "9" * 5_000, "9" * 400, str(2**64), f"[{-(2**63) - 1}]",
])  # fmt: skip
def test_a_number_that_json_cannot_carry_back_is_invalid(value: str) -> None:
    frame = json.dumps(SEND)[:-1] + f', "ext": {{"a": {value}}}}}'
    assert refusal(frame).frame_id == "1"


@pytest.mark.parametrize("number", [2**64 - 1, -(2**63), 0.5, -0.0, 1e308])
def test_a_number_that_every_reader_can_give_back_is_kept(number: float) -> None:
    frame = parse(json.dumps(SEND | {"ext": {"a": [number]}}))
    assert isinstance(frame, Send)
    assert frame.ext == {"a": [number]}


@pytest.mark.parametrize("text", ['"a\\ud800b"', '"\\udc00"', "[" * 300 + "]" * 300])
def test_lone_surrogates_and_depth_are_the_clients_mistake_not_the_end(text: str) -> None:
    assert refusal(f'{{"t":"send","id":"7","text":{text}}}').frame_id == "7"


def test_an_id_that_cannot_be_written_back_is_not_used() -> None:
    assert refusal('{"t":"ping","id":"\\ud800"}').frame_id is None


def test_of_duplicate_keys_the_last_holds() -> None:
    assert refusal('{"t":"ping","t":"nope","id":"1","id":"2"}').frame_id == "2"
    with pytest.raises(BadFrame):
        parse('{"t":"ping","id":"1","t":5}')


def test_text_is_counted_in_code_points_after_nfc() -> None:
    decomposed = "\u1112\u1161\u11ab" * 4_000
    frame = parse(json.dumps(SEND | {"text": decomposed}))
    assert isinstance(frame, Send)
    assert frame.text == "한" * 4_000
    assert parse(json.dumps(SEND | {"text": "👍" * 4_000})).t == "send"
    refusal(SEND | {"text": "👍" * 4_001})


def test_text_may_be_empty_only_with_media() -> None:
    assert parse(json.dumps(SEND | {"text": "", "media": [USER]})).t == "send"
    refusal(SEND | {"text": "  \n"})


@pytest.mark.parametrize("emoji", ["👍", "❤️", "❤", "👩‍👩‍👧‍👦", "👍🏽", "🇰🇷", "1️⃣", "🏴󠁧󠁢󠁳󠁣󠁴󠁿", "🫖", "☺️", "♀️"])
def test_one_emoji_is_one_emoji_however_long_it_is_spelled(emoji: str) -> None:
    assert parse(json.dumps(REACT | {"emoji": emoji})).t == "react"


@pytest.mark.parametrize("emoji", ["a", "가", "1", "👍a", " 👍", "👍\n", "🇰🇷🇰🇷", "\u200d", "👍\u200d", "!", "é"])
def test_what_is_no_emoji_is_refused(emoji: str) -> None:
    assert refusal(REACT | {"emoji": emoji}).field == "emoji"


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just(ROOM) | st.just(USER),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=10,
)
_fields = st.sampled_from(sorted({name for frame in FRAMES for name in frame} | {"ext", "media", "reply_to", "before"}))


def _survives(text: str | bytes) -> None:
    try:
        parse(text)
    except (BadFrame, InvalidFrame) as error:
        str(error).encode()


@given(st.text() | st.binary() | _json.map(json.dumps))
def test_nothing_but_these_two_errors_comes_of_any_bytes(text: str | bytes) -> None:
    _survives(text)


@given(st.sampled_from(FRAMES), st.dictionaries(_fields, _json, max_size=3))
def test_nothing_but_these_two_errors_comes_of_a_frame_gone_wrong(
    frame: dict[str, Any], change: dict[str, Any]
) -> None:
    _survives(json.dumps(frame | change))


@given(st.sampled_from(FRAMES), st.data())
def test_nothing_but_these_two_errors_comes_of_a_frame_cut_or_spliced(
    frame: dict[str, Any], data: st.DataObject
) -> None:
    text = json.dumps(frame)
    at, size = data.draw(st.integers(0, len(text))), data.draw(st.integers(0, 5))
    _survives(text[:at] + data.draw(st.text(max_size=3)) + text[at + size :])
