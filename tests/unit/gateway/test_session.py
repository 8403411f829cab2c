"""The session as a state machine: frames and time in, effects out."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaftalk_gateway.rates import Rate
from kaftalk_gateway.session import Act, Admit, Answer, Close, IllegalTransition, Ping, Session, State
from kaftalk_protocol.client_frames import Ping as PingFrame
from kaftalk_protocol.client_frames import Send

ROOM = "2f1c1d52-0c0e-4a4e-8a3b-0d8f5b0c5a11"
STREAM = "0b9f6a52-5c7e-4b60-9a53-6b61667461c7"
HELLO = json.dumps({"t": "hello", "ticket": "x", "stream": STREAM})
PING = '{"t":"ping","id":"1"}'


def _send(n: int = 1) -> str:
    return json.dumps({"t": "send", "id": str(n), "room": ROOM, "n": n, "text": "x"})


SENDS = Rate(10, 30)


def _open(rate: Rate = SENDS) -> Session:
    session = Session(0.0, rate)
    assert isinstance(session.receive(HELLO, 0.0), Admit)
    session.admitted()
    return session


def _error(effect: object) -> dict[str, object]:
    assert isinstance(effect, Answer)
    return dict(json.loads(effect.payload))


def test_hello_is_admitted_then_frames_are_acted_on() -> None:
    session = _open()
    effect = session.receive(PING, 0.0)
    assert isinstance(effect, Act)
    assert isinstance(effect.frame, PingFrame)


@pytest.mark.parametrize("first", ["", "1", "[]", "{}", PING, '{"t":"hello"}', '{"t":"nonsense"}'])
def test_anything_but_a_right_hello_first_closes_with_4502(first: str) -> None:
    effect = Session(0.0, SENDS).receive(first, 0.0)
    assert isinstance(effect, Close)
    assert effect.code == 4502


def test_a_second_hello_closes_with_4502_at_any_time() -> None:
    waiting = Session(0.0, SENDS)
    waiting.receive(HELLO, 0.0)
    for session in (waiting, _open()):
        effect = session.receive(HELLO, 0.0)
        assert isinstance(effect, Close)
        assert effect.code == 4502


def test_frames_that_come_before_welcome_are_acted_on_after_it_in_order() -> None:
    session = Session(0.0, SENDS)
    session.receive(HELLO, 0.0)
    assert [session.receive(_send(n), 0.0) for n in (1, 2)] == [None, None]
    session.admitted()
    acted = [session.next_waiting(0.0), session.next_waiting(0.0)]
    assert [a.frame.n for a in acted if isinstance(a, Act) and isinstance(a.frame, Send)] == [1, 2]
    assert session.next_waiting(0.0) is None


def test_a_mistake_is_answered_with_the_frames_id() -> None:
    answer = _error(_open().receive('{"t":"send","id":"a"}', 0.0))
    assert (answer["code"], answer["id"]) == ("invalid", "a")


def test_no_hello_for_five_seconds_closes_with_4002() -> None:
    session = Session(0.0, SENDS)
    assert session.tick(4.9, 0.0) is None
    effect = session.tick(5.0, 0.0)
    assert isinstance(effect, Close)
    assert effect.code == 4002


def test_a_ping_goes_out_every_25_seconds_and_no_pong_for_ten_closes() -> None:
    session = _open()
    assert session.due(0.0) == 25.0
    assert session.tick(25.0, 0.0) == Ping()
    assert session.tick(35.0, 26.0) is None
    assert session.tick(50.0, 26.0) == Ping()
    assert session.due(26.0) == 60.0
    assert isinstance(session.tick(60.0, 26.0), Close)
    assert session.state is State.CLOSED


def test_sends_above_the_rate_are_refused_with_the_time_to_wait() -> None:
    session = _open(Rate(10, 3))
    assert all(isinstance(session.receive(_send(n), 1.0), Act) for n in (1, 2, 3))
    answer = _error(session.receive(_send(4), 1.0))
    assert (answer["code"], answer["retry_after_ms"]) == ("rate_limited", 100)
    assert isinstance(session.receive(_send(4), 1.1), Act)


def test_who_sends_on_before_the_time_is_over_is_closed_with_4504() -> None:
    session = _open(Rate(1, 1))
    session.receive(_send(1), 0.0)
    effects = [session.receive(_send(2), 0.0) for _ in range(52)]
    assert all(isinstance(effect, Answer) for effect in effects[:-1])
    assert isinstance(effects[-1], Close)
    assert effects[-1].code == 4504


def test_who_waits_as_told_is_never_closed() -> None:
    session = _open(Rate(1, 1))
    now = 0.0
    for n in range(1, 300):
        effect = session.receive(_send(n), now)
        if isinstance(effect, Answer):
            wait_ms = _error(effect)["retry_after_ms"]
            assert isinstance(wait_ms, int)
            now += wait_ms / 1000
            assert isinstance(session.receive(_send(n), now), Act)


def test_illegal_steps_are_refused_by_name() -> None:
    session = Session(0.0, SENDS)
    with pytest.raises(IllegalTransition, match="opening cannot be admitted"):
        session.admitted()
    with pytest.raises(IllegalTransition, match="opening cannot drain"):
        session.drain()


def test_a_draining_session_still_sends() -> None:
    session = _open()
    session.drain()
    assert isinstance(session.receive(_send(), 0.0), Act)


@given(st.lists(st.one_of(st.sampled_from([HELLO, PING, _send(), "{", "{}"]), st.text(max_size=30)), max_size=20))
def test_whatever_comes_the_session_never_raises_and_closed_is_for_good(texts: list[str]) -> None:
    session = Session(0.0, SENDS)
    for at, text in enumerate(texts):
        closed = session.state is State.CLOSED
        effect = session.receive(text, at * 0.01)
        if isinstance(effect, Admit):
            session.admitted()
        assert not closed or effect is None
    if session.state is State.CLOSED:
        assert session.close(4000, "again") is None
