"""What bad handshakes, bad frames and floods get."""

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import websockets

from kaftalk_testing.account import Account
from kaftalk_testing.chat_socket import ChatSocket, Frame
from kaftalk_testing.stack import Stack, run_stack

STREAM = "0b9f6a52-5c7e-4b60-9a53-6b61667461c7"


@pytest.fixture
async def http(stack: Stack) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=stack.url, timeout=15) as client:
        yield client


async def _status(url: str, **options: object) -> int:
    try:
        async with websockets.connect(url, compression=None, **options):  # type: ignore[arg-type]
            return 101
    except websockets.InvalidStatus as refused:
        return refused.response.status_code


async def test_handshakes_are_judged_before_the_upgrade(stack: Stack) -> None:
    url = stack.ws_url(0)
    protocol = {"subprotocols": ["kaftalk.v1"]}
    assert await _status(url) == 400
    assert await _status(url, subprotocols=["kaftalk.v2"]) == 400
    for origin in ("https://evil.example", "null", "http://127.0.0.1.evil.example", "http://127.0.0.1:1"):
        assert await _status(url, origin=origin, **protocol) == 403
    twice = [("Origin", stack.url), ("Origin", stack.url)]
    assert await _status(url, additional_headers=twice, **protocol) in (400, 403)
    assert await _status(url, origin=stack.url, **protocol) == 101
    assert await _status(url, **protocol) == 101
    assert await _status(url.replace("/ws", "/internal"), **protocol) == 404
    async with httpx.AsyncClient() as client:
        answer = await client.get(url.replace("ws://", "http://"))
        assert (answer.status_code, answer.headers["content-type"]) == (426, "application/problem+json")
        assert (await client.get(stack.service_url("gateway") + "/metrics")).status_code == 404


@pytest.mark.parametrize(
    "first",
    [
        "nonsense",
        "[]",
        "{}",
        '{"t":1}',
        '{"t":"ping","id":"1"}',
        '{"t":"hello"}',
        '{"t":"hello","ticket":"x","stream":"y"}',
    ],
)
async def test_a_wrong_first_frame_closes_with_4502(stack: Stack, first: str) -> None:
    socket = await ChatSocket.dial(stack.ws_url(0))
    await socket.send(first)
    assert await socket.closed() == 4502


async def test_a_bad_ticket_closes_with_4500_and_a_good_one_works_once(stack: Stack, http: httpx.AsyncClient) -> None:
    ann = await Account.register(http)
    ticket = await ann.ticket()
    for given, code in ((ticket, None), (ticket, 4500), ("x", 4500)):
        socket = await ChatSocket.dial(stack.ws_url(0))
        await socket.send({"t": "hello", "ticket": given, "stream": STREAM})
        if code is None:
            await socket.until(lambda f: f["t"] == "welcome")
            await socket.connection.close()
        else:
            assert await socket.closed() == code


@pytest.mark.slow
async def test_silence_instead_of_hello_closes_with_4002(stack: Stack) -> None:
    socket = await ChatSocket.dial(stack.ws_url(0))
    assert await socket.closed() == 4002


async def test_mistakes_of_an_open_session_are_answered_and_it_stays_open(
    stack: Stack, http: httpx.AsyncClient
) -> None:
    ann, bob = await Account.register(http), await Account.register(http)
    public = (await bob.room())["id"]
    private = (await bob.room(kind="private"))["id"]
    own = (await ann.room())["id"]
    unknown = str(uuid.uuid4())
    async with await ChatSocket.open(stack.ws_url(0), ann) as a:

        async def code_of(frame: Frame) -> str:
            return str((await a.ask(frame))["code"])

        assert await code_of({"t": "dance"}) == "invalid"
        assert await code_of({"t": "send", "room": own, "n": 0, "text": "x"}) == "invalid"
        assert await code_of({"t": "send", "room": own, "n": 1, "text": ""}) == "invalid"
        assert await code_of({"t": "send", "room": own, "n": 1, "text": "x", "more": 1}) == "invalid"
        for kind, code in ((public, "not_member"), (private, "not_found"), (unknown, "not_found")):
            assert await code_of({"t": "send", "room": kind, "n": 1, "text": "x"}) == code
            assert await code_of({"t": "history", "room": kind}) == code
        assert await code_of({"t": "edit", "room": own, "seq": 10_000, "text": "x"}) == "not_found"
        await ann.call("POST", f"/rooms/{own}/archive")
        assert await code_of({"t": "send", "room": own, "n": 1, "text": "x"}) == "archived"
        await ann.call("POST", f"/rooms/{own}/unarchive")
        assert (await a.ask({"t": "send", "room": own, "n": 2, "text": "x"}))["t"] == "ack"
        await a.send({"t": "resume", "resume": {private: [0, 0], unknown: [0, 0]}})
        for _ in range(2):
            reset = await a.until(lambda f: f["t"] == "reset")
            assert (reset["reason"], reset["epoch"], reset["seq"]) == ("not_member", None, None)
        await a.send({"t": "resume", "resume": {own: [7, 0]}})
        assert (await a.until(lambda f: f["t"] == "reset"))["reason"] == "epoch"


