"""A release happens once and never early, whatever fails around it."""

import asyncio
import time
from dataclasses import dataclass

import pytest

from kaftalk_protocol.ids import UserId
from kaftalk_protocol.quiet_records import Released, UserQuiet
from kaftalk_testing.gateway_twin import GatewayTwin, Taken
from kaftalk_testing.quiet_stack import QuietStack, person
from kaftalk_testing.seeded_rooms import SeededRoom

pytestmark = pytest.mark.slow

SETTLED_S = 2.5


@dataclass(frozen=True, slots=True)
class Held:
    """Somebody who is quiet until `ends_ms`, and the seqs that are held of a room."""

    user: UserId
    room: SeededRoom
    seqs: list[int]
    ends_ms: int

    def check(self, taken: list[Taken]) -> None:
        """See that all that was held came, under one name, and not before the end."""
        assert {one.release.release_id for one in taken} == {taken[0].release.release_id}
        for one in taken:
            assert one.at_ms >= self.ends_ms
            assert one.seqs() == {self.room.id: self.seqs}
            assert one.digest.total == len(self.seqs)


async def hold(quiet: QuietStack, gateway: GatewayTwin, me: UserId, seconds: float, index: int = 0) -> Held:
    """Let a user be quiet for some seconds, and say something to her meanwhile."""
    other = person()
    room = await quiet.room([other, me])
    await gateway.connect([me])
    ends_ms = await quiet.snooze(me, seconds, index)
    told = await gateway.told(me, active=True)
    assert told.hold is not None
    await until(told.hold.start_ms + 50)
    seqs = await quiet.append(room, *(room.message(n, f"held {n}", by=other) for n in range(1, 4)))
    return Held(me, room, seqs, ends_ms)


async def until(ms: int) -> None:
    await asyncio.sleep(max(0.0, ms / 1000 - time.time()))


async def done(quiet: QuietStack, user: UserId) -> UserQuiet:
    """Wait until the log says that a release is over, and see that it says so once."""
    async with asyncio.timeout(30):
        while True:
            records = await quiet.stored(user)
            states = [record for record in records if isinstance(record, UserQuiet)]
            if states[-1].hold is None and states[-1].released:
                break
            await asyncio.sleep(0.1)
    names = [record.release_id for record in records if isinstance(record, Released)]
    assert len(set(names)) == 1
    assert [past.release_id for past in states[-1].released] == names[-1:]
    return states[-1]


# --- kill -9 at each step ---


async def test_a_kill_in_the_hold_changes_nothing(quiet: QuietStack, gateway: GatewayTwin) -> None:
    held = await hold(quiet, gateway, person(), 7)
    quiet.stack.kill("dnd-batch")
    await quiet.stack.start("dnd-batch")
    held.check(await gateway.released(held.user))
    assert (await done(quiet, held.user)).settled_ms == held.ends_ms
    assert len(gateway.of(held.user)) == 1


async def test_a_kill_before_the_hold_has_begun_changes_nothing(quiet: QuietStack, gateway: GatewayTwin) -> None:
    me, other = person(), person()
    room = await quiet.room([other, me])
    await gateway.connect([me])
    ends_ms = await quiet.snooze(me, 8)
    quiet.stack.kill("dnd-batch")
    await asyncio.sleep(1.2)
    seqs = await quiet.append(room, room.message(1, "held", by=other))
    await quiet.stack.start("dnd-batch")
    Held(me, room, seqs, ends_ms).check(await gateway.released(me))


async def test_a_late_start_releases_at_once_and_says_how_late(quiet: QuietStack, gateway: GatewayTwin) -> None:
    held = await hold(quiet, gateway, person(), 3)
    quiet.stack.kill("dnd-batch")
    await until(held.ends_ms + 5_500)
    await quiet.stack.start("dnd-batch")
    (taken,) = await gateway.released(held.user)
    held.check([taken])
    assert taken.release.late_by_s is not None
    assert 5 <= taken.release.late_by_s <= 30
    assert (await done(quiet, held.user)).released[-1].late_by_s is not None


