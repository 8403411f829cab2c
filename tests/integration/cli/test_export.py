"""`kaftalk export` from one deployment, `kaftalk import` into another: the same room, seen the same."""

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest

from kaftalk_testing.account import Account
from kaftalk_testing.operator import kaftalk
from kaftalk_testing.stack import Stack, run_stack

pytestmark = pytest.mark.slow
MESSAGES = 40


async def talk(owner: Account, guest: Account) -> str:
    """Fill a room with messages, corrections, reactions, a deletion and a member who left."""
    room: str = (await owner.room("차 한잔"))["id"]
    await guest.call("POST", f"/rooms/{room}/join")
    seqs = []
    for n in range(MESSAGES):
        by = (owner, guest)[n % 2]
        seqs.append((await by.call("POST", f"/rooms/{room}/messages", json={"text": f"안녕 {n} 👋"}))["seq"])
    await owner.call("PATCH", f"/rooms/{room}/messages/{seqs[0]}", json={"text": "고친 글"})
    await guest.call("PUT", f"/rooms/{room}/messages/{seqs[0]}/reactions/👍")
    await guest.call("DELETE", f"/rooms/{room}/messages/{seqs[1]}")
    await owner.call("PATCH", f"/rooms/{room}", json={"topic": "오늘의 차"})
    return room


async def seen(account: Account, room: str) -> list[dict[str, Any]]:
    """Give all that an account sees of the room."""
    page = await account.call("GET", f"/rooms/{room}/messages?limit=200")
    return [{name: value for name, value in item.items() if name != "me"} for item in page["items"]]


async def test_a_room_moves_to_another_deployment_with_its_seqs_times_and_people(stack: Stack, tmp_path: Path) -> None:
    folder = tmp_path / "archive"
    async with httpx.AsyncClient(base_url=stack.url, timeout=20) as http:
        owner, guest = await Account.register(http, display_name="민지"), await Account.register(http)
        room = await talk(owner, guest)
        before = await seen(owner, room)
    exported = await asyncio.to_thread(kaftalk, stack, "export", room, str(folder), "--no-media", "--json")
    assert exported.status == 0, exported.err
    verified = await asyncio.to_thread(kaftalk, stack, "verify", str(folder), "--json")
    assert verified.answer["hash"] == exported.answer["hash"]
    again = await asyncio.to_thread(kaftalk, stack, "import", str(folder), "--no-media", "--json")
    assert (again.status, again.err) == (1, f"not done: there is or was a room {room} here\n")

    async with run_stack(tmp_path / "other") as other, httpx.AsyncClient(base_url=other.url, timeout=20) as http:
        made = await asyncio.to_thread(kaftalk, other, "import", str(folder), "--no-media", "--json")
        assert made.status == 0, made.err
        assert (made.answer["records"], made.answer["accounts_made"]) == (exported.answer["records"], 2)
        for command in ("enable", "set-password"):
            given = f"{owner.password}\n"
            ran = await asyncio.to_thread(kaftalk, other, "admin", command, owner.user["username"], given=given)
            assert ran.status == 0, ran.err
        there = Account(http, owner.user)
        await there.sign_in()
        assert await seen(there, room) == before
        stored = await there.call("POST", f"/rooms/{room}/messages", json={"text": "여기서 계속"})
        assert stored["seq"] > before[-1]["seq"]
        assert (await there.call("GET", f"/rooms/{room}"))["topic"] == "오늘의 차"
