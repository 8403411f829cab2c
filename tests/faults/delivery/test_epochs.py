"""A log that lost its end: the room goes on in a new epoch with its whole state, and no seq names two events."""

import asyncio

from kaftalk_protocol.deliveries import Subscribed
from kaftalk_protocol.ids import UserId
from kaftalk_protocol.records import Join
from kaftalk_protocol.topics import EPOCH_STEP, Placement
from kaftalk_testing.delivery_stack import DeliveryStack
from kaftalk_testing.seeded_rooms import SeededRoom

FRIEND = UserId("0b0c4a9e-7b1c-4d8e-9f50-00000000000b")


async def cut(delivery: DeliveryStack, room: SeededRoom) -> None:
    """Let the log begin again at offset 0, as a restore from an older backup does."""
    topic = room.placement.topic
    await delivery.seed.topics.delete_topics([topic])
    async with asyncio.timeout(20):
        while not await delivery.seed.topics.create_room_topics([topic]):
            await asyncio.sleep(0.1)
    await delivery.seed.topics.await_visible(topic)


async def test_a_cut_log_moves_the_room_to_a_new_epoch_above_all_seqs(delivery: DeliveryStack) -> None:
    (room,) = await delivery.seed.rooms(1)
    async with delivery.link("gateway-1") as link:
        await link.subscribe(room.id)
        await delivery.seed.append(room, Join(user=FRIEND, by=FRIEND))
        before = await delivery.seed.chat(room, [1, 2, 3])
        await link.seqs(room.id, before[-1])
        await delivery.stack.terminate("delivery", 0)
    await cut(delivery, room)
    await delivery.start()
    async with delivery.link("gateway-1") as link:
        await link.subscribe(room.id)
        answer = await link.control(
            Subscribed, where=lambda one: room.id in one.rooms and one.rooms[room.id].epoch == 1
        )
        base = answer.rooms[room.id].base
        assert base % EPOCH_STEP == 0
        assert base > before[-1]
        state = await delivery.views.load(room.id)
        assert (state.epoch, state.base, set(state.members)) == (1, base, {room.owner, FRIEND})
        moved = SeededRoom(Placement(room.id, 1, base), room.owner, room.stream)
        repeat, fresh = await delivery.seed.chat(moved, [3, 4])
        assert await link.seqs(room.id, fresh) == [fresh]
        assert await delivery.views.voids(room.id, [repeat]) == {repeat: "duplicate"}
        assert [(event.epoch, event.prev) for event in link.events] == [(1, None)]

        await delivery.seed.chat(room, [5])
        forwarded = await link.seqs(room.id, fresh + 1)
        assert forwarded == [fresh, fresh + 1], "what a writer still appends to the old topic comes too"
