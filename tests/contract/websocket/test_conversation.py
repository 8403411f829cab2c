"""The WebSocket contract over two gateways, with every server frame checked against the closed schemas."""

import asyncio
import uuid
from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio
import websockets

from kaftalk_testing.account import Account
from kaftalk_testing.chat_socket import ChatSocket
from kaftalk_testing.stack import Stack

Pair = tuple[Account, Account, str]


@pytest_asyncio.fixture
async def http(stack: Stack) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=stack.url, timeout=20) as client:
        yield client


@pytest_asyncio.fixture
async def pair(http: httpx.AsyncClient) -> Pair:
    """Two members of one public room."""
    one, other = await Account.register(http, display_name="지민"), await Account.register(http, display_name="서연")
    room = (await one.room())["id"]
    await other.join(room)
    return one, other, room


def message(room: str, n: int, text: str = "안녕하세요", **more: object) -> dict[str, object]:
    return {"t": "send", "room": room, "n": n, "text": text, **more}


async def test_what_one_sends_the_other_sees_on_the_other_gateway(stack: Stack, pair: Pair) -> None:
    one, other, room = pair
    async with await ChatSocket.open(stack.ws_url(0), one) as a, await ChatSocket.open(stack.ws_url(1), other) as b:
        ack = await a.ask(message(room, 1))
        assert ack["t"] == "ack"
        for socket in (a, b):
            event = next((f for f in socket.seen if f["t"] == "event"), None) or await socket.event(room)
            assert (event["seq"], event["e"]["text"]) == (ack["seq"], "안녕하세요")
            assert event["e"]["by"] == one.id


async def test_welcome_is_followed_by_quiet_and_a_whole_held(stack: Stack, pair: Pair) -> None:
    async with await ChatSocket.open(stack.ws_url(0), pair[0]) as socket:
        assert [frame["t"] for frame in (await socket.next(), await socket.next())] == ["quiet", "held"]
        assert socket.seen[0]["features"] is not None


async def test_the_same_message_sent_again_is_acked_dup_and_shown_once(stack: Stack, pair: Pair) -> None:
    one, other, room = pair
    stream = str(uuid.uuid4())
    async with await ChatSocket.open(stack.ws_url(1), other) as b:
        async with await ChatSocket.open(stack.ws_url(0), one, stream=stream) as a:
            first = await a.ask(message(room, 1))
            again = await a.ask(message(room, 1))
        async with await ChatSocket.open(stack.ws_url(1), one, stream=stream) as a:
            later = await a.ask(message(room, 1))
            last = await a.ask(message(room, 2, "끝"))
        for repeat in (again, later):
            assert repeat["dup"] is True
            assert repeat["seq"] in (first["seq"], None)
        shown: list[int] = []
        while not shown or shown[-1] != last["seq"]:
            shown.append((await b.event(room))["seq"])
        assert shown == [first["seq"], last["seq"]]


async def test_who_comes_back_gets_what_was_missed_then_resumed(stack: Stack, pair: Pair) -> None:
    one, other, room = pair
    page = await other.call("GET", f"/rooms/{room}/messages")
    async with await ChatSocket.open(stack.ws_url(0), one) as a:
        sent = [(await a.ask(message(room, n)))["seq"] for n in range(1, 21)]
    for gateway in (0, 1):
        async with await ChatSocket.open(stack.ws_url(gateway), other, resume={room: (page["epoch"], page["to"])}) as b:
            resumed = await b.until(lambda f: f["t"] == "resumed")
            events = [f["seq"] for f in b.seen if f["t"] == "event"]
            assert events == sent
            assert (resumed["from"], resumed["to"], resumed["count"]) == (page["to"], sent[-1], 20)


async def test_a_room_of_others_or_of_nobody_resets_not_member_with_nulls(
    stack: Stack, http: httpx.AsyncClient
) -> None:
    stranger, owner = await Account.register(http), await Account.register(http)
    private = (await owner.room(kind="private"))["id"]
    async with await ChatSocket.open(
        stack.ws_url(0), stranger, resume={private: (0, 0), str(uuid.uuid4()): (0, 0)}
    ) as socket:
        resets = [await socket.until(lambda f: f["t"] == "reset") for _ in range(2)]
        assert {(f["reason"], f["epoch"], f["seq"]) for f in resets} == {("not_member", None, None)}


