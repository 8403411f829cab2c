"""Logs tell what happened and hold no words, no credentials, and nothing that fools a terminal."""

import json
import secrets

import httpx

from kaftalk_testing.account import PASSWORD, Account
from kaftalk_testing.chat_socket import ChatSocket
from kaftalk_testing.stack import Stack


async def test_no_text_password_token_or_ticket_reaches_a_log(stack: Stack) -> None:
    canary = f"canary-{secrets.token_hex(8)}"
    async with httpx.AsyncClient(base_url=stack.url, timeout=20) as http:
        one = await Account.register(http)
        room = (await one.room(canary))["id"]
        ticket = await one.ticket()
        await http.get(f"/api/v1/rooms?token={one.token}")
        await one.ask("POST", f"/rooms/{room}/messages", json={"text": canary, "wrong": canary})
        await http.post("/api/v1/auth/login", json={"username": one.user["username"], "password": canary})
        async with await ChatSocket.open(f"{stack.ws_url(0)}?ticket={ticket}", one) as socket:
            await socket.ask({"t": "send", "room": room, "n": 1, "text": canary})
            await socket.ask({"t": "edit", "room": room, "seq": 2, "text": canary, "wrong": canary})
            await socket.send("not json " + canary)
            assert await socket.closed() == 4502
        logs = {name: stack.log_file(*_place(name)).read_text() for name in stack.plan.instances}
    for name, log in logs.items():
        found = [what for what in (canary, PASSWORD, one.token, ticket) if what in log]
        assert found == [], name


async def test_every_line_is_json_without_control_characters(stack: Stack) -> None:
    async with httpx.AsyncClient(base_url=stack.url, timeout=20) as http:
        await http.get("/api/v1/rooms/%1b%5b2J%0d%0aforged")
        await http.get("/api/v1/users", headers={"X-Request-Id": "forged\x1b[2J"})
    for name in stack.plan.instances:
        lines = stack.log_file(*_place(name)).read_text().splitlines()
        assert lines, name
        for line in lines:
            assert json.loads(line)["service"] == name.rpartition("-")[0]
            assert all(character.isprintable() for character in line)


def _place(instance: str) -> tuple[str, int]:
    service, _, number = instance.rpartition("-")
    return service, int(number) - 1
