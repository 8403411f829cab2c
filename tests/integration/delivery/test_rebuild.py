"""Views made again from Kafka: after FLUSHALL, from snapshots, and cursors with them."""

import asyncio
from typing import Any

import httpx
import pytest

from kaftalk_protocol import redis_keys
from kaftalk_protocol.ids import UserId
from kaftalk_protocol.records import Delete, Edit, Join, Reaction
from kaftalk_roomlog.shards import shard_of
from kaftalk_testing.delivery_stack import SHARDS, DeliveryStack
from kaftalk_testing.seeded_rooms import SeededRoom
from kaftalk_views import generation
from kaftalk_views.cursors import ReadCursors

pytestmark = pytest.mark.slow

FRIEND = UserId("0b0c4a9e-7b1c-4d8e-9f50-00000000000a")


async def lively_room(delivery: DeliveryStack) -> tuple[SeededRoom, int]:
    """Make a room with everything that a view notes, and give its last seq."""
    (room,) = await delivery.seed.rooms(1)
    seed, by = delivery.seed, room.owner
    await seed.append(room, Join(user=FRIEND, by=FRIEND))
    first, second, third, _ = await seed.chat(room, [1, 2, 3, 3])
    seqs = await seed.append(
        room,
        Edit(by=by, target=first, author=by, text="edited"),
        Delete(by=by, target=second, author=by),
        Reaction(by=FRIEND, target=third, emoji="👍", on=True),
    )
    assert await delivery.views.wait_applied(room.id, seqs[-1], 10.0)
    return room, seqs[-1]


async def dump(delivery: DeliveryStack, room: SeededRoom) -> dict[str, Any]:
    """Read all of a room's view."""
    keys = sorted(await delivery.redis.run("KEYS", f"room:{room.id}*"))
    kinds = await delivery.redis.many([("TYPE", key) for key in keys])
    reads = {"hash": ("HGETALL",), "set": ("SMEMBERS",), "zset": ("ZRANGE", "0", "-1", "WITHSCORES")}
    commands = [(reads[kind][0], key, *reads[kind][1:]) for key, kind in zip(keys, kinds, strict=True)]
    return dict(zip(keys, await delivery.redis.many(commands), strict=True))


async def settled(delivery: DeliveryStack, room: SeededRoom, seq: int) -> None:
    assert await delivery.views.wait_applied(room.id, seq, 30.0)


async def test_after_flushall_the_views_are_what_they_were(delivery: DeliveryStack) -> None:
    made = [await lively_room(delivery) for _ in range(3)]
    before = [await dump(delivery, room) for room, _ in made]
    await delivery.redis.run("FLUSHALL")
    for room, seq in made:
        await settled(delivery, room, seq)
    assert [await dump(delivery, room) for room, _ in made] == before
    assert await delivery.redis.run("SMEMBERS", redis_keys.user_rooms(FRIEND)) >= {room.id for room, _ in made}


async def test_a_message_sent_right_after_flushall_is_shown_and_applied(delivery: DeliveryStack) -> None:
    room, last = await lively_room(delivery)
    async with delivery.link("gateway-1") as link:
        await link.subscribe(room.id)
        await delivery.redis.run("FLUSHALL")
        (seq,) = await delivery.seed.chat(room, [4])
        await settled(delivery, room, seq)
        await link.until(
            lambda: (
                any(event.seq == seq for event in link.events)
                or any(getattr(one, "rooms", {}) and _shown(one, room) >= seq for one in link.controls)
            )
        )
    assert last < seq


def _shown(control: Any, room: SeededRoom) -> int:
    head = control.rooms.get(room.id, -1)
    return head if isinstance(head, int) else head.shown_seq


async def test_read_cursors_and_mutes_come_back_after_flushall(delivery: DeliveryStack) -> None:
    room, _ = await lively_room(delivery)
    cursors = ReadCursors(delivery.redis, shards=SHARDS)
    await cursors.advance(room.id, FRIEND, 3)
    await cursors.mute(room.id, FRIEND, "forever")
    dirty = redis_keys.dirty_cursors(shard_of(room.id, SHARDS))
    async with asyncio.timeout(20):
        while await delivery.redis.run("SCARD", dirty):
            await asyncio.sleep(0.1)
    await asyncio.sleep(0.5)
    await delivery.redis.run("FLUSHALL")
    async with asyncio.timeout(30):
        while tuple(await cursors.of(room.id, FRIEND)) != (3, "forever"):
            await asyncio.sleep(0.1)


async def test_an_idle_rooms_state_is_read_from_its_snapshot(delivery: DeliveryStack) -> None:
    (room,) = await delivery.seed.rooms(1)
    seqs = await delivery.seed.chat(room, range(1, 1_101))
    await settled(delivery, room, seqs[-1])
    async with asyncio.timeout(30):
        while not _snapshots_written(delivery):
            await asyncio.sleep(0.2)
    await delivery.redis.run("FLUSHALL")
    await settled(delivery, room, seqs[-1])
    (repeat, fresh) = await delivery.seed.chat(room, [1_100, 1_101])
    await settled(delivery, room, fresh)
    assert await delivery.views.voids(room.id, [repeat, fresh]) == {repeat: "duplicate"}


def _snapshots_written(delivery: DeliveryStack) -> bool:
    text = httpx.get(delivery.stack.metrics_url("delivery")).text
    return any(
        line.startswith("kaftalk_delivery_snapshots_total") and float(line.split()[1]) > 0 for line in text.splitlines()
    )


async def test_all_shards_are_marked_as_made_at_the_start_and_after_flushall(delivery: DeliveryStack) -> None:
    for _ in range(2):
        async with asyncio.timeout(20):
            while not await generation.complete(delivery.redis, SHARDS):
                await asyncio.sleep(0.05)
        await delivery.redis.run("FLUSHALL")
