"""`kaftalk rebuild-views` after FLUSHALL: nothing is lost but sessions."""

import asyncio
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import httpx
import pytest

from kaftalk_runtime.redis_client import Redis, open_redis
from kaftalk_testing.account import Account
from kaftalk_testing.stack import Stack, run_stack
from kaftalk_testing.tools import venv_program

pytestmark = pytest.mark.slow


async def _everything(account: Account, rooms: list[str]) -> list[Any]:
    """Ask all that can be read; the pages hold the annotations, the entries the counts and mutes."""
    paths = ["/me", "/rooms", "/rooms/directory", f"/users/{account.id}"]
    paths += [f"/rooms/{room}{tail}" for room in rooms for tail in ("", "/members", "/messages", "/invites")]
    return [(path, (answer := await account.ask("GET", path)).status_code, answer.json()) for path in paths]


async def _talk(owner: Account, guest: Account, banned: Account) -> list[str]:
    public = (await owner.room("광장", member_ids=[guest.id, banned.id]))["id"]
    private = (await owner.room("밀실", kind="private", member_ids=[guest.id]))["id"]
    direct = (await owner.call("POST", "/rooms/direct", json={"user_id": guest.id}))["id"]
    for room in (public, private, direct):
        seqs = [
            (await owner.call("POST", f"/rooms/{room}/messages", json={"text": text, "mentions": [guest.id]}))["seq"]
            for text in ("하나", "둘", "셋")
        ]
        await owner.call("PATCH", f"/rooms/{room}/messages/{seqs[0]}", json={"text": "하나!"})
        await owner.call("DELETE", f"/rooms/{room}/messages/{seqs[1]}")
        await guest.call("PUT", f"/rooms/{room}/messages/{seqs[0]}/reactions/👍")
        await guest.call("PUT", f"/rooms/{room}/read", json={"seq": seqs[0]})
    await owner.call("POST", f"/rooms/{private}/invites", json={"max_uses": 3})
    await guest.call("PUT", f"/rooms/{private}/mute", json={"until": "forever"})
    await owner.call("DELETE", f"/rooms/{public}/members/{banned.id}?ban=true")
    await owner.call("PATCH", f"/rooms/{public}/members/{guest.id}", json={"role": "moderator"})
    gone = (await owner.room("헐린 집"))["id"]
    await owner.call("DELETE", f"/rooms/{gone}")
    return [public, private, direct]


async def _cursors_are_in_kafka(redis: Redis) -> None:
    async with asyncio.timeout(15):
        while await redis.run("KEYS", "dirty-cursors:*"):
            await asyncio.sleep(0.1)


def _rebuild(stack: Stack) -> subprocess.CompletedProcess[str]:
    places = {"KAFTALK_KAFKA_BOOTSTRAP": stack.kafka_bootstrap, "KAFTALK_REDIS_URL": stack.redis_url}
    command = [venv_program("kaftalk"), "rebuild-views", "--json"]
    return subprocess.run(command, env=os.environ | places, capture_output=True, text=True, timeout=60, check=False)


async def test_redis_is_made_again_from_kafka(tmp_path: Path) -> None:
    async with run_stack(tmp_path) as stack, httpx.AsyncClient(base_url=stack.url, timeout=20) as http:
        owner, guest, banned = [await Account.register(http) for _ in range(3)]
        rooms = await _talk(owner, guest, banned)
        redis = open_redis(stack.redis_url)
        await _cursors_are_in_kafka(redis)
        before = [await _everything(account, rooms) for account in (owner, guest, banned)]

        stack.kill("delivery")
        await redis.run("FLUSHALL")
        rebuilt = await asyncio.to_thread(_rebuild, stack)
        assert (rebuilt.returncode, rebuilt.stderr) == (0, "")
        made = json.loads(rebuilt.stdout)
        print(made)
        assert (made["accounts"], made["rooms"], made["rooms_missing"]) == (3, 3, 0)

        assert (await owner.ask("GET", "/me")).status_code == 401
        for account in (owner, guest, banned):
            await account.sign_in()
        after = [await _everything(account, rooms) for account in (owner, guest, banned)]
        assert after == before
        assert (await banned.ask("POST", f"/rooms/{rooms[0]}/join")).status_code == 403
        again = await asyncio.to_thread(_rebuild, stack)
        assert again.returncode == 0
        assert [await _everything(account, rooms) for account in (owner, guest, banned)] == before
        await redis.close()
