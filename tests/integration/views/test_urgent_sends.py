"""Urgent messages before they are stored, judged on a real Redis."""

from collections.abc import Callable

import pytest

from kaftalk_protocol import redis_keys
from kaftalk_protocol.errors import Code, Refused
from kaftalk_protocol.ids import RoomId, UserId
from kaftalk_protocol.quiet_profile import Pierce
from kaftalk_protocol.quiet_state import HoldPlan, QuietState
from kaftalk_protocol.records import Message, Room
from kaftalk_runtime.redis_client import Redis
from kaftalk_testing.log_twin import RoomTwin
from kaftalk_testing.room_logs import ANN, BOB, CYD
from kaftalk_views import generation
from kaftalk_views.catch_up import CatchUp
from kaftalk_views.cursors import ReadCursors
from kaftalk_views.errors import ViewsLost, ViewUnknown
from kaftalk_views.pierce import UrgentBudget, UrgentSends
from kaftalk_views.users import StoredUser, Users

NewRoom = Callable[[], RoomTwin]
DAY_MS = 86_400_000
NOON = 20_000 * DAY_MS + DAY_MS // 2
HOLD = HoldPlan(start_ms=NOON, end_ms=NOON + 3_600_000, release_id="r", deliver="hold")


def urgent(n: int, by: UserId = ANN, *, mention_all: bool = False) -> Message:
    return Message(id=f"s:{n}", by=by, text="wake up", notify="urgent", mention_all=mention_all)


@pytest.fixture
def sends(redis: Redis) -> UrgentSends:
    return UrgentSends(redis, lambda: NOON)


@pytest.fixture
async def direct(catch_up: CatchUp, users: Users, new_room: NewRoom) -> RoomId:
    room = new_room()
    opening = Room(by=ANN, kind="direct", members={ANN: "member", BOB: "member"})
    await catch_up.project_to(room.placement, room.add(opening))
    await users.put(StoredUser(ANN, "ann", "Ann"), StoredUser(BOB, "bob", "Bob"), StoredUser(CYD, "cyd", "C", "bot"))
    return room.placement.room


async def quiet(redis: Redis, *, pierce: Pierce = Pierce(), hold: HoldPlan | None = HOLD) -> None:  # noqa: B008
    state = QuietState(user=BOB, version=1, pierce=pierce, hold=hold)
    await redis.run("SET", redis_keys.quiet(BOB), state.encode())


async def refusal(sends: UrgentSends, room: RoomId, message: Message) -> Refused | None:
    try:
        await sends.check(room, message)
    except Refused as refused:
        return refused
    return None


