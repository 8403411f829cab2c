"""Who watches sees `quiet until`; who is in a hold is not told who types or comes and goes."""

import asyncio

import pytest

from kaftalk_testing.account import Account
from kaftalk_testing.chat_socket import ChatSocket, Frame
from kaftalk_testing.quiet_hours import begin_quiet, end_quiet, set_profile
from kaftalk_testing.stack import Stack

pytestmark = pytest.mark.slow


async def _watch(socket: ChatSocket, user: str) -> Frame:
    await socket.send({"t": "watch", "users": [user]})
    return await socket.until(lambda frame: frame["t"] == "presence" and frame["user"] == user)


async def test_watchers_see_quiet_until_its_end_unless_it_is_hidden(stack: Stack, ann: Account, bob: Account) -> None:
    async with await ChatSocket.open(stack.ws_url(0), ann) as a, await ChatSocket.open(stack.ws_url(1), bob):
        assert (await _watch(a, bob.id))["state"] == "online"
        until = await begin_quiet(bob)
        told = await a.until(lambda frame: frame["t"] == "presence")
        assert told == {"t": "presence", "user": bob.id, "state": "quiet", "until": until}
        await set_profile(bob, share=False)
        assert (await a.until(lambda frame: frame["t"] == "presence")) == {
            "t": "presence", "user": bob.id, "state": "online",
        }  # fmt: skip


async def test_quiet_hours_that_come_later_are_not_shown_yet(stack: Stack, ann: Account, bob: Account) -> None:
    await set_profile(bob, away={"from": "2100-01-01T00:00:00Z", "to": "2100-01-02T00:00:00Z"})
    async with await ChatSocket.open(stack.ws_url(0), ann) as a, await ChatSocket.open(stack.ws_url(1), bob):
        assert (await _watch(a, bob.id))["state"] == "online"


async def test_typing_and_presence_wait_outside_but_for_the_open_room(stack: Stack, ann: Account, bob: Account) -> None:
    rooms = [(await ann.room())["id"] for _ in range(2)]
    for room in rooms:
        await bob.join(room)
    await begin_quiet(bob)
    async with await ChatSocket.open(stack.ws_url(0), ann) as a, await ChatSocket.open(stack.ws_url(1), bob) as b:
        await b.until(lambda frame: frame["t"] == "quiet" and frame["active"])
        assert (await _watch(b, ann.id))["state"] == "online"
        await b.send({"t": "focus", "room": rooms[1]})
        await b.ask({"t": "ping"})
        for room in rooms:
            await a.send({"t": "typing", "room": room, "kind": "text"})
        typing = await b.until(lambda frame: frame["t"] == "typing")
        assert typing["room"] == rooms[1]
        await a.send({"t": "active", "on": False})
        await asyncio.sleep(2.5)
        await b.ask({"t": "ping"})
        assert [f["state"] for f in b.seen if f["t"] == "presence" and f["user"] == ann.id] == ["online"]
        await end_quiet(bob)
        after = await b.until(lambda frame: frame["t"] == "presence")
        assert (after["user"], after["state"]) == (ann.id, "away")
        assert [f["room"] for f in b.seen if f["t"] == "typing"] == [rooms[1]]
