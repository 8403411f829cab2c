"""Quiet hours from the first second to the release, as people and their devices live through them."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from kaftalk_testing.account import Account
from kaftalk_testing.chat_client import ChatClient
from kaftalk_testing.chat_socket import ChatSocket, Frame
from kaftalk_testing.history import Sent, check
from kaftalk_testing.stack import Stack

pytestmark = pytest.mark.slow

Wanted = Callable[[Frame], bool]


def _send(room: str, n: int, text: str, **more: Any) -> Frame:
    return {"t": "send", "room": room, "n": n, "text": text, **more}


def _is(kind: str, **fields: Any) -> Wanted:
    return lambda frame: frame["t"] == kind and all(frame.get(name) == value for name, value in fields.items())


def _messages(frames: list[Frame], room: str) -> list[Frame]:
    return [f for f in frames if f["t"] == "event" and f["room"] == room and f["e"]["k"] == "message"]


async def _seen(socket: ChatSocket, wanted: Wanted, timeout_s: float = 20.0) -> Frame:
    """Give a frame that has come already, or wait for it."""
    return next((f for f in socket.seen if wanted(f)), None) or await socket.until(wanted, timeout_s)


async def _snooze(account: Account, seconds: float) -> dict[str, Any]:
    until = (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()
    return dict(await account.call("POST", "/me/snooze", json={"until": until}))


async def _quiet(account: Account, seconds: float, *devices: ChatSocket) -> None:
    """Begin a hold, and wait until all devices know."""
    await _snooze(account, seconds)
    for device in devices:
        await device.until(_is("quiet", active=True))


async def _released(socket: ChatSocket) -> tuple[dict[str, Any], dict[str, Frame]]:
    """Wait for the end of a hold: give the digest, and what came of each room."""
    begun = max(at for at, f in enumerate(socket.seen) if f["t"] == "quiet" and f["active"])
    if not any(_is("quiet", active=False)(f) for f in socket.seen[begun:]):
        await socket.until(_is("quiet", active=False), 20.0)
    await socket.ask({"t": "ping"})
    parts = [f for f in socket.seen[begun:] if f["t"] == "release"]
    assert len({part["release_id"] for part in parts}) == 1
    assert [part["part"] for part in parts] == list(range(1, parts[0]["of"] + 1))
    return parts[0]["digest"], {room["room"]: room for part in parts for room in part["rooms"]}


@pytest.fixture
async def cyd(http: httpx.AsyncClient) -> Account:
    return await Account.register(http)


@pytest.fixture
async def tea(ann: Account, bob: Account, cyd: Account) -> str:
    """Make a room of all three."""
    room = str((await ann.room("tea"))["id"])
    await bob.join(room)
    await cyd.join(room)
    return room


@pytest.fixture
async def a(stack: Stack, ann: Account) -> AsyncIterator[ChatSocket]:
    async with await ChatSocket.open(stack.ws_url(0), ann) as socket:
        yield socket


@pytest.fixture
async def phone(stack: Stack, bob: Account, tea: str) -> AsyncIterator[ChatSocket]:
    async with await ChatSocket.open(stack.ws_url(0), bob) as socket:
        yield socket


@pytest.fixture
async def desk(stack: Stack, bob: Account, tea: str) -> AsyncIterator[ChatSocket]:
    async with await ChatSocket.open(stack.ws_url(1), bob) as socket:
        yield socket


async def test_what_others_write_waits_and_comes_as_one_release_as_of_then(  # noqa: PLR0915 - one evening
    ann: Account, bob: Account, tea: str, direct: str, a: ChatSocket, phone: ChatSocket, desk: ChatSocket
) -> None:
    noise = str((await ann.room("noise"))["id"])
    await bob.join(noise)
    await bob.call("PUT", f"/rooms/{noise}/mute", json={"until": "forever"})
    first = (await a.ask(_send(tea, 1, "before")))["seq"]
    for device in (phone, desk):
        await _seen(device, lambda f: bool(_messages([f], tea)))
    await _quiet(bob, 8, phone, desk)

    two, three, four = [
        (await a.ask(_send(tea, n, text, mentions=mentions)))["seq"]
        for n, text, mentions in ((2, "two", []), (3, "three", []), (4, "four", [bob.id]))
    ]
    await a.ask({"t": "edit", "room": tea, "seq": first, "text": "before, edited"})
    await a.ask({"t": "edit", "room": tea, "seq": two, "text": "two, edited"})
    await a.ask({"t": "delete", "room": tea, "seq": three})
    await a.ask({"t": "react", "room": tea, "seq": four, "emoji": "👍", "on": True})
    await a.ask(_send(direct, 1, "psst"))
    await a.ask(_send(noise, 1, "blah"))
    own = (await phone.ask(_send(noise, 1, "mine")))["seq"]

    passed = await desk.until(_is("event", room=noise, seq=own))
    assert passed["past_hold"] is True
    edited = await _seen(desk, lambda f: bool(f["t"] == "event" and f["e"]["k"] == "edit"))
    assert (edited["e"]["target"], edited["past_hold"]) == (first, True)
    held = await bob.call("GET", "/me/held")
    assert held["active"] is True
    assert {room: (one["count"], one["mentions"]) for room, one in held["rooms"].items() if room != noise} == {
        tea: (2, 1), direct: (1, 0),
    }  # fmt: skip
    assert held["rooms"][tea]["first_seq"] == two
    page = await desk.ask({"t": "history", "room": tea})
    assert [i["seq"] for i in page["items"] if i["e"]["k"] == "message"] == [first, two, four]

    for device in (phone, desk):
        digest, rooms = await _released(device)
        assert (digest["total"], digest["mentions"]) == (3, 1)
        assert {line["room"]: line["count"] for line in digest["rooms"]} == {tea: 2, direct: 1}
        lines = {line["room"]: line for line in digest["rooms"]}
        assert (lines[tea]["first_seq"], lines[tea]["last_seq"], lines[tea]["last_by"]) == (two, four, ann.id)
        items = [i for i in rooms[tea]["items"] if i["e"]["k"] == "message"]
        assert [(i["seq"], i["e"]["text"]) for i in items] == [(two, "two, edited"), (four, "four")]
        assert items[1]["e"]["reactions"] == [{"emoji": "👍", "count": 1, "me": False}]
        assert [f["seq"] for f in _messages(device.seen, tea)] == [first]
        assert [f["seq"] for f in _messages(device.seen, direct)] == []
        assert device.seen[-1]["t"] == "pong"
    live = (await a.ask(_send(tea, 5, "after")))["seq"]
    event = await desk.until(_is("event", room=tea, seq=live))
    assert (event["prev"], "past_hold" in event) == (rooms[tea]["to"], False)
    releases = await bob.call("GET", "/me/releases")
    assert releases["items"][0]["digest"]["total"] == 3
    assert (await bob.call("GET", "/me/held"))["active"] is False


async def test_held_counts_follow_what_is_deleted_and_read(
    bob: Account, tea: str, a: ChatSocket, phone: ChatSocket
) -> None:
    await _quiet(bob, 30, phone)
    one, two = [(await a.ask(_send(tea, n, str(n))))["seq"] for n in (1, 2)]
    await phone.until(_is("held", rooms={tea: {"count": 2, "mentions": 0}}, total=2))
    await a.ask({"t": "delete", "room": tea, "seq": one})
    await phone.until(_is("held", rooms={tea: {"count": 1, "mentions": 0}}, total=1))
    await phone.send({"t": "read", "room": tea, "seq": two})
    await phone.until(_is("held", rooms={tea: {"count": 0, "mentions": 0}}, total=0))
    await bob.call("DELETE", "/me/snooze")
    await phone.until(_is("quiet", active=False, until=None))


async def test_an_empty_hold_ends_without_a_release(bob: Account, tea: str, a: ChatSocket, phone: ChatSocket) -> None:
    await _quiet(bob, 3, phone)
    await phone.until(_is("quiet", active=False, until=None))
    live = (await a.ask(_send(tea, 1, "after")))["seq"]
    await phone.until(_is("event", room=tea, seq=live))
    assert [f for f in phone.seen if f["t"] == "release"] == []


async def test_the_open_room_is_live_and_the_rest_waits(
    ann: Account, bob: Account, tea: str, direct: str, a: ChatSocket, phone: ChatSocket
) -> None:
    await _quiet(bob, 30, phone)
    held = (await a.ask(_send(tea, 1, "held")))["seq"]
    await phone.until(_is("held"))
    await phone.send({"t": "focus", "room": tea})
    page = await phone.ask({"t": "history", "room": tea})
    assert held in [item["seq"] for item in page["items"]]
    await phone.send({"t": "read", "room": tea, "seq": held})
    live = (await a.ask(_send(tea, 2, "live")))["seq"]
    event = await phone.until(_is("event", room=tea, seq=live))
    assert "past_hold" not in event
    await phone.send({"t": "read", "room": tea, "seq": live})
    await a.ask(_send(direct, 1, "waits"))
    await bob.call("DELETE", "/me/snooze")
    digest, rooms = await _released(phone)
    assert {line["room"]: line["count"] for line in digest["rooms"]} == {direct: 1}
    assert _messages(phone.seen, direct) == []
    assert [i["e"]["text"] for i in rooms[direct]["items"]] == ["waits"]


async def test_of_a_room_that_one_is_kicked_from_only_a_line_is_left(
    ann: Account, bob: Account, tea: str, direct: str, a: ChatSocket, phone: ChatSocket
) -> None:
    await _quiet(bob, 30, phone)
    await a.ask(_send(tea, 1, "secret"))
    await a.ask(_send(direct, 1, "sorry"))
    await ann.call("DELETE", f"/rooms/{tea}/members/{bob.id}")
    kick = await phone.until(lambda f: f["t"] == "event" and f["e"]["k"] == "kick")
    assert kick["past_hold"] is True
    await phone.until(_is("room", change="removed"))
    await bob.call("DELETE", "/me/snooze")
    digest, rooms = await _released(phone)
    lines = {line["room"]: line for line in digest["rooms"]}
    assert (lines[tea]["gone"], lines[tea]["count"], lines[direct]["count"]) == ("kicked", 0, 1)
    assert tea not in rooms
    assert digest["total"] == 1


async def test_the_line_of_a_lost_room_comes_by_itself_if_nothing_else_was_held(
    ann: Account, bob: Account, tea: str, a: ChatSocket, phone: ChatSocket
) -> None:
    await _quiet(bob, 30, phone)
    await a.ask(_send(tea, 1, "secret"))
    await ann.call("DELETE", f"/rooms/{tea}/members/{bob.id}")
    await phone.until(_is("room", change="removed"))
    await bob.call("DELETE", "/me/snooze")
    digest, rooms = await _released(phone)
    assert [(line["room"], line["gone"]) for line in digest["rooms"]] == [(tea, "kicked")]
    assert (digest["total"], rooms) == (0, {})
    # It is noted a moment after it was handed over.
    while not (releases := (await bob.call("GET", "/me/releases"))["items"]):
        await asyncio.sleep(0.05)
    assert releases[0]["digest"]["rooms"][0]["gone"] == "kicked"


async def test_resuming_in_a_hold_stops_at_its_floor_and_after_it_brings_the_rest(
    stack: Stack, bob: Account, tea: str, a: ChatSocket, phone: ChatSocket
) -> None:
    floor = (await a.ask(_send(tea, 1, "before")))["seq"]
    await phone.until(_is("event", room=tea, seq=floor))
    await _quiet(bob, 30, phone)
    held = [(await a.ask(_send(tea, n, str(n))))["seq"] for n in (2, 3)]
    await phone.until(_is("held"))
    async with await ChatSocket.open(stack.ws_url(1), bob, resume={tea: (0, floor - 1)}) as again:
        resumed = await again.until(_is("resumed", room=tea))
        assert (resumed["from"], resumed["to"]) == (floor - 1, floor)
        assert [f["seq"] for f in _messages(again.seen, tea)] == [floor]
        counted = await _seen(again, lambda f: f["t"] == "held" and tea in f["rooms"])
        assert counted["rooms"][tea]["count"] == 2
    await bob.call("DELETE", "/me/snooze")
    await phone.until(_is("quiet", active=False, until=None))
    async with await ChatSocket.open(stack.ws_url(1), bob, resume={tea: (0, floor)}) as later:
        # The other gateway may hear of the end a moment after it: then the rest comes by itself.
        await later.until(_is("resumed", room=tea))
        await _seen(later, _is("event", room=tea, seq=held[-1]))
        assert [f["seq"] for f in _messages(later.seen, tea)] == held
        assert all("past_hold" not in f for f in _messages(later.seen, tea))
        assert [f for f in later.seen if f["t"] == "release"] == []


async def test_who_has_no_connection_finds_the_digest_and_resumes(
    stack: Stack, bob: Account, tea: str, a: ChatSocket
) -> None:
    await _snooze(bob, 4)
    async with asyncio.timeout(10):
        while not (await bob.call("GET", "/me/held"))["active"]:
            await asyncio.sleep(0.1)
    seq = (await a.ask(_send(tea, 1, "nobody hears")))["seq"]
    async with asyncio.timeout(20):
        while not (releases := (await bob.call("GET", "/me/releases"))["items"]):
            await asyncio.sleep(0.2)
    assert [(line["room"], line["last_seq"]) for line in releases[0]["digest"]["rooms"]] == [(tea, seq)]
    async with await ChatSocket.open(stack.ws_url(0), bob, resume={tea: (0, seq - 1)}) as back:
        await back.until(_is("resumed", room=tea))
        assert [f["seq"] for f in _messages(back.seen, tea)] == [seq]


async def test_a_release_that_comes_late_says_so(
    breakable_stack: Stack, bob: Account, tea: str, a: ChatSocket, phone: ChatSocket
) -> None:
    await _quiet(bob, 6, phone)
    await a.ask(_send(tea, 1, "patience"))
    await phone.until(_is("held"))
    breakable_stack.kill("dnd-batch")
    await asyncio.sleep(12)
    await breakable_stack.start("dnd-batch")
    part = await phone.until(_is("release", part=1), timeout_s=60)
    assert part["late_by_s"] >= 5
    assert part["digest"]["total"] == 1
    assert _messages(phone.seen, tea) == []
    late = (await bob.call("GET", "/me/releases"))["items"][0]
    assert (late["release_id"], late["late_by_s"]) == (part["release_id"], part["late_by_s"])


async def test_who_sounded_in_the_hold_can_be_looked_up(
    ann: Account, bob: Account, direct: str, a: ChatSocket, phone: ChatSocket
) -> None:
    await _quiet(bob, 30, phone)
    seq = (await a.ask(_send(direct, 1, "now!", notify="urgent")))["seq"]
    alert = await phone.until(_is("alert"))
    assert (alert["room"], alert["seq"], alert["by"], alert["reason"]) == (direct, seq, ann.id, "dm")
    async with asyncio.timeout(10):
        while not (rows := (await bob.call("GET", "/me/quiet-hours/pierced"))["items"]):
            await asyncio.sleep(0.1)
    assert [(row["room"], row["seq"], row["by"], row["reason"]) for row in rows] == [(direct, seq, ann.id, "dm")]
    await bob.call("DELETE", "/me/snooze")
    digest, rooms = await _released(phone)
    assert digest["total"] == 1
    assert [item["seq"] for item in rooms[direct]["items"]] == [seq]


async def test_others_are_told_before_they_send(ann: Account, bob: Account, phone: ChatSocket) -> None:
    assert (await ann.call("GET", f"/users/{bob.id}/quiet"))["quiet"] is False
    await _quiet(bob, 30, phone)
    told = await ann.call("GET", f"/users/{bob.id}/quiet")
    assert told["quiet"] is True
    assert told["next_end"] is not None
    await bob.call("DELETE", "/me/snooze")
    await phone.until(_is("quiet", active=False, until=None))


async def test_nothing_is_lost_repeated_or_pushed_inside_while_people_chat_and_sockets_die(
    stack: Stack, ann: Account, bob: Account, cyd: Account, tea: str
) -> None:
    den = str((await cyd.room("den"))["id"])
    await ann.join(den)
    await bob.join(den)
    heads = {room: (await bob.call("GET", f"/rooms/{room}/messages"))["to"] for room in (tea, den)}
    start = {room: (0, head) for room, head in heads.items()}
    clients = [
        ChatClient(account, lambda at=at: stack.ws_url(at % 2), dict(start))  # type: ignore[misc]
        for at, account in enumerate((ann, cyd, bob, bob))
    ]
    bobs = clients[2:]
    sent: list[tuple[ChatClient, asyncio.Future[Sent]]] = []
    try:
        await _snooze(bob, 6)
        for tick in range(90):
            # Who writes has read all before it, so Bob falls silent for the end of his hold.
            for client in clients[: 3 if tick < 25 else 2]:
                sent.append((client, client.send((tea, den)[tick % 2], f"{tick} {uuid.uuid4().hex[:6]}")))
            if tick in (30, 55):
                await bobs[tick % 2].cut()
            await asyncio.sleep(0.1)
        done = await asyncio.wait_for(asyncio.gather(*(future for _, future in sent)), 60)
        last = {room: max(one.seq or 0 for one in done if one.room == room) for room in (tea, den)}
        for client in clients:
            for room, seq in last.items():
                await client.caught_up(room, seq)
    finally:
        for client in clients:
            await client.stop()
    for client in bobs:
        client.view.holds = [hold for other in bobs for hold in other.view.holds]
    assert check(done, [client.view for client in clients]) == []
    assert {(seen.how, seen.quiet) for client in bobs for seen in client.view.seen} >= {("past_hold", True)}
    assert any(client.releases for client in bobs)
    assert [client.repeats for client in clients] == [[], [], [], []]
