"""Gateways in holds that a test tells them of in the place of dnd-batch: late, never, and with rooms that come."""

import time
from collections.abc import AsyncIterator, Callable

import httpx
import pytest

from kaftalk_protocol import redis_keys
from kaftalk_protocol.ids import UserId
from kaftalk_protocol.quiet_state import HoldPlan, QuietState, QuietStates
from kaftalk_runtime.internal_auth import InternalKeys
from kaftalk_runtime.internal_http import InternalHttp
from kaftalk_runtime.redis_client import open_redis
from kaftalk_testing.account import Account
from kaftalk_testing.chat_socket import ChatSocket, Frame
from kaftalk_testing.quiet_hours import begin_quiet, end_quiet
from kaftalk_testing.stack import Stack

pytestmark = pytest.mark.slow

HOUR_MS = 3_600_000


def _send(room: str, n: int, text: str) -> Frame:
    return {"t": "send", "room": room, "n": n, "text": text}


def _is(kind: str, **fields: object) -> Callable[[Frame], bool]:
    return lambda frame: frame["t"] == kind and all(frame.get(name) == value for name, value in fields.items())


def _messages(frames: list[Frame], room: str) -> list[Frame]:
    return [f for f in frames if f["t"] == "event" and f["room"] == room and f["e"]["k"] == "message"]


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