async def test_a_kick_cuts_at_once_and_refuses_later_sends(stack: Stack, pair: Pair) -> None:
    one, other, room = pair
    async with await ChatSocket.open(stack.ws_url(0), one) as a, await ChatSocket.open(stack.ws_url(1), other) as b:
        await one.call("DELETE", f"/rooms/{room}/members/{other.id}")
        refused = await b.ask(message(room, 1))
        assert (refused["t"], refused["code"]) == ("error", "not_member")
        removed = next((f for f in b.seen if f["t"] == "room"), None) or await b.until(lambda f: f["t"] == "room")
        assert (removed["change"], removed["room"]["reason"]) == ("removed", "kicked")
        assert any(f["t"] == "event" and f["e"]["k"] == "kick" for f in b.seen)
        await a.ask(message(room, 1, "비밀"))
        with pytest.raises(TimeoutError):
            await b.event(room, timeout_s=1)


async def test_edits_deletes_and_reactions_travel_and_repeat_quietly(stack: Stack, pair: Pair) -> None:
    one, other, room = pair
    async with await ChatSocket.open(stack.ws_url(0), one) as a, await ChatSocket.open(stack.ws_url(1), other) as b:
        seq = (await a.ask(message(room, 1)))["seq"]
        edit = await a.ask({"t": "edit", "room": room, "seq": seq, "text": "고침"})
        assert (await a.ask({"t": "edit", "room": room, "seq": seq, "text": "고침"}))["seq"] == edit["seq"]
        await b.until(lambda f: f["t"] == "event" and f["e"]["k"] == "edit" and f["e"]["text"] == "고침")
        react = {"t": "react", "room": room, "seq": seq, "emoji": "👍", "on": True}
        put = await b.ask(react)
        assert (await b.ask(react))["seq"] == put["seq"]
        refused = await b.ask({"t": "edit", "room": room, "seq": seq, "text": "남의 글"})
        assert refused["code"] == "forbidden"
        item = await other.call("GET", f"/rooms/{room}/messages/{seq}")
        assert (item["e"]["text"], item["e"]["reactions"]) == ("고침", [{"emoji": "👍", "count": 1, "me": True}])
        gone = await a.ask({"t": "delete", "room": room, "seq": seq})
        assert (await a.ask({"t": "delete", "room": room, "seq": seq}))["seq"] == gone["seq"]
        page = await b.ask({"t": "history", "room": room})
        assert [i["e"]["k"] for i in page["items"] if i["seq"] == seq] == ["deleted"]


@pytest.mark.parametrize("text", ["nonsense", "[]", "1", '{"t":1}', '{"t":"send"}', '{"t":"hello"}', "{" * 10_000])
async def test_a_bad_first_frame_closes_4502(stack: Stack, text: str) -> None:
    async with await ChatSocket.dial(stack.ws_url(0)) as socket:
        await socket.send(text)
        assert await socket.closed() == 4502


async def test_an_unknown_or_used_ticket_closes_4500(stack: Stack, http: httpx.AsyncClient) -> None:
    account = await Account.register(http)
    used = await account.ticket()
    hello = {"t": "hello", "ticket": used, "stream": str(uuid.uuid4())}
    async with await ChatSocket.dial(stack.ws_url(0)) as socket:
        await socket.send(hello)
        assert (await socket.next())["t"] == "welcome"
    for ticket in (used, "no-such-ticket"):
        async with await ChatSocket.dial(stack.ws_url(1)) as socket:
            await socket.send({**hello, "ticket": ticket})
            assert await socket.closed() == 4500


