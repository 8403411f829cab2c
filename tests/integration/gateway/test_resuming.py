"""Coming back: what may be seen, what is too far away, reloads, and rooms that change meanwhile."""

import asyncio
import uuid
from collections.abc import AsyncIterator

import httpx
import pytest

from kaftalk_protocol import records
from kaftalk_protocol.ids import RoomId, UserId
from kaftalk_protocol.topics import room_topic
from kaftalk_roomlog.writer import RoomLogWriter
from kaftalk_runtime.kafka import Kafka
from kaftalk_testing.account import Account
from kaftalk_testing.chat_socket import ChatSocket, Frame
from kaftalk_testing.stack import Stack


@pytest.fixture
async def http(stack: Stack) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=stack.url, timeout=15) as client:
        yield client


def _message(room: str, n: int, text: str = "x") -> Frame:
    return {"t": "send", "room": room, "n": n, "text": text}


def _edits(seen: list[Frame]) -> list[tuple[int, str]]:
    return [(f["e"]["target"], f["e"]["text"]) for f in seen if f.get("e", {}).get("k") == "edit"]


async def test_a_later_member_of_a_room_with_history_since_join_sees_nothing_older(
    stack: Stack, http: httpx.AsyncClient
) -> None:
    ann, bob = await Account.register(http), await Account.register(http)
    room = (await ann.room(history="since_join"))["id"]
    async with await ChatSocket.open(stack.ws_url(0), ann) as a:
        await a.ask(_message(room, 1, "before"))
        await bob.join(room)
        after = await a.ask(_message(room, 2, "after"))
    for gateway in (0, 1):
        async with await ChatSocket.open(stack.ws_url(gateway), bob, resume={room: (0, 0)}) as b:
            resumed = await b.until(lambda f: f["t"] == "resumed")
            assert resumed["to"] == after["seq"]
            assert [f["e"].get("text") for f in b.seen if f["t"] == "event"] == [None, "after"]


async def test_an_edit_of_an_older_message_has_no_words_for_a_later_member(
    stack: Stack, http: httpx.AsyncClient
) -> None:
    ann, bob, cyd = [await Account.register(http) for _ in range(3)]
    room = (await ann.room(history="since_join"))["id"]
    await cyd.join(room)
    async with (
        await ChatSocket.open(stack.ws_url(0), ann) as a,
        await ChatSocket.open(stack.ws_url(0), bob) as b,
        await ChatSocket.open(stack.ws_url(0), cyd) as c,
    ):
        old = (await a.ask(_message(room, 1, "before")))["seq"]
        await bob.join(room)
        new = (await a.ask(_message(room, 2, "after")))["seq"]
        edit = {"t": "edit", "room": room, "mentions": [bob.id]}
        for text in ("first", "second"):
            await a.ask({**edit, "seq": old, "text": text})
            await a.ask({**edit, "seq": new, "text": text})
        last = (await a.ask(_message(room, 3, "last")))["seq"]
        await b.until(lambda f: f.get("seq") == last)
        await c.until(lambda f: f.get("seq") == last)
    read = [(old, "first"), (new, "first"), (old, "second"), (new, "second")]
    unread = [(old, ""), (new, "first"), (old, ""), (new, "second")]
    assert _edits(c.seen) == read
    assert _edits(b.seen) == unread
    assert [f["e"]["mentions"] for f in b.seen if f.get("e", {}).get("target") == old] == [[], []]
    for gateway in (0, 1):
        for who, shown in ((bob, unread), (cyd, read)):
            async with await ChatSocket.open(stack.ws_url(gateway), who, resume={room: (0, 0)}) as back:
                await back.until(lambda f: f["t"] == "resumed")
                assert _edits(back.seen) == shown


@pytest.mark.slow
async def test_over_5000_missed_events_are_too_far(stack: Stack, http: httpx.AsyncClient) -> None:
    ann = await Account.register(http)
    room = RoomId((await ann.room())["id"])
    stream = str(uuid.uuid4())
    writer = RoomLogWriter(Kafka(stack.kafka_bootstrap, client_id="test"))
    await writer.start()
    for start in range(1, 5_101, 300):
        messages = [records.Message(id=f"{stream}:{n}", by=UserId(ann.id), text="x") for n in range(start, start + 300)]
        await asyncio.gather(*(writer.append(room_topic(room, 0), records.encode(one)) for one in messages))
    await writer.stop()
    async with await ChatSocket.open(stack.ws_url(0), ann, resume={room: (0, 0)}) as a:
        reset = await a.until(lambda f: f["t"] == "reset")
        assert reset["reason"] == "too_far"
        page = await a.ask({"t": "history", "room": room})
        assert page["to"] >= reset["seq"]
        await a.send({**_message(room, 1), "id": "last"})
        # The event may come before the ack.
        answers = [await a.until(lambda f: f.get("id") == "last" or f["t"] == "event") for _ in range(2)]
        assert answers[0]["seq"] == answers[1]["seq"]


async def test_a_reload_never_makes_new_rooms_come_late(stack: Stack, http: httpx.AsyncClient) -> None:
    ann = await Account.register(http)
    socket = await ChatSocket.open(stack.ws_url(0), ann)
    for turn in range(6):
        closing = asyncio.create_task(socket.connection.close())
        socket = await ChatSocket.open(stack.ws_url(turn % 2), ann)
        await closing
        room = (await ann.room())["id"]
        added = await socket.until(lambda f: f["t"] == "room", timeout_s=3)
        assert (added["change"], added["room"]["id"]) == ("added", room)
    await socket.connection.close()


@pytest.mark.slow
async def test_who_is_kicked_while_she_connects_never_sees_what_comes_after(
    stack: Stack, http: httpx.AsyncClient
) -> None:
    ann = await Account.register(http)
    people = [await Account.register(http) for _ in range(6)]
    room = (await ann.room())["id"]
    for one in people:
        await one.join(room)
    async with await ChatSocket.open(stack.ws_url(0), ann) as a:
        for n, one in enumerate(people, start=1):
            opening = asyncio.create_task(ChatSocket.open(stack.ws_url(n % 2), one))
            await asyncio.sleep(0.003 * n)
            await ann.call("DELETE", f"/rooms/{room}/members/{one.id}")
            secret = await a.ask(_message(room, n, "secret"))
            async with await opening as kicked:
                await kicked.ask({"t": "ping"})
                assert (await kicked.ask(_message(room, 1)))["code"] == "not_member"
                assert [f for f in kicked.seen if f["t"] == "event" and f["seq"] >= secret["seq"]] == []


@pytest.mark.slow
async def test_a_client_that_lags_gets_what_it_missed_in_order(stack: Stack, http: httpx.AsyncClient) -> None:
    ann = await Account.register(http)
    room = RoomId((await ann.room())["id"])
    stream = str(uuid.uuid4())
    writer = RoomLogWriter(Kafka(stack.kafka_bootstrap, client_id="test"))
    await writer.start()
    async with await ChatSocket.open(stack.ws_url(0), ann) as a:
        await a.ask(_message(room, 1))
        a.connection.transport.pause_reading()
        # All at once: whoever does not read for ten seconds is closed.
        said = [records.Message(id=f"{stream}:{n}", by=UserId(ann.id), text="가" * 2_000) for n in range(1, 1_501)]
        await asyncio.gather(*(writer.append(room_topic(room, 0), records.encode(message)) for message in said))
        a.connection.transport.resume_reading()
        seqs = [(await a.event(room))["seq"] for _ in range(1_501)]
        assert seqs == sorted(set(seqs))
        assert seqs[-1] - seqs[0] == 1_500
    await writer.stop()
