"""`kaftalk admin` beside a running stack: people and rooms change for everybody at once."""

import asyncio
import secrets

import httpx
import pytest

from kaftalk_roomlog.writer import RoomLogWriter
from kaftalk_runtime.kafka import Kafka
from kaftalk_testing.account import Account
from kaftalk_testing.operator import Ran, kaftalk
from kaftalk_testing.stack import Stack

pytestmark = pytest.mark.slow
PASSWORD = secrets.token_hex(8)


async def admin(stack: Stack, *arguments: str, given: str = "") -> Ran:
    return await asyncio.to_thread(kaftalk, stack, "admin", *arguments, "--json", given=given)


async def test_who_is_disabled_is_signed_out_and_let_in_again_when_enabled(stack: Stack) -> None:
    async with httpx.AsyncClient(base_url=stack.url, timeout=20) as http:
        person = await Account.register(http)
        assert (await admin(stack, "disable", person.user["username"])).answer["active"] is False
        assert (await person.ask("GET", "/me")).status_code == 401
        login = {"username": person.user["username"], "password": person.password}
        assert (await http.post("/api/v1/auth/login", json=login)).status_code == 401
        assert (await admin(stack, "enable", "@" + person.user["username"])).answer["active"] is True
        await person.sign_in()
        found = (await admin(stack, "users", "--search", person.user["username"])).answer
        assert [one["id"] for one in found] == [person.id]


async def test_an_operator_makes_accounts_and_new_passwords(stack: Stack) -> None:
    name = f"made-{secrets.token_hex(3)}"
    made = await admin(stack, "create-user", name, given=f"{PASSWORD}\n")
    assert (made.status, made.answer["username"]) == (0, name)
    async with httpx.AsyncClient(base_url=f"{stack.url}/api/v1", timeout=20) as http:
        login = {"username": name, "password": PASSWORD}
        assert (await http.post("/auth/login", json=login)).status_code == 200
        assert (await admin(stack, "set-password", name, given="another one for her\n")).status == 0
        assert (await http.post("/auth/login", json=login)).status_code == 401
        login["password"] = "another one for her"
        assert (await http.post("/auth/login", json=login)).status_code == 200
    assert (await admin(stack, "create-user", name, given=f"{PASSWORD}\n")).err == "not done: this username is taken\n"
    assert "easy to guess" in (await admin(stack, "set-password", name, given="password123\n")).err
    assert "nobody is called" in (await admin(stack, "disable", "no-such-person")).err


async def test_who_is_kicked_is_out_at_once_and_a_banned_one_stays_out(stack: Stack) -> None:
    async with httpx.AsyncClient(base_url=stack.url, timeout=20) as http:
        owner, guest = [await Account.register(http) for _ in range(2)]
        room = (await owner.call("POST", "/rooms", json={"name": "lounge", "kind": "public"}))["id"]
        await guest.call("POST", f"/rooms/{room}/join")
        both = {account.user["username"] for account in (owner, guest)}
        assert {row["user"] for row in (await admin(stack, "members", room)).answer} == both
        kicked = await admin(stack, "kick", room, guest.user["username"], "--ban")
        assert (kicked.status, kicked.answer["banned"]) == (0, True)
        assert (await guest.ask("POST", f"/rooms/{room}/messages", json={"text": "still here"})).status_code == 403
        assert (await guest.ask("POST", f"/rooms/{room}/join")).status_code == 403
        assert "not a member" in (await admin(stack, "kick", room, guest.user["username"])).err
        assert "only owner" in (await admin(stack, "kick", room, owner.user["username"])).err
        listed = (await admin(stack, "rooms", "--search", room)).answer
        assert [(row["name"], row["members"]) for row in listed] == [("lounge", 1)]


async def test_lag_counts_what_no_owner_has_applied(breakable_stack: Stack) -> None:
    stack = breakable_stack
    async with httpx.AsyncClient(base_url=stack.url, timeout=20) as http:
        room = (await (await Account.register(http)).room())["id"]
    before = (await admin(stack, "lag")).answer
    assert sum(shard["rooms"] for shard in before) >= 1
    assert sum(shard["records_behind"] for shard in before) == 0
    stack.pause("delivery")
    writer = RoomLogWriter(Kafka(stack.kafka_bootstrap), producers=1)
    await writer.start()
    for _ in range(3):
        await writer.append(f"room.{room}.0", b"nothing that anybody knows")
    await writer.stop()
    assert sum(shard["records_behind"] for shard in (await admin(stack, "lag")).answer) == 3