@pytest.mark.parametrize(
    ("frame", "field"),
    [
        ({"t": "nonsense"}, None),
        ({"t": "send", "room": "x", "n": 1, "text": "a"}, "room"),
        ({"t": "send", "n": 1, "text": "a"}, "room"),
        ({"t": "ping", "more": 1}, "more"),
        ({"t": "history", "before": -1}, "room"),
    ],
)
async def test_a_wrong_frame_gets_an_error_with_its_id(
    stack: Stack, pair: Pair, frame: dict[str, object], field: str | None
) -> None:
    async with await ChatSocket.open(stack.ws_url(0), pair[0]) as socket:
        error = await socket.ask(frame)
        assert (error["t"], error["code"]) == ("error", "invalid")
        assert field is None or field in error["detail"]
        assert (await socket.ask({"t": "ping"}))["t"] == "pong"


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:1"])
async def test_a_foreign_origin_gets_403_before_the_upgrade(stack: Stack, origin: str) -> None:
    with pytest.raises(websockets.InvalidStatus) as refused:
        await ChatSocket.dial(stack.ws_url(0), origin=origin)
    assert refused.value.response.status_code == 403


async def test_without_the_subprotocol_it_is_400(stack: Stack) -> None:
    with pytest.raises(websockets.InvalidStatus) as refused:
        await websockets.connect(stack.ws_url(0), compression=None)
    assert refused.value.response.status_code == 400


async def test_a_second_hello_with_a_live_stream_closes_the_first_4505(stack: Stack, pair: Pair) -> None:
    stream = str(uuid.uuid4())
    for second in (0, 1):
        first = await ChatSocket.open(stack.ws_url(0), pair[0], stream=stream)
        async with first, await ChatSocket.open(stack.ws_url(second), pair[0], stream=stream) as other:
            assert await first.closed() == 4505
            assert (await other.ask({"t": "ping"}))["t"] == "pong"


async def test_logging_out_closes_4503(stack: Stack, http: httpx.AsyncClient) -> None:
    account = await Account.register(http)
    async with await ChatSocket.open(stack.ws_url(0), account) as socket:
        await account.call("POST", "/auth/logout")
        assert await socket.closed() == 4503


async def test_typing_reaches_the_others_only(stack: Stack, pair: Pair) -> None:
    one, other, room = pair
    async with await ChatSocket.open(stack.ws_url(0), one) as a, await ChatSocket.open(stack.ws_url(1), other) as b:
        await asyncio.sleep(0.3)
        await a.send({"t": "typing", "room": room, "kind": "text"})
        typing = await b.until(lambda f: f["t"] == "typing")
        assert (typing["user"], typing["kind"]) == (one.id, "text")
        assert (await a.ask({"t": "ping"}))["t"] == "pong"
        assert not [f for f in a.seen if f["t"] == "typing"]


async def test_a_created_room_is_added_live_before_its_events(stack: Stack, http: httpx.AsyncClient) -> None:
    one, other = await Account.register(http), await Account.register(http)
    async with await ChatSocket.open(stack.ws_url(0), one) as a, await ChatSocket.open(stack.ws_url(1), other) as b:
        room = (await one.room("새 방", "private", member_ids=[other.id]))["id"]
        for socket in (a, b):
            added = await socket.until(lambda f: f["t"] == "room" and f["room"]["id"] == room)
            assert (added["change"], added["room"]["name"]) == ("added", "새 방")
        await a.ask(message(room, 1))
        assert (await b.until(lambda f: f["t"] == "event" and f["e"]["k"] == "message"))["room"] == room


async def test_more_than_32_unanswered_sends_in_a_room_are_refused(stack: Stack, pair: Pair) -> None:
    one, _, room = pair
    async with await ChatSocket.open(stack.ws_url(0), one) as a:
        far = await a.ask(message(room, 1_000))
        assert far["t"] == "ack"
        for n in range(1_001, 1_071):
            await a.send({"id": f"m{n}", **message(room, n)})
        answers = [await a.until(lambda f: f["t"] in ("ack", "error")) for _ in range(70)]
        assert {f["code"] for f in answers if f["t"] == "error"} <= {"rate_limited", "invalid"}
        assert len({f["id"] for f in answers}) == 70
