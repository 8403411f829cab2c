"""What people do over the WebSocket, on the whole running stack with two gateways."""

import asyncio
import uuid
from collections.abc import AsyncIterator

import httpx
import pytest

from kaftalk_testing.account import Account
from kaftalk_testing.chat_socket import ChatSocket, Frame
from kaftalk_testing.stack import Stack


@pytest.fixture
async def http(stack: Stack) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=stack.url, timeout=15) as client:
        yield client


def _message(room: str, n: int, text: str = "안녕하세요", **more: object) -> Frame:
    return {"t": "send", "room": room, "n": n, "text": text, **more}


async def test_a_message_reaches_the_members_at_both_gateways_and_its_sender(
    stack: Stack, http: httpx.AsyncClient
) -> None:
    ann, bob = await Account.register(http), await Account.register(http)
    room = (await ann.room())["id"]
    await bob.join(room)
    async with await ChatSocket.open(stack.ws_url(0), ann) as a, await ChatSocket.open(stack.ws_url(1), bob) as b:
        ack = await a.ask(_message(room, 1))
        assert ack["t"] == "ack"
        assert "dup" not in ack
        event = await b.until(lambda f: f["t"] == "event" and f["e"]["k"] == "message")
        assert (event["epoch"], event["seq"]) == (ack["epoch"], ack["seq"])
        assert event["e"]["text"] == "안녕하세요"
        assert event["e"]["by"] == ann.id
        own = [f for f in a.seen if f["t"] == "event"] or [await a.event(room)]
        assert own[-1]["seq"] == ack["seq"]


async def test_the_opening_is_welcome_then_quiet_then_held(stack: Stack, http: httpx.AsyncClient) -> None:
    ann = await Account.register(http)
    async with await ChatSocket.open(stack.ws_url(0), ann) as a:
        assert (await a.next())["t"] == "quiet"
        assert await a.next() == {"t": "held", "rooms": {}, "total": 0}
        welcome = a.seen[0]
        assert welcome["user"]["id"] == ann.id
        assert welcome["heartbeat_ms"] == 25_000
        pong = await a.ask({"t": "ping"})
        assert pong["t"] == "pong"


async def test_a_resent_message_is_acked_as_a_repeat_and_shown_once(stack: Stack, http: httpx.AsyncClient) -> None:
    ann = await Account.register(http)
    room = (await ann.room())["id"]
    stream = str(uuid.uuid4())
    async with await ChatSocket.open(stack.ws_url(0), ann, stream=stream) as a:
        first = await a.ask(_message(room, 1))
        again = await a.ask(_message(room, 1))
        assert (again["dup"], again["seq"]) == (True, first["seq"])
    async with await ChatSocket.open(stack.ws_url(1), ann, stream=stream, resume={room: (0, first["seq"] - 1)}) as a:
        elsewhere = await a.ask(_message(room, 1))
        assert elsewhere["dup"] is True
        assert elsewhere["seq"] in (first["seq"], None)
        second = await a.ask(_message(room, 2, "둘"))
        page = await a.ask({"t": "history", "room": room})
        assert [i["seq"] for i in page["items"] if i["e"]["k"] == "message"] == [first["seq"], second["seq"]]


async def test_what_is_sent_at_once_to_a_room_just_made_is_stored_in_order(
    stack: Stack, http: httpx.AsyncClient
) -> None:
    ann = await Account.register(http)
    async with await ChatSocket.open(stack.ws_url(0), ann) as a:
        for _ in range(5):
            room = (await ann.room())["id"]
            for n in range(1, 6):
                await a.send(_message(room, n) | {"id": f"{n}"})
            acks = [await a.until(lambda f: f["t"] in ("ack", "error")) for _ in range(5)]
            assert [(ack["t"], ack["id"]) for ack in acks] == [("ack", f"{n}") for n in range(1, 6)]
            seqs = [ack["seq"] for ack in acks]
            assert seqs == sorted(seqs)


@pytest.mark.slow
async def test_a_change_of_presence_reaches_every_watcher(stack: Stack, http: httpx.AsyncClient) -> None:
    ann, bob, eve = [await Account.register(http) for _ in range(3)]
    async with (
        await ChatSocket.open(stack.ws_url(1), ann) as watched,
        await ChatSocket.open(stack.ws_url(0), bob) as first,
        await ChatSocket.open(stack.ws_url(0), eve) as second,
    ):
        await first.send({"t": "watch", "users": [ann.id]})
        assert (await first.until(lambda f: f["t"] == "presence"))["state"] == "online"
        await watched.send({"t": "active", "on": False})
        await watched.ask({"t": "ping"})
        while (await _presence_now(second, ann))["state"] != "away":
            await asyncio.sleep(0.05)
        assert (await first.until(lambda f: f["t"] == "presence"))["state"] == "away"


