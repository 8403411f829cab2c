"""What gateways find in Redis: written by the owner, and written again when Redis lost it."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import orjson
import pytest

from kaftalk_protocol import redis_keys
from kaftalk_protocol.ids import UserId
from kaftalk_protocol.quiet_profile import OrgQuiet
from kaftalk_protocol.quiet_records import ORG_KEY, OrgRecord, encode
from kaftalk_protocol.quiet_state import PiercedNote, QuietState, QuietStates, WantedStates
from kaftalk_protocol.topics import ACCOUNTS, QUIET_HOURS
from kaftalk_roomlog.shards import shard_of
from kaftalk_runtime.internal_http import InternalHttp
from kaftalk_testing.gateway_twin import GatewayTwin
from kaftalk_testing.quiet_stack import SHARDS, QuietStack, person
from kaftalk_testing.redis_server import flush

pytestmark = pytest.mark.slow

NIGHTS = {"days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"], "start": "22:00", "end": "07:00"}


async def in_redis(quiet: QuietStack, user: UserId) -> QuietState | None:
    text = await quiet.redis.run("GET", redis_keys.quiet(user))
    return None if text is None else QuietState.decode(text)


async def eventually(look: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(20):
        while not await look():
            await asyncio.sleep(0.05)


async def whole(quiet: QuietStack) -> bool:
    generation, made = await quiet.redis.many([("GET", redis_keys.GENERATION), ("GET", redis_keys.VIEW_QUIET)])
    return generation is not None and generation == made


async def test_a_profile_is_told_ahead_and_to_the_gateways_of_the_user(quiet: QuietStack, gateway: GatewayTwin) -> None:
    me = person()
    await gateway.connect([me])
    answer = await quiet.ask(me, "PUT", "/me/quiet-hours", json={"zone": "Asia/Seoul", "windows": [NIGHTS]})
    assert answer.status_code == 200, answer.text
    told = await gateway.told(me, active=True)
    assert told.hold is not None
    assert told.next_start_ms is not None
    assert told.next_start_ms - told.hold.end_ms == 15 * 3_600_000
    assert await in_redis(quiet, me) == told


async def test_after_redis_lost_everything_all_states_are_written_again(quiet: QuietStack) -> None:
    me = person()
    await quiet.ask(me, "PUT", "/me/quiet-hours", json={"zone": "Asia/Seoul", "windows": [NIGHTS]})
    before = await in_redis(quiet, me)
    await flush(quiet.stack.plan.redis_port)
    await eventually(lambda: whole(quiet))
    assert await in_redis(quiet, me) == before
    assert before is not None
    assert orjson.loads(await quiet.redis.run("GET", redis_keys.QUIET_ORG)) == {"urgent_allowed": True}
    await quiet.views_are_whole()


async def test_a_gateway_asks_for_states_that_it_cannot_read(quiet: QuietStack) -> None:
    me, nobody = person(), person()
    await quiet.snooze(me, 600)
    http = InternalHttp(quiet.keys)
    body = WantedStates(users=(me, nobody)).encode()
    answer = await http.post(quiet.stack.internal_url("dnd-batch"), "/internal/users", body)
    await http.close()
    states = {state.user: state for state in QuietStates.model_validate_json(answer.body).states}
    assert states[me] == await in_redis(quiet, me)
    assert states[nobody].hold is None


async def test_an_alert_is_noted_once_however_often_it_is_told(quiet: QuietStack) -> None:
    me, other = person(), person()
    room = await quiet.room([other, me])
    http = InternalHttp(quiet.keys)
    note = PiercedNote(user=me, room=room.id, seq=3, by=other, reason="vip", ts=int(time.time() * 1000))
    url = quiet.stack.internal_url("dnd-batch")
    answers = [await http.post(url, "/internal/pierced", note.encode()) for _ in range(2)]
    await http.close()
    assert [answer.status for answer in answers] == [204, 204]
    items = (await quiet.ask(me, "GET", "/me/quiet-hours/pierced")).json()["items"]
    assert [(item["seq"], item["by"]) for item in items] == [(3, other)]


async def test_owners_are_listed_with_their_fences(quiet: QuietStack) -> None:
    me = person()
    await quiet.snooze(me, 600)
    (state,) = await quiet.stored(me)
    shard = shard_of(me, SHARDS)

    async def listed() -> bool:
        entry = await quiet.redis.run("HGET", redis_keys.DND_OWNERS, shard)
        url = quiet.stack.programs["dnd-batch-1"].env["KAFTALK_INTERNAL_ADVERTISE"]
        return bool(entry == f"dnd-batch-1|{url}|{state.model_dump()['fence']}")

    await eventually(listed)


@pytest.mark.slow
async def test_the_hold_of_an_account_that_goes_is_discarded(quiet: QuietStack, gateway: GatewayTwin) -> None:
    me = person()
    await gateway.connect([me])
    await quiet.snooze(me, 3)
    await gateway.told(me, active=True)
    await asyncio.sleep(1.2)
    account = {"v": 1, "id": me, "username": "gone", "active": False, "created_ms": 1, "status": "claimed"}
    await quiet.seed.writer.append(ACCOUNTS, orjson.dumps(account), key=me.encode(), partition=None)

    async def discarded() -> bool:
        *_, last = await quiet.stored(me)
        return last.model_dump()["hold"] is None and await in_redis(quiet, me) is None

    await eventually(discarded)
    await asyncio.sleep(2.5)
    assert gateway.of(me) == []
    assert "hold_discarded" in quiet.stack.logs("dnd-batch")


@pytest.mark.slow
async def test_the_organisations_default_holds_for_who_has_said_nothing(
    quiet: QuietStack, gateway: GatewayTwin
) -> None:
    me, other, admin = person(), person(), person()
    room = await quiet.room([other, me])
    await gateway.connect([me])
    for user in (me, admin):
        account = {"v": 1, "id": user, "username": user[:8], "active": True, "created_ms": 1, "status": "claimed"}
        await quiet.seed.writer.append(ACCOUNTS, orjson.dumps(account), key=user.encode(), partition=None)
    await put_org(quiet, {"zone": "UTC", "windows": [NIGHTS | {"start": "00:00", "end": "00:00"}]})
    told = await gateway.told(me, active=True)
    assert told.hold is not None
    await asyncio.sleep(max(0.0, told.hold.start_ms / 1000 - time.time() + 0.1))
    seqs = await quiet.append(room, room.message(1, "held", by=other))
    await put_org(quiet, {})
    (taken,) = await gateway.released(me)
    assert taken.seqs() == {room.id: seqs}
    assert taken.release.window[0] == told.hold.start_ms
    assert (await quiet.ask(me, "GET", "/me/quiet-hours")).json()["origin"] == "org"


async def put_org(quiet: QuietStack, org: dict[str, Any]) -> None:
    """Write the organisation's record as its owner would."""
    shard = shard_of(ORG_KEY, SHARDS)
    owners = await quiet.redis.run("HGET", redis_keys.DND_OWNERS, shard)
    record = OrgRecord(
        version=time.time_ns(),
        updated_ms=int(time.time() * 1000),
        org=OrgQuiet.model_validate(org),
        fence=int(owners.rpartition("|")[2]),
    )
    await quiet.seed.writer.append(QUIET_HOURS, encode(record), key=ORG_KEY.encode(), partition=shard)