async def test_three_a_day_pierce_and_the_fourth_waits_for_tomorrow(
    redis: Redis, sends: UrgentSends, direct: RoomId
) -> None:
    await quiet(redis)
    assert [await refusal(sends, direct, urgent(n)) for n in (1, 2, 3, 2)] == [None] * 4
    spent = await refusal(sends, direct, urgent(4))
    assert spent is not None
    assert (spent.code, spent.retry_after_ms) == (Code.RATE_LIMITED, DAY_MS // 2)
    assert await refusal(sends, direct, urgent(3)) is None
    tomorrow = UrgentSends(redis, lambda: NOON + DAY_MS)
    assert [await refusal(tomorrow, direct, urgent(n)) for n in (3, 4, 5, 6)] == [None] * 4
    assert (await refusal(tomorrow, direct, urgent(7))) is not None


async def test_the_budget_is_each_pairs_own_and_ends_by_itself(redis: Redis) -> None:
    budget = UrgentBudget(redis)
    room = RoomId("r")
    for n in (1, 2, 3):
        assert await budget.take(room, urgent(n), [BOB], NOON) == {BOB: True}
    assert await budget.take(room, urgent(4), [BOB, CYD], NOON) == {BOB: False, CYD: True}
    assert await budget.take(room, urgent(4, by=CYD), [BOB], NOON) == {BOB: True}
    for key in await redis.run("KEYS", "urgent:*"):
        assert 0 < await redis.run("TTL", key) <= 2 * 86_400


async def test_who_is_not_in_quiet_hours_gets_an_ordinary_message(
    redis: Redis, sends: UrgentSends, direct: RoomId
) -> None:
    await redis.run("SET", redis_keys.VIEW_QUIET, str(await generation.current(redis)))
    later = HoldPlan(start_ms=NOON + 1, end_ms=NOON + 2, release_id="r", deliver="hold")
    assert await refusal(sends, direct, urgent(1)) is None
    await quiet(redis, hold=None)
    assert await refusal(sends, direct, urgent(2)) is None
    await quiet(redis, hold=later)
    assert await refusal(sends, direct, urgent(3)) is None
    assert await redis.run("KEYS", "urgent:*") == []


async def test_a_hold_lasts_until_its_end_is_told(redis: Redis, direct: RoomId) -> None:
    await quiet(redis, pierce=Pierce(direct_send_anyway=False))
    late = UrgentSends(redis, lambda: HOLD.end_ms + 1_000)
    assert await refusal(late, direct, urgent(1)) is not None


@pytest.mark.parametrize("message", [urgent(1), urgent(1, mention_all=True)], ids=["one", "all"])
async def test_who_lets_nobody_through_is_left_alone(
    redis: Redis, sends: UrgentSends, direct: RoomId, message: Message
) -> None:
    await quiet(redis, pierce=Pierce(direct_send_anyway=message.mention_all))
    refused = await refusal(sends, direct, message)
    assert refused is not None
    assert (refused.code, refused.field) == (Code.FORBIDDEN, "notify")
    assert await redis.run("KEYS", "urgent:*") == []


async def test_a_vip_spends_nothing(redis: Redis, sends: UrgentSends, direct: RoomId) -> None:
    await quiet(redis, pierce=Pierce(vip=(ANN,), direct_send_anyway=False))
    assert [await refusal(sends, direct, urgent(n)) for n in range(1, 6)] == [None] * 5
    assert await redis.run("KEYS", "urgent:*") == []


async def test_a_muted_room_is_silent_for_urgent_messages_too(
    redis: Redis, sends: UrgentSends, cursors: ReadCursors, direct: RoomId
) -> None:
    await quiet(redis)
    await cursors.mute(direct, BOB, "forever")
    assert (await refusal(sends, direct, urgent(1))) is not None
    await cursors.mute(direct, BOB, None)
    assert (await refusal(sends, direct, urgent(1))) is None


async def test_a_bot_needs_an_explicit_grant(
    redis: Redis, sends: UrgentSends, catch_up: CatchUp, direct: RoomId, new_room: NewRoom
) -> None:
    room = new_room()
    opening = Room(by=CYD, kind="direct", members={CYD: "member", BOB: "member"})
    await catch_up.project_to(room.placement, room.add(opening))
    await quiet(redis)
    refused = await refusal(sends, room.placement.room, urgent(1, by=CYD))
    assert refused is not None
    assert refused.code is Code.FORBIDDEN
    await quiet(redis, pierce=Pierce(vip=(CYD,)))
    assert await refusal(sends, room.placement.room, urgent(1, by=CYD)) is None


async def test_the_organisations_switch_forbids_it_everywhere(
    redis: Redis, sends: UrgentSends, catch_up: CatchUp, direct: RoomId, new_room: NewRoom
) -> None:
    room = new_room()
    opening = Room(by=ANN, kind="public", name="tea", members={ANN: "owner", BOB: "member"})
    await catch_up.project_to(room.placement, room.add(opening))
    assert await refusal(sends, room.placement.room, urgent(1)) is None
    await redis.run("SET", redis_keys.QUIET_ORG, '{"urgent_allowed":false}')
    await quiet(redis, pierce=Pierce(vip=(ANN,)))
    for place in (room.placement.room, direct):
        refused = await refusal(sends, place, urgent(1))
        assert refused is not None
        assert refused.code is Code.FORBIDDEN


async def test_one_may_be_urgent_to_oneself(
    redis: Redis, sends: UrgentSends, catch_up: CatchUp, new_room: NewRoom
) -> None:
    room = new_room()
    await catch_up.project_to(room.placement, room.add(Room(by=BOB, kind="direct", members={BOB: "member"})))
    await quiet(redis, pierce=Pierce(direct_send_anyway=False))
    assert await refusal(sends, room.placement.room, urgent(1, by=BOB)) is None


async def test_what_is_not_known_is_unavailable(redis: Redis, sends: UrgentSends, direct: RoomId) -> None:
    with pytest.raises(ViewsLost):
        await sends.check(direct, urgent(1))
    await redis.run("SET", redis_keys.quiet(BOB), "{")
    with pytest.raises(ViewsLost):
        await sends.check(direct, urgent(1))
    with pytest.raises(ViewUnknown):
        await sends.check(RoomId("5b2cdd4c-0b9f-4c53-9a5f-0f3d9fd32e7c"), urgent(1))
