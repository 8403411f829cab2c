"""Delivery killed: how long until every room is live again at the other instance, and after Redis lost everything."""

import asyncio
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from bench.machine import percentile, table

from kaftalk_protocol.deliveries import Shards
from kaftalk_testing.delivery_stack import DeliveryStack, run_delivery
from kaftalk_testing.link_client import LinkClient
from kaftalk_testing.seeded_rooms import SeededRoom
from kaftalk_views import generation

ROOMS = 10_000
SHARDS = 128
_TOPICS_A_STEP = 500
_SAMPLE = 500
_WAIT_S = 120.0


async def run(rooms: int = ROOMS) -> str:
    """Kill one of two instances, then flush Redis, and give the table."""
    with tempfile.TemporaryDirectory(prefix="kaftalk-takeover-") as folder:
        async with run_delivery(Path(folder), shards=SHARDS) as delivery:
            made = await _made(delivery, rooms)
            await delivery.start(0)
            await _complete(delivery)
            await delivery.start(1)
            rows = [await _killed(delivery, made), await _flushed(delivery, made)]
    return table(("what happens", "rooms", "first room", "99 % of the rooms", "all rooms", "expected"), rows)


async def _made(delivery: DeliveryStack, count: int) -> list[SeededRoom]:
    """Make rooms some at a time: the broker makes a few hundred logs a second."""
    made: list[SeededRoom] = []
    while len(made) < count:
        made += await delivery.seed.rooms(min(_TOPICS_A_STEP, count - len(made)))
        print(f"{len(made)} rooms made", file=sys.stderr, flush=True)
    return made


async def _killed(delivery: DeliveryStack, rooms: Sequence[SeededRoom]) -> tuple[object, ...]:
    async with delivery.link("gateway-1", 1) as link:
        await link.until(lambda: 0 < len(_owned(link)) < SHARDS)
        await _complete(delivery)
        delivery.stack.kill("delivery", 0)
        started_s = time.monotonic()
        times = await _until_live(delivery, link, rooms, started_s)
    return ("delivery killed", len(rooms), *_spread(times), "≤ 10 s")


async def _flushed(delivery: DeliveryStack, rooms: Sequence[SeededRoom]) -> tuple[object, ...]:
    await delivery.redis.run("FLUSHALL")
    started_s = time.monotonic()
    async with asyncio.timeout(_WAIT_S):
        while not await generation.complete(delivery.redis, SHARDS):
            await asyncio.sleep(0.05)
        heads = await delivery.views.heads([room.id for room in rooms])
        assert len(heads) == len(rooms), f"{len(rooms) - len(heads)} views are missing"
    whole = f"{time.monotonic() - started_s:.1f} s"
    return ("FLUSHALL", len(rooms), "", "", whole, "≤ 30 s")


async def _until_live(
    delivery: DeliveryStack, link: LinkClient, rooms: Sequence[SeededRoom], started_s: float
) -> list[float]:
    """Give for each room the time until the survivor answers for it; a sample is proven by a message to each."""
    await link.until(lambda: len(_owned(link)) == SHARDS, _WAIT_S)
    subscribed_s: dict[str, float] = {}
    for start in range(0, len(rooms), _TOPICS_A_STEP):
        part = rooms[start : start + _TOPICS_A_STEP]
        await link.subscribe(*(room.id for room in part))
        subscribed_s |= {room.id: time.monotonic() - started_s for room in part}
    sample = rooms[:: max(1, len(rooms) // _SAMPLE)]
    sent = await asyncio.gather(*(delivery.seed.chat(room, [1]) for room in sample))
    for room, (seq,) in zip(sample, sent, strict=True):
        await link.seqs(room.id, seq)
        subscribed_s[room.id] = time.monotonic() - started_s
    return list(subscribed_s.values())


async def _complete(delivery: DeliveryStack) -> None:
    """Wait until the views of all shards are made."""
    async with asyncio.timeout(_WAIT_S):
        while not await generation.complete(delivery.redis, SHARDS):
            await asyncio.sleep(0.1)


def _owned(link: LinkClient) -> list[int]:
    return next((one.owned for one in reversed(link.controls) if isinstance(one, Shards)), [])


def _spread(times: Sequence[float]) -> tuple[str, str, str]:
    first, most, last = min(times), percentile(times, 0.99), max(times)
    return f"{first:.1f} s", f"{most:.1f} s", f"{last:.1f} s"