async def test_a_kill_at_the_hand_off_repeats_it_under_the_same_name(quiet: QuietStack, gateway: GatewayTwin) -> None:
    held = await hold(quiet, gateway, person(), 3)
    gateway.open.clear()
    await gateway.at_the_door.wait()
    quiet.stack.kill("dnd-batch")
    gateway.open.set()
    await gateway.released(held.user)
    await quiet.stack.start("dnd-batch")
    held.check(await gateway.released(held.user, 2))
    await done(quiet, held.user)
    await asyncio.sleep(SETTLED_S)
    assert len(gateway.of(held.user)) == 2


async def test_a_kill_between_hand_off_and_done_repeats_a_no_op(quiet: QuietStack, gateway: GatewayTwin) -> None:
    held = await hold(quiet, gateway, person(), 3)
    gateway.done.clear()
    await gateway.released(held.user)
    quiet.stack.pause("kafka")
    gateway.done.set()
    await asyncio.sleep(0.5)
    quiet.stack.kill("dnd-batch")
    quiet.stack.resume("kafka")
    await quiet.stack.start("dnd-batch")
    await done(quiet, held.user)
    held.check(gateway.of(held.user))


async def test_a_kill_after_the_release_repeats_nothing(quiet: QuietStack, gateway: GatewayTwin) -> None:
    held = await hold(quiet, gateway, person(), 3)
    await gateway.released(held.user)
    await done(quiet, held.user)
    quiet.stack.kill("dnd-batch")
    await quiet.stack.start("dnd-batch")
    await asyncio.sleep(SETTLED_S)
    assert len(gateway.of(held.user)) == 1
    answer = await quiet.ask(held.user, "GET", "/me/releases")
    assert [one["digest"]["total"] for one in answer.json()["items"]] == [3]


# --- what is away at the end of the hold ---


async def test_while_kafka_is_away_nothing_is_released_and_then_once(quiet: QuietStack, gateway: GatewayTwin) -> None:
    held = await hold(quiet, gateway, person(), 3)
    quiet.stack.pause("kafka")
    await until(held.ends_ms + 4_000)
    assert gateway.of(held.user) == []
    quiet.stack.resume("kafka")
    held.check(await gateway.released(held.user))
    await done(quiet, held.user)
    assert len(gateway.of(held.user)) == 1


async def test_a_broker_that_dies_in_the_hold_is_waited_for(quiet: QuietStack, gateway: GatewayTwin) -> None:
    held = await hold(quiet, gateway, person(), 4)
    await quiet.stack.restart_kafka()
    held.check(await gateway.released(held.user))
    await done(quiet, held.user)
    assert len(gateway.of(held.user)) == 1


async def test_while_redis_is_away_a_release_waits(quiet: QuietStack, gateway: GatewayTwin) -> None:
    held = await hold(quiet, gateway, person(), 3)
    await asyncio.sleep(1.1)  # what it was told is on disk after a second
    quiet.stack.kill("redis")
    await until(held.ends_ms + 1_500)
    await quiet.stack.start("redis")
    held.check(await gateway.released(held.user))
    await done(quiet, held.user)
    assert len(gateway.of(held.user)) == 1


async def test_a_gateway_that_cannot_take_a_release_now_is_asked_again(quiet: QuietStack, gateway: GatewayTwin) -> None:
    gateway.status = 503
    held = await hold(quiet, gateway, person(), 3)
    await until(held.ends_ms + 1_000)
    assert gateway.of(held.user) == []
    gateway.status = 200
    held.check(await gateway.released(held.user))
    await done(quiet, held.user)
    assert len(gateway.of(held.user)) == 1


async def test_a_gateway_that_is_gone_holds_up_nothing(quiet: QuietStack, gateway: GatewayTwin) -> None:
    async with quiet.gateway("short-lived") as gone:
        held = await hold(quiet, gone, person(), 3)
    await gateway.connect([held.user])
    held.check(await gateway.released(held.user))
    await done(quiet, held.user)


