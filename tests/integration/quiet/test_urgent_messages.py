"""Sending to somebody in quiet hours: what goes, what is refused, and that the sender's order survives."""

import asyncio
from typing import Any

import pytest

from kaftalk_testing.account import Account
from kaftalk_testing.chat_socket import ChatSocket, Frame
from kaftalk_testing.quiet_hours import begin_quiet, pierce, set_profile
from kaftalk_testing.stack import Stack

pytestmark = pytest.mark.slow

NOBODY = pierce(direct=False)


def _send(room: str, n: int, notify: str = "urgent") -> Frame:
    return {"t": "send", "room": room, "n": n, "text": f"{n} {notify}", "notify": notify}


def _body(notify: str = "urgent") -> dict[str, Any]:
    return {"json": {"text": "hey", "notify": notify}}


async def _texts(account: Account, room: str) -> list[str]:
    page = await account.call("GET", f"/rooms/{room}/messages")
    return [item["e"]["text"] for item in page["items"] if item["e"]["k"] == "message"]


async def test_three_a_day_go_and_what_follows_a_spent_one_goes_too(
    stack: Stack, ann: Account, bob: Account, direct: str
) -> None:
    await begin_quiet(bob)
    async with await ChatSocket.open(stack.ws_url(0), ann) as a:
        assert [(await a.ask(_send(direct, n)))["t"] for n in (1, 2, 3)] == ["ack"] * 3
        assert (await a.ask(_send(direct, 3)))["dup"] is True
        spent = await a.ask(_send(direct, 4))
        assert spent["code"] == "rate_limited"
        assert 0 < spent["retry_after_ms"] <= 86_400_000
        assert (await a.ask(_send(direct, 5, "normal")))["t"] == "ack"
        assert (await a.ask(_send(direct, 6, "silent")))["t"] == "ack"
    over_rest = await ann.ask("POST", f"/rooms/{direct}/messages", **_body())
    assert (over_rest.status_code, over_rest.json()["code"]) == (429, "rate_limited")
    assert 0 < int(over_rest.headers["Retry-After"]) <= 86_400
    assert (await ann.ask("POST", f"/rooms/{direct}/messages", **_body("normal"))).status_code == 201
    assert await _texts(ann, direct) == ["1 urgent", "2 urgent", "3 urgent", "5 normal", "6 silent", "hey"]


async def test_a_policy_that_lets_nobody_through_forbids_it(
    stack: Stack, ann: Account, bob: Account, direct: str
) -> None:
    await begin_quiet(bob, **NOBODY)
    async with await ChatSocket.open(stack.ws_url(0), ann) as a:
        refused = await a.ask(_send(direct, 1))
        assert refused["code"] == "forbidden"
        assert "retry_after_ms" not in refused
        assert (await a.ask(_send(direct, 1, "normal")))["t"] == "ack"
    over_rest = await ann.ask("POST", f"/rooms/{direct}/messages", **_body())
    assert (over_rest.status_code, over_rest.json()["code"]) == (403, "forbidden")
    await set_profile(bob, **pierce(vip=(ann.id,), direct=False))
    assert (await ann.ask("POST", f"/rooms/{direct}/messages", **_body())).status_code == 201


async def test_what_is_sent_at_once_keeps_its_order_around_urgent_ones(
    stack: Stack, ann: Account, bob: Account, direct: str
) -> None:
    await begin_quiet(bob)
    notifies = ["normal", "urgent", "silent", "urgent", "normal", "urgent", "urgent", "normal"]
    async with await ChatSocket.open(stack.ws_url(0), ann) as a:
        for n, notify in enumerate(notifies, 1):
            await a.send(_send(direct, n, notify) | {"id": f"{n}"})
        answers: dict[int, str] = {}
        async with asyncio.timeout(10):
            while len(answers) < len(notifies):
                frame = await a.until(lambda f: f["t"] in ("ack", "error"))
                answers[int(frame["id"])] = frame["t"]
    assert [answers[n] for n in range(1, 9)] == ["ack"] * 6 + ["error", "ack"]
    assert await _texts(ann, direct) == [f"{n} {notifies[n - 1]}" for n in (1, 2, 3, 4, 5, 6, 8)]


async def test_an_idempotent_repeat_counts_once(ann: Account, bob: Account, direct: str) -> None:
    await begin_quiet(bob)
    path = f"/rooms/{direct}/messages"
    answers = [
        (await ann.ask("POST", path, **_body(), headers={"Idempotency-Key": key})).status_code for key in "aaabbc"
    ]
    assert answers == [201] * 6
    assert (await ann.ask("POST", path, **_body())).status_code == 429


async def test_without_quiet_hours_it_is_an_ordinary_message(
    stack: Stack, ann: Account, bob: Account, direct: str
) -> None:
    await set_profile(bob, **NOBODY)
    async with await ChatSocket.open(stack.ws_url(0), ann) as a:
        assert [(await a.ask(_send(direct, n)))["t"] for n in range(1, 6)] == ["ack"] * 5


async def test_in_rooms_it_is_stored_whatever_the_members_let_through(stack: Stack, ann: Account, bob: Account) -> None:
    room = (await ann.room())["id"]
    await bob.join(room)
    await begin_quiet(bob, **NOBODY)
    async with await ChatSocket.open(stack.ws_url(0), ann) as a:
        assert [(await a.ask(_send(room, n)))["t"] for n in range(1, 6)] == ["ack"] * 5


async def test_while_redis_is_away_it_is_unavailable_and_goes_later_in_its_place(
    breakable_stack: Stack, ann: Account, bob: Account, direct: str
) -> None:
    stack = breakable_stack
    await begin_quiet(bob)
    async with await ChatSocket.open(stack.ws_url(0), ann) as a:
        assert (await a.ask(_send(direct, 1, "normal")))["t"] == "ack"
        stack.pause("redis")
        refused = await a.ask(_send(direct, 2))
        assert (refused["code"], refused["retry_after_ms"] > 0) == ("unavailable", True)
        assert (await a.ask(_send(direct, 3, "normal")))["code"] in ("unavailable", "rate_limited")
        over_rest = await ann.ask("POST", f"/rooms/{direct}/messages", **_body())
        assert over_rest.status_code == 503
        stack.resume("redis")
        async with asyncio.timeout(20):
            for n, notify in ((2, "urgent"), (3, "normal")):
                while (await a.ask(_send(direct, n, notify)))["t"] != "ack":
                    await asyncio.sleep(0.2)
            # The views are written once Redis is back, a moment after what went on without it.
            while (await ann.ask("GET", f"/rooms/{direct}/messages")).status_code == 503:
                await asyncio.sleep(0.2)
            while len(await _texts(ann, direct)) < 3:
                await asyncio.sleep(0.2)
    assert (await _texts(ann, direct))[:3] == ["1 normal", "2 urgent", "3 normal"]
