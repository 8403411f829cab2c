"""When the position of a room passes: after the effect, and never for the sake of a gateway that is behind."""

import pytest

from kaftalk_protocol.deliveries import Behind, Heads
from kaftalk_testing.delivery_stack import DeliveryStack
from kaftalk_testing.seeded_rooms import SeededRoom


async def passes(delivery: DeliveryStack, room: SeededRoom, seq: int, timeout_s: float = 10.0) -> bool:
    return await delivery.views.wait_position(room.id, seq, timeout_s)


async def test_it_passes_at_once_where_nobody_subscribed(delivery: DeliveryStack) -> None:
    (room,) = await delivery.seed.rooms(1)
    seqs = await delivery.seed.chat(room, [1, 2])
    assert await passes(delivery, room, seqs[-1])


async def test_it_waits_for_every_subscribed_gateway(delivery: DeliveryStack) -> None:
    (room,) = await delivery.seed.rooms(1)
    async with delivery.link("gateway-1") as prompt, delivery.link("gateway-2") as late:
        late.acknowledges = False
        for link in (prompt, late):
            await link.subscribe(room.id)
        (seq,) = await delivery.seed.chat(room, [1])
        for link in (prompt, late):
            await link.seqs(room.id, seq)
        assert not await passes(delivery, room, seq, 0.5)
        await late.acknowledge()
        assert await passes(delivery, room, seq)


async def test_it_passes_when_the_gateway_goes(delivery: DeliveryStack) -> None:
    (room,) = await delivery.seed.rooms(1)
    async with delivery.link("gateway-1") as link:
        link.acknowledges = False
        await link.subscribe(room.id)
        (seq,) = await delivery.seed.chat(room, [1])
        await link.seqs(room.id, seq)
        assert not await passes(delivery, room, seq, 0.2)
    assert await passes(delivery, room, seq)


async def test_it_passes_records_that_nobody_sees(delivery: DeliveryStack) -> None:
    (room,) = await delivery.seed.rooms(1)
    async with delivery.link("gateway-1") as link:
        await link.subscribe(room.id)
        seqs = await delivery.seed.chat(room, [1, 1])
        assert await passes(delivery, room, seqs[-1])


@pytest.mark.slow
async def test_a_gateway_that_does_not_acknowledge_is_marked_behind_and_others_are_not_held_up(
    delivery: DeliveryStack,
) -> None:
    (room,) = await delivery.seed.rooms(1)
    async with delivery.link("gateway-1") as prompt, delivery.link("gateway-2") as stuck:
        stuck.acknowledges = False
        for link in (prompt, stuck):
            await link.subscribe(room.id)
        seqs = await delivery.seed.chat(room, range(1, 21))
        assert await prompt.seqs(room.id, seqs[-1]) == seqs
        await stuck.control(Behind)
        assert await passes(delivery, room, seqs[-1])
        assert not [one for one in prompt.controls if isinstance(one, Behind)]
        (seq,) = await delivery.seed.chat(room, [21])
        assert (await stuck.seqs(room.id, seq))[-1] == seq, "it is served on from there"


@pytest.mark.slow
async def test_heads_go_on_while_nothing_happens(delivery: DeliveryStack) -> None:
    async with delivery.link("gateway-1") as link:
        await link.until(lambda: sum(isinstance(one, Heads) for one in link.controls) >= 3)
