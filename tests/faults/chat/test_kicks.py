"""Who is kicked is cut at once, on every device, whatever everyone else is sending meanwhile."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from kaftalk_testing.account import Account
from kaftalk_testing.chat_load import chat_load
from kaftalk_testing.chat_socket import ChatSocket, Frame
from kaftalk_testing.stack import Stack

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

ROOMS = 12


@asynccontextmanager
async def device(url: str, account: Account) -> AsyncIterator[ChatSocket]:
    """A socket that reads all the time."""

    async def read(socket: ChatSocket) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                await socket.next()

    async with await ChatSocket.open(url, account) as socket:
        reading = asyncio.create_task(read(socket))
        yield socket
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)


def kicks(frames: list[Frame], user: str) -> dict[str, int]:
    """Give where one's own kicks are, by room."""
    events = [f for f in frames if f["t"] == "event" and f["e"]["k"] == "kick" and f["e"]["user"] == user]
    return {f["room"]: f["seq"] for f in events}


async def test_two_devices_at_two_gateways_see_the_kick_and_nothing_after_it(breakable_stack: Stack) -> None:
    stack = breakable_stack
    async with chat_load(stack, rooms=ROOMS, people=4) as load:
        guest, owner = load.guest.account, load.owner.account
        async with device(stack.ws_url(0), guest) as one, device(stack.ws_url(1), guest) as other:

            async def kicking() -> None:
                for room in load.rooms:
                    await owner.call("DELETE", f"/rooms/{room}/members/{guest.id}")
                    for socket in (one, other):
                        late = {"t": "send", "id": f"late:{room}", "room": room, "n": 1, "text": "늦은 말"}
                        await socket.send(late)
                    await asyncio.sleep(0.1)

            await load.chat_while(kicking())
            await load.settle()
            answers = [f for s in (one, other) for f in s.seen if str(f.get("id", "")).startswith("late:")]
            after = [
                f
                for s in (one, other)
                for f in s.seen
                if f["t"] == "event" and f["seq"] > kicks(s.seen, guest.id).get(f["room"], f["seq"])
            ]
            seen = [len(kicks(socket.seen, guest.id)) for socket in (one, other)]
        refused = sum(f["t"] == "error" and f["code"] == "not_member" for f in answers)
        print(f"\n{ROOMS} kicks: seen {seen}, {len(after)} events after them, {refused} of {len(answers)} late refused")
        assert seen == [ROOMS, ROOMS]
        assert after == []
        assert (refused, len(answers)) == (2 * ROOMS, 2 * ROOMS)
        assert load.verdict("kicks racing sends") == []
