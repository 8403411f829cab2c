"""What goes on, and what is refused, while Kafka or Redis are away; and that everything comes back by itself."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio

from kaftalk_testing.account import Account
from kaftalk_testing.chat_load import eventually
from kaftalk_testing.chat_socket import ChatSocket
from kaftalk_testing.redis_server import flush
from kaftalk_testing.stack import Stack

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest_asyncio.fixture
async def http(breakable_stack: Stack) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=breakable_stack.url, timeout=20) as client:
        yield client


async def room_of_two(http: httpx.AsyncClient) -> tuple[Account, Account, str]:
    one, other = await Account.register(http), await Account.register(http)
    room = (await one.room())["id"]
    await other.join(room)
    return one, other, room


def send(room: str, n: int) -> dict[str, Any]:
    return {"t": "send", "id": f"m{n}", "room": room, "n": n, "text": f"메시지 {n}"}


async def test_kafka_away_leaves_sockets_open_and_sends_unresolved_until_it_is_back(
    breakable_stack: Stack, http: httpx.AsyncClient
) -> None:
    stack = breakable_stack
    one, other, room = await room_of_two(http)
    async with await ChatSocket.open(stack.ws_url(0), one) as a, await ChatSocket.open(stack.ws_url(1), other) as b:
        assert (await a.ask(send(room, 1)))["t"] == "ack"
        stack.pause("kafka")
        await a.send(send(room, 2))
        assert (await a.ask({"t": "ping"}))["t"] == "pong"
        assert (await b.ask({"t": "ping"}))["t"] == "pong"
        assert not [f for f in a.seen if f["t"] == "ack" and f["id"] == "m2"]
        stack.resume("kafka")
        ack = await a.until(lambda f: f.get("id") == "m2", 30)
        shown = await b.until(lambda f: f["t"] == "event" and f["e"].get("text") == "메시지 2", 30)
        assert ack["t"] == "ack"
        assert shown["seq"] == ack["seq"]


async def test_a_stream_that_moves_while_kafka_is_away_is_shown_once_where_its_acks_say(
    breakable_stack: Stack, http: httpx.AsyncClient
) -> None:
    """Both gateways hold copies of the same sends when the broker comes back."""
    stack, stream = breakable_stack, str(uuid.uuid4())
    one, other, room = await room_of_two(http)
    async with await ChatSocket.open(stack.ws_url(1), other) as reader:
        a = await ChatSocket.open(stack.ws_url(0), one, stream=stream)
        assert (await a.ask(send(room, 1)))["t"] == "ack"
        stack.pause("kafka")
        for n in range(2, 12):
            await a.send(send(room, n))
        await a.ask({"t": "ping"})
        a.connection.transport.abort()
        async with await ChatSocket.open(stack.ws_url(1), one, stream=stream) as b:
            for n in range(2, 15):
                await b.send(send(room, n))
            await asyncio.sleep(1)
            stack.resume("kafka")
            acks = [await b.until(lambda f, n=n: f.get("id") == f"m{n}", 30) for n in range(2, 15)]  # type: ignore[misc]
        await reader.until(lambda f: f["t"] == "event" and f["e"].get("text") == "메시지 14", 30)
    shown = {f["e"]["text"]: f["seq"] for f in reader.seen if f["t"] == "event" and f["e"]["k"] == "message"}
    texts = [f["e"]["text"] for f in reader.seen if f["t"] == "event" and f["e"]["k"] == "message"]
    assert texts == [f"메시지 {n}" for n in range(1, 15)]
    placed = {ack["id"]: ack["seq"] for ack in acks if ack["t"] == "ack" and ack["seq"] is not None}
    print(f"\nmoved stream: {len(acks)} answered, {len(placed)} with their place, {len(texts)} shown")
    assert [ack["t"] for ack in acks] == ["ack"] * 13
    assert placed.items() <= {f"m{n}": shown[f"메시지 {n}"] for n in range(2, 15)}.items()


async def test_redis_away_fails_rest_with_503_and_live_delivery_goes_on(
    breakable_stack: Stack, http: httpx.AsyncClient
) -> None:
    stack = breakable_stack
    one, other, room = await room_of_two(http)
    async with await ChatSocket.open(stack.ws_url(0), one) as a, await ChatSocket.open(stack.ws_url(1), other) as b:
        assert (await a.ask(send(room, 1)))["t"] == "ack"
        await b.until(lambda f: f["t"] == "event" and f["e"].get("text") == "메시지 1")
        stack.kill("redis")
        for n in range(2, 12):
            last = await a.ask(send(room, n), 20)
            assert last["t"] == "ack"
            await b.until(lambda f, n=n: f["t"] == "event" and f["e"].get("text") == f"메시지 {n}", 20)  # type: ignore[misc]
        refused = await one.ask("GET", "/rooms")
        assert (refused.status_code, refused.json()["code"]) == (503, "unavailable")
        assert int(refused.headers["Retry-After"]) >= 1
        page = await b.ask({"t": "history", "room": room})
        assert (page["t"], page["code"]) == ("error", "unavailable")
        await stack.start("redis")

        async def caught_up() -> dict[str, Any]:
            while (page := await one.call("GET", f"/rooms/{room}/messages"))["to"] < last["seq"]:
                await asyncio.sleep(0.1)
            return dict(page)

        async with asyncio.timeout(30):
            page = await eventually(caught_up)
        assert [i["e"]["text"] for i in page["items"] if i["e"]["k"] == "message"] == [
            f"메시지 {n}" for n in range(1, 12)
        ]


async def test_flushall_loses_nothing_but_sessions(breakable_stack: Stack, http: httpx.AsyncClient) -> None:
    stack = breakable_stack
    one, other, room = await room_of_two(http)
    private = (await one.room("비밀", "private", member_ids=[other.id]))["id"]
    async with await ChatSocket.open(stack.ws_url(0), one) as a:
        seqs = [(await a.ask(send(room, n)))["seq"] for n in range(1, 6)]
        await a.ask({"t": "edit", "room": room, "seq": seqs[1], "text": "고침"})
        await a.ask({"t": "delete", "room": room, "seq": seqs[2]})
        await a.ask({"t": "react", "room": room, "seq": seqs[0], "emoji": "🎉", "on": True})
    await other.call("PUT", f"/rooms/{room}/read", json={"seq": seqs[1]})
    await asyncio.sleep(6)

    async def everything() -> dict[str, Any]:
        await other.sign_in()
        rooms = await other.call("GET", "/rooms")
        pages = {r: await other.call("GET", f"/rooms/{r}/messages") for r in (room, private)}
        members = await other.call("GET", f"/rooms/{private}/members")
        return {"rooms": rooms["items"], "pages": pages, "members": members["items"]}

    before = await everything()
    assert {r["id"]: r["unread"] for r in before["rooms"]}[room] == 2
    await flush(stack.plan.redis_port)
    await eventually(other.sign_in)
    after = await eventually(everything)
    for room_before, room_after in zip(before["rooms"], after["rooms"], strict=True):
        assert room_after == room_before
    assert after == before
    async with await ChatSocket.open(stack.ws_url(1), one) as a:
        assert (await a.ask(send(room, 1)))["t"] == "ack"
