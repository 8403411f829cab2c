"""A link from a gateway's end, on a real Kafka and Redis."""

import asyncio
import json

import pytest
from websockets.exceptions import InvalidStatus

from kaftalk_protocol import redis_keys
from kaftalk_protocol.deliveries import MEMBERSHIP, Heads, Joined, Shards, Signal, Signals, Voided
from kaftalk_protocol.ids import UserId
from kaftalk_protocol.records import Join, Kick
from kaftalk_testing.delivery_stack import SHARDS, DeliveryStack
from kaftalk_testing.link_client import LinkClient, open_link

ELSE = UserId("0b0c4a9e-7b1c-4d8e-9f50-000000000001")


async def test_messages_reach_a_subscribed_gateway_in_the_rooms_order(delivery: DeliveryStack) -> None:
    (room,) = await delivery.seed.rooms(1)
    async with delivery.link("gateway-1") as link:
        head = (await link.subscribe(room.id)).rooms[room.id]
        assert (head.epoch, head.base, head.applied_seq, head.shown_seq) == (0, 0, 0, 0)
        seqs = await delivery.seed.chat(room, range(1, 51))
        assert await link.seqs(room.id, seqs[-1]) == seqs
        assert [event.prev for event in link.events] == [0, *seqs[:-1]]
        assert json.loads(link.events[0].frame)["e"]["text"] == "message 1"


async def test_the_view_is_written_before_the_push(delivery: DeliveryStack) -> None:
    (room,) = await delivery.seed.rooms(1)
    async with delivery.link("gateway-1") as link:
        await link.subscribe(room.id)
        for n in range(1, 21):
            (seq,) = await delivery.seed.chat(room, [n])
            await link.seqs(room.id, seq)
            assert (await delivery.views.head(room.id)).applied_seq >= seq


async def test_a_link_is_told_the_shards_first_and_heads_every_second(delivery: DeliveryStack) -> None:
    async with delivery.link("gateway-1") as link:
        await link.control(Heads)
        assert isinstance(link.controls[0], Shards)
        shards = await link.control(Shards, where=lambda one: one.owned)
        assert (shards.instance, shards.owned, shards.of) == ("delivery-1", list(range(SHARDS)), SHARDS)


async def test_heads_name_the_last_shown_seq_of_rooms_that_changed(delivery: DeliveryStack) -> None:
    (room,) = await delivery.seed.rooms(1)
    async with delivery.link("gateway-1") as link:
        await link.subscribe(room.id)
        (seq,) = await delivery.seed.chat(room, [1])
        heads = await link.control(Heads, where=lambda one: room.id in one.rooms)
        assert heads.rooms == {room.id: seq}


async def test_a_repeat_is_void_and_told_to_the_gateways(delivery: DeliveryStack) -> None:
    (room,) = await delivery.seed.rooms(1)
    async with delivery.link("gateway-1") as link:
        await link.subscribe(room.id)
        first, repeat, second = await delivery.seed.chat(room, [1, 1, 2])
        assert await link.seqs(room.id, second) == [first, second]
        void = await link.control(Voided, where=lambda one: one.room == room.id)
        assert (void.user, void.seq, void.reason) == (room.owner, repeat, "duplicate")


async def test_membership_events_carry_their_flag(delivery: DeliveryStack) -> None:
    (room,) = await delivery.seed.rooms(1)
    async with delivery.link("gateway-1") as link:
        await link.subscribe(room.id)
        seqs = await delivery.seed.append(
            room, Join(user=ELSE, by=ELSE), room.message(1), Kick(user=ELSE, by=room.owner)
        )
        await link.seqs(room.id, seqs[-1])
        assert [event.flags for event in link.events] == [MEMBERSHIP, 0, MEMBERSHIP]


async def test_a_new_member_is_announced_where_she_is_online(delivery: DeliveryStack) -> None:
    (room,) = await delivery.seed.rooms(1)
    await delivery.redis.run("ZADD", redis_keys.online(ELSE), 9_999_999_999_999, "gateway-2")
    async with delivery.link("gateway-1") as other, delivery.link("gateway-2") as link:
        (seq,) = await delivery.seed.append(room, Join(user=ELSE, by=ELSE))
        joined = await link.control(Joined, where=lambda one: one.room == room.id)
        assert (joined.user, joined.seq) == (ELSE, seq)
        await other.control(Heads)
        assert not [one for one in other.controls if isinstance(one, Joined)]


