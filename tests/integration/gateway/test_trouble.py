"""Slow readers, storms, lost owners, Redis or Kafka away, and the end of a gateway."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable

import httpx
import pytest
import websockets

from kaftalk_testing.account import Account
from kaftalk_testing.chat_socket import ChatSocket, Frame
from kaftalk_testing.stack import Stack

pytestmark = pytest.mark.slow


@pytest.fixture
async def http(breakable_stack: Stack) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=breakable_stack.url, timeout=15) as client:
        yield client


def _message(room: str, n: int, text: str = "x") -> Frame:
    return {"t": "send", "room": room, "n": n, "text": text}


def _is_message(frame: Frame) -> bool:
    return bool(frame["t"] == "event" and frame["e"]["k"] == "message")


async def _acked(socket: ChatSocket, frame: Frame, timeout_s: float = 40.0) -> Frame:
    """Send until it is stored, as a client does."""
    async with asyncio.timeout(timeout_s):
        while True:
            try:
                answer = await socket.ask(dict(frame), timeout_s=10.0)
            except TimeoutError:
                continue
            if answer["t"] == "ack":
                return answer
            await asyncio.sleep(answer.get("retry_after_ms", 200) / 1000)


async def _pair(http: httpx.AsyncClient) -> tuple[Account, Account, str]:
    ann, bob = await Account.register(http), await Account.register(http)
    room = (await ann.room())["id"]
    await bob.join(room)
    return ann, bob, room


async def test_one_who_does_not_read_is_closed_and_the_others_are_not_disturbed(
    breakable_stack: Stack, http: httpx.AsyncClient
) -> None:
    stack = breakable_stack
    ann, bob, room = await _pair(http)
    async with await ChatSocket.open(stack.ws_url(0), ann) as a, await ChatSocket.open(stack.ws_url(0), bob) as b:
        for n in range(1, 46):
            await _acked(a, _message(room, n, "가" * 4000))
        lazy = await ChatSocket.open(stack.ws_url(0), bob)
        lazy.connection.transport.pause_reading()
        for n in range(20):
            # Pages of half a megabyte are more than the kernel keeps for a socket.
            await lazy.send({"t": "history", "id": str(n), "room": room, "limit": 200})
            await asyncio.sleep(0.2)
        latest = (await _acked(a, _message(room, 46)))["seq"]
        await b.until(lambda f: f["t"] == "event" and f["seq"] == latest)
        await asyncio.sleep(13)
        lazy.connection.transport.resume_reading()
        assert await lazy.closed() in (4001, 1006)
        await lazy.connection.close()
        assert (await a.ask({"t": "ping"}))["t"] == "pong"


async def test_a_storm_of_resumes_reads_the_rooms_log_once(breakable_stack: Stack, http: httpx.AsyncClient) -> None:
    stack = breakable_stack
    ann, bob, room = await _pair(http)
    async with await ChatSocket.open(stack.ws_url(0), ann) as a:
        seqs = [(await _acked(a, _message(room, n)))["seq"] for n in range(1, 31)]
    tickets = [await bob.ticket() for _ in range(15)]

    async def resume(ticket: str, at: int) -> list[int]:
        socket = await ChatSocket.dial(stack.ws_url(1))
        hello = {"t": "hello", "ticket": ticket, "stream": str(uuid.uuid4()), "resume": {room: [0, seqs[at]]}}
        await socket.send(hello)
        await socket.until(lambda f: f["t"] == "resumed")
        await socket.connection.close()
        return [f["seq"] for f in socket.seen if f["t"] == "event"]

    found = await asyncio.gather(*(resume(ticket, at) for at, ticket in enumerate(tickets)))
    assert found == [seqs[at + 1 :] for at in range(15)]


async def test_messages_sent_while_the_owner_is_dead_arrive_when_another_takes_over(
    breakable_stack: Stack, http: httpx.AsyncClient
) -> None:
    stack = breakable_stack
    ann, bob, room = await _pair(http)
    async with await ChatSocket.open(stack.ws_url(0), ann) as a, await ChatSocket.open(stack.ws_url(1), bob) as b:
        first = await _acked(a, _message(room, 1))
        await b.until(_is_message)
        stack.kill("delivery", 0)
        sent = [await _acked(a, _message(room, n)) for n in range(2, 6)]
        await stack.start("delivery", 0)
        await b.until(lambda f: f["t"] == "event" and f["seq"] == sent[-1]["seq"], timeout_s=60)
        seqs = [f["seq"] for f in b.seen if _is_message(f)]
        assert seqs == [first["seq"], *(ack["seq"] for ack in sent)]


async def test_a_kick_while_the_owner_is_dead_refuses_later_sends(
    breakable_stack: Stack, http: httpx.AsyncClient
) -> None:
    stack = breakable_stack
    ann, bob, room = await _pair(http)
    async with await ChatSocket.open(stack.ws_url(1), bob) as b:
        await _acked(b, _message(room, 1))
        stack.kill("delivery", 0)
        await asyncio.sleep(0.5)
        await ann.call("DELETE", f"/rooms/{room}/members/{bob.id}")
        assert (await b.ask(_message(room, 2)))["code"] == "not_member"
        await stack.start("delivery", 0)
        await b.until(lambda f: f["t"] == "room" and f["change"] == "removed", timeout_s=60)


async def test_messages_go_on_between_members_while_redis_is_away(
    breakable_stack: Stack, http: httpx.AsyncClient
) -> None:
    stack = breakable_stack
    ann, bob, room = await _pair(http)
    async with await ChatSocket.open(stack.ws_url(0), ann) as a, await ChatSocket.open(stack.ws_url(1), bob) as b:
        await _acked(a, _message(room, 1))
        await b.until(_is_message)
        stack.kill("redis")
        during = await _acked(a, _message(room, 2))
        assert (await b.until(_is_message))["seq"] == during["seq"]
        assert (await a.ask({"t": "history", "room": room}))["code"] == "unavailable"
        fresh = await ChatSocket.dial(stack.ws_url(0))
        await fresh.send({"t": "hello", "ticket": "x", "stream": str(uuid.uuid4())})
        assert await fresh.closed() == 4003
        await stack.start("redis")
        page = await _until_answered(a, {"t": "history", "room": room}, lambda f: f["t"] == "page")
        assert page["items"][-1]["seq"] == during["seq"]


async def test_sends_wait_or_are_refused_while_kafka_is_away_and_none_is_lost_or_doubled(
    breakable_stack: Stack, http: httpx.AsyncClient
) -> None:
    stack = breakable_stack
    ann, bob, room = await _pair(http)
    async with await ChatSocket.open(stack.ws_url(0), ann) as a, await ChatSocket.open(stack.ws_url(1), bob) as b:
        await _acked(a, _message(room, 1))
        restarting = asyncio.create_task(stack.restart_kafka())
        acks = [await _acked(a, _message(room, n, str(n)), timeout_s=60) for n in range(2, 6)]
        await restarting
        await b.until(lambda f: _is_message(f) and f["e"]["text"] == "5", timeout_s=60)
        texts = [f["e"]["text"] for f in b.seen if _is_message(f)]
        assert texts == ["x", "2", "3", "4", "5"]
        assert [ack["t"] for ack in acks] == ["ack"] * 4


async def test_a_gateway_that_ends_sends_its_clients_elsewhere_and_exits_with_0(
    breakable_stack: Stack, http: httpx.AsyncClient
) -> None:
    stack = breakable_stack
    ann, _, room = await _pair(http)
    socket = await ChatSocket.open(stack.ws_url(0), ann)
    position = await _acked(socket, _message(room, 1))
    ending = asyncio.create_task(stack.terminate("gateway", 0))
    drain = await socket.until(lambda f: f["t"] == "drain")
    assert drain["after_ms"] >= 0
    with pytest.raises(websockets.InvalidStatus) as refused:
        await ChatSocket.dial(stack.ws_url(0))
    assert refused.value.response.status_code == 503
    assert (await _acked(socket, _message(room, 2)))["t"] == "ack"
    assert await socket.closed() == 4000
    assert await ending == 0
    async with await ChatSocket.open(stack.ws_url(1), ann, resume={room: (0, position["seq"])}) as elsewhere:
        resumed = await elsewhere.until(lambda f: f["t"] == "resumed")
        assert resumed["count"] == 1


async def _until_answered(socket: ChatSocket, frame: Frame, wanted: Callable[[Frame], bool]) -> Frame:
    async with asyncio.timeout(30):
        while not wanted(answer := await socket.ask(dict(frame))):
            await asyncio.sleep(0.3)
    return answer