async def test_a_second_hello_and_frames_that_are_no_json_close_with_4502(
    stack: Stack, http: httpx.AsyncClient
) -> None:
    ann = await Account.register(http)
    for bad in ('{"t":"hello","ticket":"x","stream":"' + STREAM + '"}', "{", b"\x00"):
        socket = await ChatSocket.open(stack.ws_url(0), ann)
        await socket.send(bad)
        assert await socket.closed() == 4502


async def test_n_may_not_run_more_than_63_ahead(stack: Stack, http: httpx.AsyncClient) -> None:
    ann = await Account.register(http)
    room = (await ann.room())["id"]
    async with await ChatSocket.open(stack.ws_url(0), ann) as a:
        await a.send({"t": "send", "id": "a", "room": room, "n": 1, "text": "x"})
        await a.send({"t": "send", "id": "b", "room": room, "n": 65, "text": "x"})
        answers = {f["id"]: f for f in [await a.until(lambda f: "id" in f) for _ in range(2)]}
        assert answers["b"]["code"] == "invalid"
        assert answers["a"]["t"] == "ack"


async def test_a_burst_is_limited_and_a_flood_closes_with_4504(stack: Stack, http: httpx.AsyncClient) -> None:
    ann = await Account.register(http)
    room = (await ann.room())["id"]
    socket = await ChatSocket.open(stack.ws_url(0), ann)
    with contextlib.suppress(websockets.ConnectionClosed):
        for n in range(1, 120):
            await socket.send({"t": "send", "id": str(n), "room": room, "n": n, "text": "x"})
            await asyncio.sleep(0)
    assert await socket.closed() == 4504
    refused = [f for f in socket.seen if f["t"] == "error"]
    assert {f["code"] for f in refused} == {"rate_limited"}
    assert all(f["retry_after_ms"] >= 1 for f in refused)


@pytest.mark.slow
async def test_what_is_refused_for_now_keeps_its_turn(stack: Stack, http: httpx.AsyncClient) -> None:
    ann = await Account.register(http)
    room = (await ann.room())["id"]
    async with await ChatSocket.open(stack.ws_url(0), ann) as a:
        for n in range(1, 41):
            await a.send({"t": "send", "id": str(n), "room": room, "n": n, "text": str(n)})
        answers = {f["id"]: f for f in [await a.until(lambda f: "id" in f) for _ in range(40)]}
        refused = [n for n in range(1, 41) if answers[str(n)]["t"] == "error"]
        assert refused
        for n in refused:
            while (answer := await a.ask({"t": "send", "room": room, "n": n, "text": str(n)}))["t"] == "error":
                await asyncio.sleep(answer["retry_after_ms"] / 1000)
        page = await a.ask({"t": "history", "room": room, "limit": 100})
        assert [i["e"]["text"] for i in page["items"] if i["e"]["k"] == "message"] == [str(n) for n in range(1, 41)]


@pytest.mark.slow
async def test_handshakes_from_one_address_are_limited(tmp_path: Path) -> None:
    settings = {"KAFTALK_LIMIT_HANDSHAKES_PER_S": "1", "KAFTALK_LIMIT_HANDSHAKES_BURST": "5"}
    async with run_stack(tmp_path, counts={"gateway": 1}, settings=settings) as stack:
        url = stack.ws_url(0)
        statuses = [await _status(url, subprotocols=["kaftalk.v1"]) for _ in range(8)]
        assert statuses[:5] == [101] * 5
        assert 429 in statuses
