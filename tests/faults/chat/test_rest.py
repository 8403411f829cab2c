"""Requests that are repeated because nobody knows what became of them do their work once."""

import asyncio
import uuid
from typing import Any

import httpx
import pytest

from kaftalk_testing.account import Account
from kaftalk_testing.stack import Stack

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

SENDERS = 6
SENDS = 20


async def sent(account: Account, room: str, text: str) -> dict[str, Any]:
    """Send with one key until it is stored, as a careful program does; gives the answer."""
    key = str(uuid.uuid4())
    while True:
        try:
            answer = await account.ask(
                "POST", f"/rooms/{room}/messages", json={"text": text}, headers={"Idempotency-Key": key}
            )
        except httpx.TransportError:
            await asyncio.sleep(0.1)
            continue
        if answer.status_code == 201:
            return dict(answer.json())
        assert answer.status_code in (429, 500, 502, 503, 504), answer.text
        await asyncio.sleep(0.2)


async def test_sends_with_a_key_are_stored_once_though_rooms_is_killed(breakable_stack: Stack) -> None:
    stack = breakable_stack
    async with httpx.AsyncClient(base_url=stack.url, timeout=20) as http:
        people = [await Account.register(http) for _ in range(SENDERS)]
        room = (await people[0].room())["id"]
        for person in people[1:]:
            await person.join(room)
        places: dict[str, int] = {}

        async def talk(person: Account, number: int) -> None:
            for n in range(SENDS):
                text = f"{number}: {n}"
                places[text] = (await sent(person, room, text))["seq"]
                await asyncio.sleep(0.15)

        talking = asyncio.gather(*(talk(person, number) for number, person in enumerate(people)))
        for _ in range(2):
            await asyncio.sleep(1)
            stack.kill("rooms", 0)
            await stack.start("rooms", 0)
        await talking
        page = await people[0].call("GET", f"/rooms/{room}/messages?after=0&limit=200")
    shown = [(item["e"]["text"], item["seq"]) for item in page["items"] if item["e"]["k"] == "message"]
    print(f"\nrooms killed twice: {len(places)} answered, {len(shown)} stored")
    assert sorted(shown) == sorted(places.items())
    for number in range(SENDERS):
        assert [text for text, _ in shown if text.startswith(f"{number}:")] == [f"{number}: {n}" for n in range(SENDS)]
