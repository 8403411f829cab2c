"""Delivery that dies, goes or is doubled, and what it stands on going away: nothing is lost, nothing comes twice."""

import asyncio

from kaftalk_protocol.deliveries import Shards
from kaftalk_testing.delivery_stack import SHARDS, DeliveryStack
from kaftalk_testing.link_client import LinkClient
from kaftalk_testing.seeded_rooms import SeededRoom


def owned(link: LinkClient) -> list[int]:
    return next((one.owned for one in reversed(link.controls) if isinstance(one, Shards)), [])


async def test_another_instance_takes_over_when_delivery_is_killed(delivery: DeliveryStack) -> None:
    rooms = await delivery.seed.rooms(20)
    async with delivery.link("gateway-1") as link:
        await link.subscribe(*(room.id for room in rooms))
        before = {room.id: (await delivery.seed.chat(room, [1, 2]))[-1] for room in rooms}
        for room in rooms:
            await link.seqs(room.id, before[room.id])
    await delivery.start(1)
    delivery.stack.kill("delivery", 0)
    missed = {room.id: (await delivery.seed.chat(room, [3]))[-1] for room in rooms}
    async with delivery.link("gateway-1", 1) as link:
        await link.until(lambda: len(owned(link)) == SHARDS)
        heads = (await link.subscribe(*(room.id for room in rooms))).rooms
        after = {room.id: (await delivery.seed.chat(room, [4]))[-1] for room in rooms}
        for room in rooms:
            seen = await link.seqs(room.id, after[room.id])
            head = heads[room.id].shown_seq
            assert head is not None
            expected = list(range(head + 1, after[room.id] + 1))
            assert [seq for seq in seen if seq > head] == expected, "no hole between the answer and what follows"
            assert before[room.id] < missed[room.id] < after[room.id]


async def test_sigterm_hands_over_and_ends_with_status_0(delivery: DeliveryStack) -> None:
    (room,) = await delivery.seed.rooms(1)
    await delivery.start(1)
    async with delivery.link("gateway-1", 1) as heir, delivery.link("gateway-1", 0) as leaving:
        await leaving.until(lambda: 0 < len(owned(leaving)) < SHARDS)
        assert await delivery.stack.terminate("delivery", 0) == 0
        assert owned(leaving) == []
        await heir.until(lambda: len(owned(heir)) == SHARDS)
        await heir.subscribe(room.id)
        (seq,) = await delivery.seed.chat(room, [1])
        assert await heir.seqs(room.id, seq) == [seq]


async def test_messages_through_a_rebalance_come_in_order_and_the_views_end_as_the_fold(
    delivery: DeliveryStack,
) -> None:
    rooms = await delivery.seed.rooms(30)
    last: dict[str, int] = {}

    async def talk(room: SeededRoom) -> None:
        for n in range(1, 41):
            (last[room.id],) = await delivery.seed.chat(room, [n])
            await asyncio.sleep(0.05)

    talking = asyncio.gather(*map(talk, rooms))
    await delivery.start(1)
    await talking
    for room in rooms:
        assert await delivery.views.wait_applied(room.id, last[room.id], 20.0)
        assert await delivery.views.voids(room.id, range(last[room.id] + 1)) == {}
        state = await delivery.views.load(room.id)
        assert (state.applied_seq, state.shown_seq) == (last[room.id], last[room.id])


async def test_delivery_goes_on_while_redis_is_away_and_writes_the_views_when_it_is_back(
    delivery: DeliveryStack,
) -> None:
    (room,) = await delivery.seed.rooms(1)
    async with delivery.link("gateway-1") as link:
        await link.subscribe(room.id)
        (seq,) = await delivery.seed.chat(room, [1])
        await link.seqs(room.id, seq)
        delivery.stack.kill("redis")
        seqs = await delivery.seed.chat(room, range(2, 12))
        assert await link.seqs(room.id, seqs[-1]) == [seq, *seqs]
        await delivery.stack.start("redis")
        assert await delivery.views.wait_applied(room.id, seqs[-1], 20.0)
        assert (await delivery.views.load(room.id)).shown_seq == seqs[-1]


async def test_delivery_goes_on_by_itself_after_kafka_was_killed(delivery: DeliveryStack) -> None:
    (room,) = await delivery.seed.rooms(1)
    async with delivery.link("gateway-1") as link:
        await link.subscribe(room.id)
        first = await delivery.seed.chat(room, [1])
        await link.seqs(room.id, first[-1])
        await delivery.stack.restart_kafka()
        seqs = await delivery.seed.chat(room, [2, 3])
        assert await link.seqs(room.id, seqs[-1]) == first + seqs