async def _presence_now(socket: ChatSocket, account: Account) -> Frame:
    await socket.send({"t": "watch", "users": [account.id]})
    return await socket.until(lambda f: f["t"] == "presence")


async def test_resume_gives_what_was_missed_then_what_is_live(stack: Stack, http: httpx.AsyncClient) -> None:
    ann, bob = await Account.register(http), await Account.register(http)
    room = (await ann.room())["id"]
    await bob.join(room)
    async with await ChatSocket.open(stack.ws_url(0), ann) as a:
        first = await a.ask(_message(room, 1))
        last = [await a.ask(_message(room, n, f"{n}")) for n in range(2, 8)][-1]
        for gateway in (0, 1):
            position = (first["epoch"], first["seq"])
            async with await ChatSocket.open(stack.ws_url(gateway), bob, resume={room: position}) as b:
                resumed = await b.until(lambda f: f["t"] == "resumed")
                assert (resumed["from"], resumed["to"], resumed["count"]) == (first["seq"], last["seq"], 6)
                texts = [f["e"]["text"] for f in b.seen if f["t"] == "event"]
                assert texts == [str(n) for n in range(2, 8)]


async def test_rooms_come_and_go_on_open_connections(stack: Stack, http: httpx.AsyncClient) -> None:
    ann, bob = await Account.register(http), await Account.register(http)
    async with await ChatSocket.open(stack.ws_url(1), bob) as b, await ChatSocket.open(stack.ws_url(0), ann) as a:
        room = (await ann.room())["id"]
        added = await a.until(lambda f: f["t"] == "room")
        assert (added["change"], added["room"]["id"]) == ("added", room)
        await bob.join(room)
        added = await b.until(lambda f: f["t"] == "room")
        assert (added["change"], added["room"]["id"]) == ("added", room)
        await a.ask(_message(room, 1))
        assert (await b.event(room))["e"]["k"] == "message"
        await ann.call("PATCH", f"/rooms/{room}", json={"name": "새 이름"})
        updated = await b.until(lambda f: f["t"] == "room")
        assert (updated["change"], updated["room"]["name"]) == ("updated", "새 이름")
        await ann.call("DELETE", f"/rooms/{room}/members/{bob.id}")
        refused = await b.ask(_message(room, 1))
        assert refused["code"] == "not_member"
        kick = [f for f in b.seen if f["t"] == "event" and f["e"]["k"] == "kick"]
        removed = [f for f in b.seen if f["t"] == "room" and f["change"] == "removed"]
        assert len(kick) == len(removed) == 1
        assert removed[0]["room"] == {"id": room, "reason": "kicked"}
        assert b.seen.index(kick[0]) < b.seen.index(removed[0])
        await a.ask(_message(room, 2))
        with pytest.raises(TimeoutError):
            await b.event(room, timeout_s=0.5)


async def test_edits_deletes_and_reactions_are_acked_again_when_repeated(stack: Stack, http: httpx.AsyncClient) -> None:
    ann, bob = await Account.register(http), await Account.register(http)
    room = (await ann.room())["id"]
    await bob.join(room)
    async with await ChatSocket.open(stack.ws_url(0), ann) as a, await ChatSocket.open(stack.ws_url(1), bob) as b:
        seq = (await a.ask(_message(room, 1)))["seq"]
        for frame in (
            {"t": "edit", "room": room, "seq": seq, "text": "고침"},
            {"t": "react", "room": room, "seq": seq, "emoji": "👍", "on": True},
            {"t": "react", "room": room, "seq": seq, "emoji": "👍", "on": False},
            {"t": "delete", "room": room, "seq": seq},
        ):
            first, again = await a.ask(dict(frame)), await a.ask(dict(frame))
            assert (first["t"], first["seq"]) == (again["t"], again["seq"])
            if frame["t"] == "edit":
                assert (await b.ask(dict(frame)))["code"] == "forbidden"
        assert (await a.ask({"t": "edit", "room": room, "seq": seq, "text": "x"}))["code"] == "gone"
    async with await ChatSocket.open(stack.ws_url(1), bob, resume={room: (0, seq - 1)}) as b:
        await b.until(lambda f: f["t"] == "resumed")
        raw = [f["e"] for f in b.seen if f["t"] == "event"]
        assert [e["k"] for e in raw] == ["message", "edit", "reaction", "reaction", "delete"]
        assert [e["text"] for e in raw[:2]] == ["", ""]


