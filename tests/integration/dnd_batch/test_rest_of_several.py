"""Quiet hours over REST where three instances share the people: any of them may be asked about anybody."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import httpx
import pytest
import pytest_asyncio

from kaftalk_testing.account import Account
from kaftalk_testing.stack import Stack, run_stack

pytestmark = pytest.mark.slow

INSTANCES = 3
CHANGES_A_MINUTE = 12
NIGHTS: dict[str, Any] = {"days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"], "start": "22:00", "end": "07:00"}
SEOUL: dict[str, Any] = {"zone": "Asia/Seoul", "windows": [NIGHTS]}


@pytest_asyncio.fixture(scope="module")
async def several(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    """A stack of its own: three instances, one administrator, and few changes a minute."""
    settings = {"KAFTALK_ADMINISTRATORS": "boss", "KAFTALK_LIMIT_QUIET_CHANGES": str(CHANGES_A_MINUTE)}
    counts = {"dnd-batch": INSTANCES, "gateway": 1}
    async with run_stack(tmp_path_factory.mktemp("several"), counts=counts, settings=settings) as running:
        yield running


@pytest_asyncio.fixture
async def http(several: Stack) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=several.url, timeout=20) as client:
        yield client


async def _at(stack: Stack, number: int, account: Account, method: str, path: str, **options: Any) -> httpx.Response:
    """Ask one instance without the proxy."""
    headers = {"Authorization": f"Bearer {account.token}", **options.pop("headers", {})}
    url = f"{stack.service_url('dnd-batch', number)}/api/v1{path}"
    async with httpx.AsyncClient(timeout=20) as client:
        return await client.request(method, url, headers=headers, **options)


async def _until(account: Account, path: str, wanted: str) -> Any:
    """Ask until a field of the answer is true, or a list has items."""
    async with asyncio.timeout(20):
        while not (answer := await account.call("GET", path))[wanted]:
            await asyncio.sleep(0.1)
    return answer


async def test_every_instance_answers_alike_and_knows_what_another_was_told(
    several: Stack, http: httpx.AsyncClient
) -> None:
    for _ in range(4):
        me = await Account.register(http)
        put = await _at(several, 0, me, "PUT", "/me/quiet-hours", json=SEOUL)
        assert put.status_code == 200
        got = [await _at(several, number, me, "GET", "/me/quiet-hours") for number in range(INSTANCES)]
        assert {answer.headers["etag"] for answer in got} == {put.headers["etag"]}
        late = [
            await _at(several, number, me, "PUT", "/me/quiet-hours", json=SEOUL, headers={"If-Match": '"old"'})
            for number in range(INSTANCES)
        ]
        assert {(answer.status_code, answer.json()["errors"][0]["field"]) for answer in late} == {(412, "If-Match")}


async def test_the_owner_counts_changes_wherever_they_are_asked_for(several: Stack, http: httpx.AsyncClient) -> None:
    me = await Account.register(http)
    answers = [
        await _at(several, n % INSTANCES, me, "POST", "/me/snooze", json={"minutes": n + 1})
        for n in range(CHANGES_A_MINUTE + 1)
    ]
    assert [answer.status_code for answer in answers] == [200] * CHANGES_A_MINUTE + [429]
    assert int(answers[-1].headers["retry-after"]) >= 1
    assert (await _at(several, 0, me, "GET", "/me/quiet-hours")).status_code == 200


async def test_the_organisations_hours_are_those_of_who_has_none_and_touch_no_others(http: httpx.AsyncClient) -> None:
    boss, me = await Account.register(http, "boss"), await Account.register(http)
    own = await Account.register(http)
    await own.call("PUT", "/me/quiet-hours", json={"windows": []})
    before = await boss.ask("GET", "/org/quiet-hours")
    assert (before.status_code, before.json()["windows"], before.json()["urgent_allowed"]) == (200, [], True)
    tag = (await me.ask("GET", "/me/quiet-hours")).headers["etag"]
    put = await boss.ask("PUT", "/org/quiet-hours", json=SEOUL, headers={"If-Match": before.headers["etag"]})
    assert (put.status_code, put.json()["zone"]) == (200, "Asia/Seoul")
    late = await boss.ask("PUT", "/org/quiet-hours", json={}, headers={"If-Match": before.headers["etag"]})
    assert (late.status_code, late.json()["errors"][0]["field"]) == (412, "If-Match")
    bad = await boss.ask("PUT", "/org/quiet-hours", json={"windows": [NIGHTS | {"start": "25:00"}]})
    assert (bad.status_code, bad.json()["errors"][0]["field"]) == (422, "windows.0.start")
    shown = await _until(me, "/me/quiet-hours", "windows")
    assert (shown["origin"], shown["zone"]) == ("org", "Asia/Seoul")
    assert (await me.ask("GET", "/me/quiet-hours")).headers["etag"] != tag
    untouched = await own.call("GET", "/me/quiet-hours")
    assert (untouched["origin"], untouched["windows"], untouched["next_start"]) == ("user", [], None)
    assert (await me.ask("PUT", "/org/quiet-hours", json={})).status_code == 403
    await boss.call("PUT", "/org/quiet-hours", json={})


async def test_what_is_held_is_counted_and_what_was_released_is_listed(http: httpx.AsyncClient) -> None:
    me, other = await Account.register(http), await Account.register(http)
    room = (await me.room())["id"]
    await other.join(room)
    began = await me.call("POST", "/me/snooze", json={"minutes": 10})
    held = await _until(me, "/me/held", "active")
    assert (held["total"], held["rooms"]) == (0, {})
    assert held["until"] == began["snooze_until"]
    await me.call("POST", f"/rooms/{room}/messages", json={"text": "내 말"})
    sent = [await other.call("POST", f"/rooms/{room}/messages", json={"text": f"소식 {n}"}) for n in range(3)]
    async with asyncio.timeout(20):
        while (held := await me.call("GET", "/me/held"))["total"] < 3:
            await asyncio.sleep(0.1)
    assert held["rooms"] == {room: {"count": 3, "mentions": 0, "first_seq": sent[0]["seq"]}}
    seen = await other.call("GET", f"/users/{me.id}/quiet")
    assert (seen["quiet"], seen["next_end"]) == (True, began["snooze_until"])
    await me.call("POST", "/me/quiet-hours/resume")
    (release,) = (await _until(me, "/me/releases", "items"))["items"]
    assert set(release) == {"release_id", "window", "digest"}
    assert datetime.fromisoformat(release["window"][0]) < datetime.fromisoformat(release["window"][1])
    (line,) = release["digest"]["rooms"]
    assert (line["room"], line["count"], line["last_by"]) == (room, 3, other.id)
    assert "preview" not in line
    assert (await me.call("GET", "/me/held"))["active"] is False


async def test_while_an_owner_is_gone_its_people_are_to_try_again_and_nothing_is_lost(
    several: Stack, http: httpx.AsyncClient
) -> None:
    people = [await Account.register(http) for _ in range(6)]
    for me in people:
        await me.call("PUT", "/me/quiet-hours", json=SEOUL | {"windows": [NIGHTS | {"label": me.user["username"]}]})
    several.kill("dnd-batch", 0)
    waiting = list(people)
    async with asyncio.timeout(40):
        while waiting:
            me = waiting[0]
            answer = await _at(several, 1, me, "GET", "/me/quiet-hours")
            if answer.status_code == 200:
                assert answer.json()["windows"][0]["label"] == me.user["username"]
                waiting.pop(0)
                continue
            assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
            assert int(answer.headers["retry-after"]) >= 1
            await asyncio.sleep(0.2)
    await several.start("dnd-batch", 0)
    assert (await people[0].ask("GET", f"/users/{uuid.uuid4()}/quiet")).status_code == 404
