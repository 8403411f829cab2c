"""What sounds in a hold: an alert that points at a message, which itself stays held."""

import asyncio
import uuid
from typing import Any

import pytest

from kaftalk_testing.account import Account
from kaftalk_testing.chat_socket import ChatSocket, Frame
from kaftalk_testing.quiet_hours import begin_quiet, end_quiet, pierce, set_profile
from kaftalk_testing.stack import Stack

pytestmark = pytest.mark.slow


def _send(room: str, n: int, notify: str = "normal") -> Frame:
    return {"t": "send", "room": room, "n": n, "text": f"{n}", "notify": notify}


def _is_active(frame: Frame) -> bool:
    return bool(frame["t"] == "quiet" and frame["active"])


async def _held(stack: Stack, account: Account, gateway: int = 1, stream: str | None = None) -> ChatSocket:
    """Connect somebody whose hold is on, and wait until she knows."""
    socket = await ChatSocket.open(stack.ws_url(gateway), account, stream=stream)
    await socket.until(_is_active)
    return socket


async def _heard(socket: ChatSocket, room: str) -> list[Frame]:
    """Give the alerts and messages of a room that came until a later answer did."""
    await asyncio.sleep(0.5)
    await socket.ask({"t": "ping"})
    ours = [frame for frame in socket.seen if frame.get("room") == room]
    return [f for f in ours if f["t"] == "alert" or (f["t"] == "event" and f["e"]["k"] == "message")]


@pytest.fixture
async def room(ann: Account, bob: Account) -> str:
    """Make a room of both."""
    room = (await ann.room())["id"]
    await bob.join(room)
    return str(room)


async def test_send_anyway_sounds_on_every_device_and_the_message_stays_held(
    stack: Stack, ann: Account, bob: Account, direct: str
) -> None:
    await begin_quiet(bob)
    async with (
        await ChatSocket.open(stack.ws_url(0), ann) as a,
        await _held(stack, bob, 0) as phone,
        await _held(stack, bob, 1) as desk,
    ):
        await a.ask(_send(direct, 1))
        seqs = [(await a.ask(_send(direct, n, "urgent")))["seq"] for n in (2, 3, 4)]
        assert (await a.ask(_send(direct, 5, "urgent")))["code"] == "rate_limited"
        expected = [{"t": "alert", "room": direct, "seq": seq, "by": ann.id, "reason": "dm"} for seq in seqs]
        for device in (phone, desk):
            await device.until(lambda frame: frame["t"] == "alert" and frame["seq"] == seqs[-1])
            assert await _heard(device, direct) == expected
    async with await _held(stack, bob) as again:
        assert await _heard(again, direct) == []


@pytest.mark.parametrize(
    "row",
    [
        ({}, {"notify": "urgent"}, None),
        ({"rooms": True}, {"notify": "urgent"}, "urgent"),
        ({"rooms": True}, {"notify": "urgent", "mention_all": True}, None),
        ({"rooms": True}, {}, None),
        ("vip", {}, "vip"),
        ("vip", {"notify": "silent"}, None),
    ],
)
async def test_in_rooms_the_recipients_policy_decides(
    stack: Stack, ann: Account, bob: Account, room: str, row: tuple[Any, Frame, str]
) -> None:
    policy, more, reason = row
    await begin_quiet(bob, **pierce(**({"vip": (ann.id,)} if policy == "vip" else policy)))
    async with await ChatSocket.open(stack.ws_url(0), ann) as a, await _held(stack, bob) as b:
        seq = (await a.ask(_send(room, 1) | more))["seq"]
        expected = [{"t": "alert", "room": room, "seq": seq, "by": ann.id, "reason": reason}] if reason else []
        assert await _heard(b, room) == expected


async def test_a_muted_room_never_sounds(stack: Stack, ann: Account, bob: Account, room: str) -> None:
    await begin_quiet(bob, **pierce(vip=(ann.id,), rooms=True))
    await bob.call("PUT", f"/rooms/{room}/mute", json={"until": "forever"})
    async with await ChatSocket.open(stack.ws_url(0), ann) as a, await _held(stack, bob) as b:
        await a.ask(_send(room, 1, "urgent"))
        assert await _heard(b, room) == []
        await bob.call("PUT", f"/rooms/{room}/mute", json={"until": None})
        await a.ask(_send(room, 2, "urgent"))
        assert [frame["t"] for frame in await _heard(b, room)] == ["alert"]


async def test_where_the_room_is_open_the_message_is_seen_and_nothing_sounds(
    stack: Stack, ann: Account, bob: Account, room: str
) -> None:
    await begin_quiet(bob, **pierce(vip=(ann.id,)))
    async with (
        await ChatSocket.open(stack.ws_url(0), ann) as a,
        await _held(stack, bob) as open_,
        await _held(stack, bob) as closed,
    ):
        await open_.send({"t": "focus", "room": room})
        await open_.ask({"t": "ping"})
        await a.ask(_send(room, 1))
        assert [frame["t"] for frame in await _heard(open_, room)] == ["event"]
        assert [frame["t"] for frame in await _heard(closed, room)] == ["alert"]


async def test_a_silent_hold_sounds_too_beside_the_message(stack: Stack, ann: Account, bob: Account, room: str) -> None:
    await begin_quiet(bob, deliver="silent", **pierce(vip=(ann.id,)))
    async with await ChatSocket.open(stack.ws_url(0), ann) as a, await _held(stack, bob) as b:
        await a.ask(_send(room, 1))
        assert sorted(frame["t"] for frame in await _heard(b, room)) == ["alert", "event"]


async def test_a_policy_that_changes_in_the_hold_counts_at_once_and_none_after_it(
    stack: Stack, ann: Account, bob: Account, room: str
) -> None:
    await begin_quiet(bob)
    async with await ChatSocket.open(stack.ws_url(0), ann) as a, await _held(stack, bob) as b:
        await a.ask(_send(room, 1))
        await set_profile(bob, **pierce(vip=(ann.id,)))
        second = (await a.ask(_send(room, 2)))["seq"]
        await b.until(lambda frame: frame["t"] == "alert" and frame["seq"] == second)
        await end_quiet(bob)
        await b.until(lambda frame: frame["t"] == "quiet" and not frame["active"])
        third = (await a.ask(_send(room, 3)))["seq"]
        await b.until(lambda frame: frame["t"] == "event" and frame["seq"] == third)
        assert [frame["seq"] for frame in await _heard(b, room) if frame["t"] == "alert"] == [second]


async def test_an_alert_that_redis_must_allow_waits_for_it(
    breakable_stack: Stack, ann: Account, bob: Account, room: str
) -> None:
    stack = breakable_stack
    await begin_quiet(bob, **pierce(vip=(ann.id,)))
    stream = str(uuid.uuid4())
    async with await ChatSocket.open(stack.ws_url(0), ann, stream=stream) as a, await _held(stack, bob) as b:
        await a.ask(_send(room, 1))
        await b.until(lambda frame: frame["t"] == "alert")
        stack.pause("redis")
        seq = (await a.ask(_send(room, 2)))["seq"]
        stack.resume("redis")
        await b.until(lambda frame: frame["t"] == "alert" and frame["seq"] == seq, timeout_s=15)
        assert [frame["t"] for frame in await _heard(b, room)] == ["alert", "alert"]