@pytest.mark.slow
async def test_typing_read_cursors_and_presence_reach_the_others(stack: Stack, http: httpx.AsyncClient) -> None:
    ann, bob = await Account.register(http), await Account.register(http)
    room = (await ann.room())["id"]
    await bob.join(room)
    async with await ChatSocket.open(stack.ws_url(0), ann) as a, await ChatSocket.open(stack.ws_url(1), bob) as b:
        seq = (await a.ask(_message(room, 1)))["seq"]
        await b.event(room)
        await a.send({"t": "typing", "room": room, "kind": "text"})
        typing = await b.until(lambda f: f["t"] == "typing")
        assert (typing["user"], typing["kind"]) == (ann.id, "text")
        assert (await b.until(lambda f: f["t"] == "typing"))["kind"] == "none"
        async with await ChatSocket.open(stack.ws_url(0), bob) as b2:
            await b.send({"t": "read", "room": room, "seq": seq})
            for socket in (a, b2):
                read = await socket.until(lambda f: f["t"] == "read")
                assert (read["user"], read["seq"]) == (bob.id, seq)
        await b.send({"t": "read", "room": room, "seq": seq + 100})
        assert (await b.until(lambda f: f["t"] == "error"))["code"] == "invalid"
        await a.send({"t": "watch", "users": [bob.id]})
        assert (await a.until(lambda f: f["t"] == "presence"))["state"] == "online"
        await b.send({"t": "active", "on": False})
        assert (await a.until(lambda f: f["t"] == "presence"))["state"] == "away"
    async with await ChatSocket.open(stack.ws_url(0), ann) as a:
        await a.send({"t": "watch", "users": [bob.id]})
        await a.until(lambda f: f["t"] == "presence" and f["state"] == "offline")


async def test_a_new_name_is_told_to_who_shares_a_room(stack: Stack, http: httpx.AsyncClient) -> None:
    ann, bob = await Account.register(http), await Account.register(http)
    stranger = await Account.register(http)
    await bob.join((await ann.room())["id"])
    async with (
        await ChatSocket.open(stack.ws_url(0), bob) as b,
        await ChatSocket.open(stack.ws_url(1), stranger) as other,
    ):
        await ann.call("PATCH", "/me", json={"display_name": "새 이름"})
        changed = await b.until(lambda f: f["t"] == "user")
        assert (changed["user"]["id"], changed["user"]["display_name"]) == (ann.id, "새 이름")
        await other.ask({"t": "ping"})
        assert not [f for f in other.seen if f["t"] == "user"]


async def test_a_second_socket_takes_the_stream_over_across_gateways(stack: Stack, http: httpx.AsyncClient) -> None:
    ann = await Account.register(http)
    stream = str(uuid.uuid4())
    first = await ChatSocket.open(stack.ws_url(0), ann, stream=stream)
    async with await ChatSocket.open(stack.ws_url(1), ann, stream=stream) as second:
        assert await first.closed() == 4505
        assert (await second.ask({"t": "ping"}))["t"] == "pong"
        third = await ChatSocket.open(stack.ws_url(1), ann, stream=stream)
        assert await second.closed() == 4505
        await third.connection.close()


async def test_the_end_of_the_session_closes_its_sockets(stack: Stack, http: httpx.AsyncClient) -> None:
    ann = await Account.register(http)
    socket = await ChatSocket.open(stack.ws_url(0), ann)
    await ann.call("POST", "/auth/logout")
    assert await socket.closed() == 4503


async def test_the_oldest_of_too_many_connections_is_closed(stack: Stack, http: httpx.AsyncClient) -> None:
    ann = await Account.register(http)
    sockets = [await ChatSocket.open(stack.ws_url(n % 2), ann) for n in range(21)]
    assert await sockets[0].closed() == 4001
    for socket in sockets[1:]:
        assert (await socket.ask({"t": "ping"}))["t"] == "pong"
    await asyncio.gather(*(socket.connection.close() for socket in sockets))