class Authority:
    """Tells gateways of quiet hours as dnd-batch does: first the view, then who is online."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        keys = str(stack.programs["gateway-1"].env["KAFTALK_INTERNAL_KEYS"]).split(",")
        self.http = InternalHttp(InternalKeys(keys))
        self.redis = open_redis(stack.redis_url)
        self._version = 1_000

    def state(self, user: str, start_ms: int | None, end_ms: int = 0) -> QuietState:
        """Give the next state of a user, with a hold or without."""
        self._version += 1
        hold = None
        if start_ms is not None:
            hold = HoldPlan(start_ms=start_ms, end_ms=end_ms, release_id=f"{start_ms:032}", deliver="hold")
        return QuietState(user=UserId(user), version=self._version, hold=hold)

    async def write(self, state: QuietState) -> None:
        """Write a state to the view."""
        await self.redis.run("SET", redis_keys.quiet(state.user), state.encode())

    async def tell(self, state: QuietState) -> None:
        """Write a state and post it to all gateways."""
        await self.write(state)
        for gateway in (0, 1):
            url = self._stack.internal_url("gateway", gateway)
            answer = await self.http.post(url, "/internal/quiet", QuietStates(states=(state,)).encode())
            assert answer.status == 204


@pytest.fixture
async def authority(stack: Stack) -> AsyncIterator[Authority]:
    authority = Authority(stack)
    yield authority
    await authority.http.close()
    await authority.redis.close()


@pytest.fixture
async def tea(ann: Account, bob: Account) -> str:
    """Make a room of both."""
    room = str((await ann.room("tea"))["id"])
    await bob.join(room)
    return room


@pytest.fixture
async def a(stack: Stack, ann: Account) -> AsyncIterator[ChatSocket]:
    async with await ChatSocket.open(stack.ws_url(0), ann) as socket:
        yield socket


async def test_a_hold_that_is_told_late_keeps_what_was_delivered_and_holds_the_rest(
    stack: Stack, bob: Account, tea: str, a: ChatSocket, authority: Authority
) -> None:
    async with await ChatSocket.open(stack.ws_url(1), bob) as phone:
        start_ms = _now_ms() - 1
        early = (await a.ask(_send(tea, 1, "early")))["seq"]
        await phone.until(_is("event", room=tea, seq=early))
        await authority.tell(authority.state(bob.id, start_ms, start_ms + HOUR_MS))
        await phone.until(_is("quiet", active=True, until=start_ms + HOUR_MS))
        late = (await a.ask(_send(tea, 2, "late")))["seq"]
        held = await phone.until(_is("held"))
        assert held["rooms"] == {tea: {"count": 1, "mentions": 0}}
        assert [f["seq"] for f in _messages(phone.seen, tea)] == [early]
        await authority.tell(authority.state(bob.id, None))
        await phone.until(_is("quiet", active=False))
        event = await phone.until(_is("event", room=tea, seq=late))
        assert (event["prev"], "past_hold" in event) == (early, False)
        assert phone.seen.index(next(f for f in phone.seen if f["t"] == "quiet" and f["active"])) > 0


@pytest.mark.slow
async def test_a_hold_whose_start_and_end_nobody_told_of_is_read_from_the_view(
    stack: Stack, bob: Account, tea: str, a: ChatSocket, authority: Authority
) -> None:
    start_ms = _now_ms() - 2 * HOUR_MS
    await authority.write(authority.state(bob.id, start_ms, _now_ms() - HOUR_MS))
    async with await ChatSocket.open(stack.ws_url(0), bob) as phone:
        await phone.until(_is("quiet", active=True))
        held = (await a.ask(_send(tea, 1, "held")))["seq"]
        await phone.until(_is("held", total=1))
        await authority.write(authority.state(bob.id, None))
        await phone.until(_is("quiet", active=False), timeout_s=20)
        await phone.until(_is("event", room=tea, seq=held))


@pytest.mark.slow
async def test_a_room_that_one_is_added_to_in_a_hold_is_shown_and_what_is_said_there_waits(
    stack: Stack, ann: Account, bob: Account, a: ChatSocket
) -> None:
    async with await ChatSocket.open(stack.ws_url(1), bob) as phone:
        await begin_quiet(bob)
        await phone.until(_is("quiet", active=True))
        den = str((await ann.room("den"))["id"])
        old = (await a.ask(_send(den, 1, "before you came")))["seq"]
        await ann.call("POST", f"/rooms/{den}/members", json={"user_ids": [bob.id]})
        added = await phone.until(_is("room", change="added"))
        new = (await a.ask(_send(den, 2, "welcome")))["seq"]
        await phone.until(_is("held", total=1))
        assert added["room"]["me"]["joined_seq"] in range(old + 1, new)
        assert _messages(phone.seen, den) == []
        await end_quiet(bob)
        await phone.until(_is("quiet", active=False, until=None))
        released = [room for f in phone.seen if f["t"] == "release" for room in f["rooms"]]
        assert [item["seq"] for room in released for item in room["items"] if item["e"]["k"] == "message"][-1] == new
        live = (await a.ask(_send(den, 3, "live")))["seq"]
        assert "past_hold" not in await phone.until(_is("event", room=den, seq=live))


@pytest.mark.slow
async def test_a_reconnect_in_a_hold_brings_corrections_behind_its_floor(
    stack: Stack, bob: Account, tea: str, a: ChatSocket, authority: Authority
) -> None:
    floor = (await a.ask(_send(tea, 1, "befor")))["seq"]
    start_ms = _now_ms() + 1_000
    async with await ChatSocket.open(stack.ws_url(0), bob) as phone:
        await authority.tell(authority.state(bob.id, start_ms, start_ms + HOUR_MS))
        await phone.until(_is("quiet", active=True))
    held = (await a.ask(_send(tea, 2, "held")))["seq"]
    edit = (await a.ask({"t": "edit", "room": tea, "seq": floor, "text": "before"}))["seq"]
    await a.ask({"t": "edit", "room": tea, "seq": held, "text": "held, edited"})
    async with await ChatSocket.open(stack.ws_url(1), bob, resume={tea: (0, floor)}) as again:
        resumed = await again.until(_is("resumed", room=tea))
        assert (resumed["to"], resumed["count"]) == (floor, 0)
        passed = await again.event(tea)
        assert (passed["seq"], passed["past_hold"], passed["e"]["text"]) == (edit, True, "before")
        await again.ask({"t": "ping"})
        assert len([f for f in again.seen if f["t"] == "event"]) == 1
        await authority.tell(authority.state(bob.id, None))
        await again.until(_is("event", room=tea, seq=held))


async def test_posts_that_are_not_signed_or_not_readable_are_refused(stack: Stack, authority: Authority) -> None:
    url = stack.internal_url("gateway", 0)
    async with httpx.AsyncClient(base_url=url) as anybody:
        for path in ("/internal/quiet", "/internal/releases"):
            assert (await anybody.post(path, content=b"{}")).status_code == 403
            assert (await authority.http.post(url, path, b"{")).status == 400