def joins(link: LinkClient) -> list[tuple[str, str, int]]:
    return [(one.room, one.user, one.seq) for one in link.controls if isinstance(one, Joined)]


async def test_the_members_of_a_room_that_was_just_made_are_announced_whoever_applied_its_first_record(
    delivery: DeliveryStack,
) -> None:
    announced: list[tuple[str, str, int]] = []
    async with delivery.link("gateway-3") as link:
        for applied_by_its_maker in (True, False):
            (room,) = await delivery.seed.unplaced(1)
            await delivery.redis.run("ZADD", redis_keys.online(room.owner), 9_999_999_999_999, "gateway-3")
            if applied_by_its_maker:
                await delivery.project(room)
            await delivery.seed.place(room.placement)
            announced.append((room.id, room.owner, 0))
            await link.until(lambda: len(joins(link)) == len(announced))
            assert joins(link) == announced


async def test_typing_reaches_the_other_gateways_only(delivery: DeliveryStack) -> None:
    (room,) = await delivery.seed.rooms(1)
    async with delivery.link("gateway-1") as one, delivery.link("gateway-2") as other:
        await one.subscribe(room.id)
        await other.subscribe(room.id)
        signals = [
            Signal(kind="typing", room=room.id, user=room.owner, value=kind) for kind in ("text", "none", "voice")
        ]
        for signal in signals:
            await one.signal(signal)
        assert (await other.control(Signals)).items[-1] == signals[-1]
        await one.control(Heads)
        assert not [control for control in one.controls if isinstance(control, Signals)]


async def test_presence_is_not_pushed_in_a_room_of_over_50(delivery: DeliveryStack) -> None:
    (room,) = await delivery.seed.rooms(1)
    people = [UserId(f"0b0c4a9e-7b1c-4d8e-9f50-{n:012d}") for n in range(50)]
    await delivery.seed.append(room, *(Join(user=user, by=user) for user in people))
    async with delivery.link("gateway-1") as one, delivery.link("gateway-2") as other:
        for link in (one, other):
            await link.subscribe(room.id)
        await delivery.views.wait_applied(room.id, 50, 10.0)
        await one.signal(Signal(kind="presence", room=room.id, user=room.owner, value="away"))
        await one.signal(Signal(kind="typing", room=room.id, user=room.owner, value="text"))
        assert [signal.kind for signal in (await other.control(Signals)).items] == ["typing"]


async def test_after_unsubscribing_nothing_comes(delivery: DeliveryStack) -> None:
    quiet, loud = await delivery.seed.rooms(2)
    async with delivery.link("gateway-1") as link:
        await link.subscribe(quiet.id, loud.id)
        await link.unsubscribe(quiet.id)
        await link.control(Heads, since=len(link.controls))
        await delivery.seed.chat(quiet, [1])
        (seq,) = await delivery.seed.chat(loud, [1])
        await link.seqs(loud.id, seq)
        assert {event.room for event in link.events} == {loud.id}


@pytest.mark.parametrize("keys", [["x" * 40]])
async def test_a_link_with_another_key_is_refused(delivery: DeliveryStack, keys: list[str]) -> None:
    url = delivery.stack.internal_url("delivery").replace("http", "ws", 1)
    with pytest.raises(InvalidStatus) as refused:
        async with open_link(url, keys, "gateway-1"):
            pass
    assert refused.value.response.status_code == 403


async def test_a_new_room_is_live_at_once(delivery: DeliveryStack) -> None:
    async with delivery.link("gateway-1") as link:
        for _ in range(5):
            (room,) = await delivery.seed.rooms(1)
            await link.subscribe(room.id)
            (seq,) = await delivery.seed.chat(room, [1])
            assert await link.seqs(room.id, seq) == [seq]


async def test_many_rooms_go_in_few_batches(delivery: DeliveryStack) -> None:
    rooms = await delivery.seed.rooms(40)
    async with delivery.link("gateway-1") as link:
        await link.subscribe(*(room.id for room in rooms))
        sent = await asyncio.gather(*(delivery.seed.chat(room, range(1, 11)) for room in rooms))
        for room, seqs in zip(rooms, sent, strict=True):
            assert await link.seqs(room.id, seqs[-1]) == seqs
        assert link.last_number < 400