async def test_who_has_no_socket_finds_the_release_later(quiet: QuietStack, gateway: GatewayTwin) -> None:
    held = await hold(quiet, gateway, person(), 3)
    await gateway.disconnect(held.user)
    await done(quiet, held.user)
    assert gateway.of(held.user) == []
    answer = await quiet.ask(held.user, "GET", "/me/releases")
    assert [one["digest"]["total"] for one in answer.json()["items"]] == [3]


# --- two instances ---


async def test_two_instances_release_everybody_once(quiet: QuietStack, gateway: GatewayTwin) -> None:
    await quiet.two_instances()
    people = [await quiet.somebody_of(index) for index in (0, 1, 0, 1)]
    held = await asyncio.gather(*(hold(quiet, gateway, me, 5, number % 2) for number, me in enumerate(people)))
    for one in held:
        one.check(await gateway.released(one.user))
        await done(quiet, one.user)
    await asyncio.sleep(SETTLED_S)
    assert [len(gateway.of(one.user)) for one in held] == [1, 1, 1, 1]


async def test_the_other_instance_takes_over_who_dies(quiet: QuietStack, gateway: GatewayTwin) -> None:
    await quiet.two_instances()
    held = await hold(quiet, gateway, await quiet.somebody_of(1), 4, 1)
    quiet.stack.kill("dnd-batch", 1)
    held.check(await gateway.released(held.user))
    await done(quiet, held.user)
    assert len(gateway.of(held.user)) == 1


async def test_an_instance_that_ends_in_order_hands_over_within_seconds(
    quiet: QuietStack, gateway: GatewayTwin
) -> None:
    await quiet.two_instances()
    held = await hold(quiet, gateway, await quiet.somebody_of(1), 6, 1)
    assert await quiet.stack.terminate("dnd-batch", 1) == 0
    held.check(await gateway.released(held.user))
    await done(quiet, held.user)
    assert len(gateway.of(held.user)) == 1


async def test_a_paused_old_owner_releases_nothing(quiet: QuietStack, gateway: GatewayTwin) -> None:
    await quiet.two_instances()
    held = await hold(quiet, gateway, await quiet.somebody_of(1), 4, 1)
    quiet.stack.pause("dnd-batch", 1)
    async with asyncio.timeout(30):
        while await quiet.owner_of(held.user) != 0:
            await asyncio.sleep(0.2)
        # The old end has passed, and the new owner is told of another one.
        while not (answer := await quiet.ask(held.user, "GET", "/me/quiet-hours")).is_success:
            await asyncio.sleep(0.2)
    assert answer.is_success
    taken_before = len(await gateway.released(held.user))
    ends_ms = await quiet.snooze(held.user, 8)
    await asyncio.sleep(1.2)
    (seq,) = await quiet.append(held.room, held.room.message(4, "held again"))
    quiet.stack.resume("dnd-batch", 1)
    await until(ends_ms - 1_000)
    assert len(gateway.of(held.user)) == taken_before == 1
    second = (await gateway.released(held.user, 2))[1]
    assert second.at_ms >= ends_ms
    assert second.seqs() == {held.room.id: [seq]}
    await asyncio.sleep(SETTLED_S)
    assert len(gateway.of(held.user)) == 2


async def test_a_paused_old_owner_does_not_end_a_hold_that_was_prolonged(
    quiet: QuietStack, gateway: GatewayTwin
) -> None:
    await quiet.two_instances()
    held = await hold(quiet, gateway, await quiet.somebody_of(1), 18, 1)
    quiet.stack.pause("dnd-batch", 1)
    async with asyncio.timeout(30):
        while await quiet.owner_of(held.user) != 0:
            await asyncio.sleep(0.2)
    ends_ms = await quiet.snooze(held.user, max(1.0, held.ends_ms / 1000 - time.time()) + 6)
    await until(held.ends_ms + 500)
    quiet.stack.resume("dnd-batch", 1)
    await until(ends_ms - 500)
    assert gateway.of(held.user) == []
    Held(held.user, held.room, held.seqs, ends_ms).check(await gateway.released(held.user))
    await asyncio.sleep(SETTLED_S)
    assert len(gateway.of(held.user)) == 1
