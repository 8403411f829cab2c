"""`kaftalk admin erase`: what was deleted leaves Kafka, and nobody notices but by loading a page."""

import asyncio
from typing import Any

import httpx
import pytest

from kaftalk_roomlog.ranges import RoomLogRange
from kaftalk_runtime.kafka import Kafka
from kaftalk_testing.account import Account
from kaftalk_testing.chat_client import ChatClient
from kaftalk_testing.operator import kaftalk
from kaftalk_testing.stack import Stack

pytestmark = pytest.mark.slow
SECRET = "주민번호 900101"


async def post(account: Account, room: str, text: str) -> int:
    return int((await account.call("POST", f"/rooms/{room}/messages", json={"text": text}))["seq"])


async def seen(account: Account, room: str) -> list[dict[str, Any]]:
    """Give what an account sees, without the number of the epoch."""
    items = (await account.call("GET", f"/rooms/{room}/messages?limit=200"))["items"]
    return [{name: value for name, value in item.items() if name != "epoch"} for item in items]


async def entry(account: Account, room: str) -> dict[str, Any]:
    """Give the room's line in the list: counts, cursor, head."""
    found: dict[str, Any] = next(one for one in (await account.call("GET", "/rooms"))["items"] if one["id"] == room)
    return found | {"last_event": found["last_event"] | {"epoch": None}}


async def stored(stack: Stack, topic: str) -> list[tuple[int, bytes]]:
    """Read time and value of every record."""
    ranges = RoomLogRange(Kafka(stack.kafka_bootstrap))
    await ranges.start()
    try:
        records = await ranges.read(topic, 0, await ranges.end_offset(topic))
        return [(record.ts, record.value) for record in records]
    finally:
        await ranges.stop()


async def until_epoch(account: Account, room: str, epoch: int) -> None:
    async with asyncio.timeout(20):
        while (await account.call("GET", f"/rooms/{room}/messages?limit=1"))["epoch"] != epoch:
            await asyncio.sleep(0.1)


async def test_deleted_content_leaves_the_log_and_all_else_stays_where_it_was(stack: Stack) -> None:
    async with httpx.AsyncClient(base_url=stack.url, timeout=30) as http:
        owner, guest = await Account.register(http), await Account.register(http)
        room = (await owner.room())["id"]
        await guest.call("POST", f"/rooms/{room}/join")
        first = await post(owner, room, "안녕")
        gone = await post(guest, room, SECRET)
        await guest.call("PATCH", f"/rooms/{room}/messages/{gone}", json={"text": f"{SECRET}-2"})
        kept = await post(guest, room, "남는 글")
        await guest.call("PUT", f"/rooms/{room}/messages/{first}/reactions/👍")
        await guest.call("DELETE", f"/rooms/{room}/messages/{gone}")
        await owner.call("PUT", f"/rooms/{room}/read", json={"seq": kept})
        before, listed = await seen(owner, room), await entry(owner, room)
        old = await stored(stack, f"room.{room}.0")
        assert any(SECRET.encode() in value for _, value in old)

        erased = await asyncio.to_thread(kaftalk, stack, "admin", "erase", room, "--json")
        assert erased.status == 0, erased.err
        assert (erased.answer["epoch"], erased.answer["records"], erased.answer["erased"]) == (1, len(old), 2)
        await until_epoch(owner, room, 1)
        new = await stored(stack, f"room.{room}.1")
        assert [ts for ts, _ in new] == [ts for ts, _ in old]
        assert not any(SECRET.encode() in value for _, value in new)
        assert sum(one != other for one, other in zip(new, old, strict=True)) == 2

        assert await seen(owner, room) == before
        assert await entry(owner, room) == listed
        rebuilt = await asyncio.to_thread(kaftalk, stack, "rebuild-views", "--json")
        assert rebuilt.answer["rooms_missing"] == 0
        assert await post(guest, room, "계속") > kept


async def test_all_that_somebody_wrote_goes_while_the_room_talks_on(stack: Stack) -> None:
    async with httpx.AsyncClient(base_url=stack.url, timeout=30) as http:
        owner, guest = await Account.register(http), await Account.register(http)
        room = (await owner.room())["id"]
        await guest.call("POST", f"/rooms/{room}/join")
        for n in range(5):
            await post(guest, room, f"{SECRET} {n}")
        talking = asyncio.create_task(asyncio.wait_for(_talk(owner, room), 60))
        command = ("admin", "erase", room, "--by", guest.user["username"], "--json")
        erased = await asyncio.to_thread(kaftalk, stack, *command)
        assert erased.status == 0, erased.err
        assert (erased.answer["deleted"], erased.answer["erased"]) == (5, 5)
        await until_epoch(owner, room, 1)
        said = await talking
        shown = [item["e"]["text"] for item in await seen(owner, room) if item["e"]["k"] == "message"]
        print(f"said meanwhile {len(said)}, shown {len(shown)}")
        assert sorted(shown) == sorted(said), "each that was acknowledged, once"
        values = [value for _, value in await stored(stack, f"room.{room}.1")]
        assert not any(SECRET.encode() in value for value in values)


async def _talk(account: Account, room: str) -> list[str]:
    """Say things for as long as erasing may take."""
    said = []
    for n in range(60):
        await post(account, room, f"말 {n}")
        said.append(f"말 {n}")
        await asyncio.sleep(0.05)
    return said


async def test_a_connected_client_loads_a_page_and_misses_nothing(stack: Stack) -> None:
    async with httpx.AsyncClient(base_url=stack.url, timeout=30) as http:
        owner = await Account.register(http)
        room = (await owner.room())["id"]
        seq = await post(owner, room, "안녕")
        client = ChatClient(owner, stack.ws_url, {room: (0, seq)})
        try:
            await client.send(room, "전")
            erased = await asyncio.to_thread(kaftalk, stack, "admin", "erase", room, "--json")
            assert erased.status == 0, erased.err
            async with asyncio.timeout(20):
                while not client.resets:
                    await asyncio.sleep(0.05)
            assert [(reset["reason"], reset["epoch"]) for reset in client.resets] == [("epoch", 1)]
            await client.send(room, "후")
            last = await post(owner, room, "끝")
            async with asyncio.timeout(20):
                while client.positions[room] != (1, last):
                    await asyncio.sleep(0.05)
            assert client.repeats == []
        finally:
            await client.stop()
