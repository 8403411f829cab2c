"""Quiet hours that end at the same minute for 50,000 people in 50 rooms each: when has everyone got the batch?"""

import asyncio
import random
import sys
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

import httpx
from bench import crowd
from bench.machine import cpu_s, percentile, table
from bench.path import Pair, pair

from kaftalk_dnd_batch.warmth import AHEAD_MS
from kaftalk_protocol import quiet_records as records
from kaftalk_protocol import redis_keys, topics
from kaftalk_protocol.ids import UserId
from kaftalk_protocol.quiet_profile import Profile
from kaftalk_protocol.records import Room
from kaftalk_roomlog.ranges import RoomLogRange
from kaftalk_roomlog.shards import shard_of
from kaftalk_runtime.kafka import Kafka
from kaftalk_runtime.redis_client import Redis, RedisAway, open_redis
from kaftalk_testing.ports import free_port
from kaftalk_testing.seeded_rooms import RoomSeed, SeededRoom, room_seed
from kaftalk_testing.stack import Stack, run_stack

T = TypeVar("T")

PEOPLE = 50_000
ROOMS = 2_500
ROOMS_EACH = 50
MESSAGES_BEFORE = 10
MESSAGES_A_ROOM = 5
LIVE_PAIRS = 20
LIVE_PER_S = 50
_LIVE_S = 20.0
_STRAGGLERS_S = 2.0
_AHEAD_S = AHEAD_MS // 1000
_GIVE_UP_S = 180.0
_MINUTE_MS = 60_000
_AT_ONCE = 2_000
_ROOMS_AT_ONCE = 10
_PROCESSES = ("dnd-batch-1", "kafka", "redis", "gateway-1", "delivery-1")


@dataclass(frozen=True, slots=True)
class Town:
    """The people whose quiet hours end, and their rooms."""

    people: list[UserId]
    rooms: list[SeededRoom]


@dataclass(frozen=True, slots=True)
class Live:
    """How many ms live messages took: before the stampede, while dnd-batch makes ready for it, and meanwhile."""

    before: Sequence[float]
    ahead: Sequence[float]
    meanwhile: Sequence[float]

    @property
    def phases(self) -> Sequence[tuple[str, Sequence[float], str]]:
        """Name the phases, and what is expected of each."""
        return (
            ("before", self.before, ""),
            (f"{_AHEAD_S} s ahead", self.ahead, "< 2×"),
            ("meanwhile", self.meanwhile, "< 2×"),
        )


async def run(people: int = PEOPLE, rooms: int = ROOMS) -> str:
    """Release everyone at once beside live traffic, and give the table."""
    with tempfile.TemporaryDirectory(prefix="kaftalk-release-") as folder:
        async with run_stack(Path(folder), settings=crowd.LIMITS) as stack, sink() as (url, sink_pid):
            await stack.terminate("dnd-batch")
            redis = open_redis(stack.redis_url)
            async with room_seed(stack.kafka_bootstrap) as seed:
                town = await _settled(stack, seed, redis, people, rooms)
                await _chat(seed, town, range(1, MESSAGES_BEFORE + 1))
                begins_ms = _next_minute(30)
                ends_ms = begins_ms + _MINUTE_MS * (2 + people // 50_000)
                _say(f"quiet from {_hhmm(begins_ms)} to {_hhmm(ends_ms)} UTC")
                await _profiles(stack, seed, town, begins_ms, ends_ms)
                await stack.start("dnd-batch")
                await _until(begins_ms + 1_000)
                await _chat(seed, town, range(MESSAGES_BEFORE + 1, MESSAGES_BEFORE + MESSAGES_A_ROOM + 1))
            async with _registered(redis, town, url):
                measured = await _measured(stack, url, sink_pid, ends_ms, people, rooms)
            await redis.close()
    return measured


# --- the town ---


async def _settled(stack: Stack, seed: RoomSeed, redis: Redis, people: int, rooms: int) -> Town:
    """Make rooms with their members, and wait until all views are there."""
    who = [UserId(str(uuid.uuid4())) for _ in range(people)]
    members: list[list[UserId]] = [[] for _ in range(rooms)]
    chance = random.Random(1)
    for user in who:
        for room in chance.sample(range(rooms), ROOMS_EACH):
            members[room].append(user)
    # Millions of read cursors take minutes to Kafka, where nobody reads them here: Redis has them.
    on_their_way = [redis_keys.dirty_cursors(shard) for shard in range(int(stack.plan.settings["KAFTALK_SHARDS"]))]
    made = []
    for some in _chunks(members, _ROOMS_AT_ONCE):
        made += await _rooms(seed, redis, some)
        await redis.run("DEL", *on_their_way)
        if len(made) % (10 * _ROOMS_AT_ONCE) == 0 or len(made) == rooms:
            _say(f"{len(made)} of {rooms} rooms made")
    return Town(who, made)


async def _rooms(seed: RoomSeed, redis: Redis, members: Sequence[Sequence[UserId]]) -> list[SeededRoom]:
    """Make some rooms, as many as delivery writes to Redis in one go, and wait until their views are there."""
    made = await seed.unplaced(len(members), [_opening(some) for some in members])
    await asyncio.gather(*(seed.place(room.placement) for room in made))
    while await _memberships(redis, made) < sum(map(len, members)):
        await asyncio.sleep(0.02)
    return made


def _opening(members: Sequence[UserId]) -> Room:
    owner, *rest = members
    return Room(by=owner, kind="public", name="찻집", members={owner: "owner"} | dict.fromkeys(rest, "member"))


async def _memberships(redis: Redis, rooms: Sequence[SeededRoom]) -> int:
    """Count them in the views; none while Redis is too busy with them to answer."""
    try:
        return sum(await redis.many([("HLEN", redis_keys.room_members(room.id)) for room in rooms]))
    except RedisAway:
        return 0


async def _profiles(stack: Stack, seed: RoomSeed, town: Town, begins_ms: int, ends_ms: int) -> None:
    """Give everyone the same quiet hours, as the service would have stored them."""
    window = {
        "days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"],
        "start": _hhmm(begins_ms),
        "end": _hhmm(ends_ms),
    }
    profile = Profile.model_validate({"zone": "UTC", "windows": [window]})
    log = RoomLogRange(Kafka(stack.kafka_bootstrap))
    await log.start()
    ends = await log.partition_ends(topics.QUIET_HOURS)
    await log.stop()
    now_ms = _now_ms()
    for some in _chunks(town.people, _AT_ONCE):
        appends = []
        for user in some:
            shard = shard_of(user, len(ends))
            state = records.UserQuiet(
                user=user, version=1, updated_ms=now_ms, profile=profile, settled_ms=now_ms, fence=ends[shard]
            )
            appends.append(
                seed.writer.append(topics.QUIET_HOURS, records.encode(state), key=user.encode(), partition=shard)
            )
        await asyncio.gather(*appends)


async def _chat(seed: RoomSeed, town: Town, ns: Sequence[int]) -> None:
    """Write some messages into every room: before its members rest, and meanwhile."""
    for some in _chunks(town.rooms, 100):
        await asyncio.gather(*(seed.chat(room, ns) for room in some))


# --- the sink ---


@asynccontextmanager
async def sink() -> AsyncIterator[tuple[str, int]]:
    """Run the sink in a process of its own, and give its address and its process."""
    port = free_port()
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "bench.release_sink", str(port))
    try:
        yield f"http://127.0.0.1:{port}", process.pid
    finally:
        process.terminate()
        await process.wait()


@asynccontextmanager
async def _registered(redis: Redis, town: Town, url: str) -> AsyncIterator[None]:
    """Say that everyone is connected to the sink while the block runs."""
    far_ms = _now_ms() + 3_600_000
    for some in _chunks(town.people, _AT_ONCE):
        await redis.many([("ZADD", redis_keys.online(user), far_ms, "sink") for user in some])

    async def alive() -> None:
        while True:
            await redis.run("ZADD", redis_keys.GATEWAYS, _now_ms(), f"sink|{url}")
            await asyncio.sleep(2)

    beating = asyncio.create_task(alive())
    try:
        yield
    finally:
        beating.cancel()
        await asyncio.gather(beating, return_exceptions=True)


# --- the measurement ---


async def _measured(stack: Stack, url: str, sink_pid: int, ends_ms: int, people: int, rooms: int) -> str:  # noqa: PLR0913
    # One client for all: making one takes tens of milliseconds, in which no live message is received here.
    async with crowd.client(stack.url) as http, crowd.client(url) as to:
        accounts = await crowd.accounts(http, 2 * LIVE_PAIRS)
        pairs = [await pair(stack, *accounts[i : i + 2]) for i in range(0, 2 * LIVE_PAIRS, 2)]
        reading = [asyncio.create_task(read()) for p in pairs for read in (p.read_acks, p.read_events)]
        await _until(ends_ms - int((_LIVE_S + _STRAGGLERS_S) * 1000) - _AHEAD_S * 1000)
        before = [ms for _, ms in await _live(pairs, asyncio.sleep(_LIVE_S))]
        pids = {name: _pid(stack, name) for name in _PROCESSES} | {"the sink": sink_pid}
        cpu = {name: cpu_s(pid) for name, pid in pids.items()}
        meanwhile = await _live(pairs, _all_released(to, people, ends_ms))
        spent = {name: cpu_s(pid) - cpu[name] for name, pid in pids.items()}
        arrivals = await _arrivals(to)
        last_ms = max((at_ms for at_ms, _, _ in arrivals), default=0.0)
        ahead = [ms for due, ms in meanwhile if due * 1000 < ends_ms]
        during = [ms for due, ms in meanwhile if ends_ms <= due * 1000 <= last_ms]
        for task in reading:
            task.cancel()
        await asyncio.gather(*reading, return_exceptions=True)
    return _table(arrivals, ends_ms, people, rooms, Live(before, ahead, during), spent)


async def _live(pairs: Sequence[Pair], until: Awaitable[None]) -> list[tuple[float, float]]:
    """Send at a steady rate until something happens; give when each was due, and its ms to the other gateway."""
    for p in pairs:
        p.dues.clear()
        p.delivered_ms.clear()
    over = asyncio.Event()
    sending = asyncio.create_task(_send(pairs, over))
    await until
    over.set()
    await sending
    await asyncio.sleep(_STRAGGLERS_S)
    return [one for p in pairs for one in zip(p.dues, p.delivered_ms, strict=True)]


async def _send(pairs: Sequence[Pair], over: asyncio.Event) -> None:
    start = time.time()
    for i in count():
        due = start + i / LIVE_PER_S
        await asyncio.sleep(max(0.0, due - time.time()))
        if over.is_set():
            return
        await pairs[i % len(pairs)].send(due)


async def _all_released(to: httpx.AsyncClient, people: int, ends_ms: int) -> None:
    while int((await to.get("/count")).text) < people and _now_ms() < ends_ms + _GIVE_UP_S * 1000:
        await asyncio.sleep(0.5)


async def _arrivals(to: httpx.AsyncClient) -> list[tuple[float, str, int]]:
    """Give when each person's release came, in ms, with the messages that its digest counts."""
    batches: list[dict[str, Any]] = (await to.get("/figures")).json()
    return [
        (batch["at_ms"], user, total)
        for batch in batches
        for user, total in zip(batch["users"], batch["totals"], strict=True)
    ]


def _table(
    arrivals: Sequence[tuple[float, str, int]],
    ends_ms: int,
    people: int,
    rooms: int,
    live: Live,
    spent: dict[str, float],
) -> str:
    times = sorted((at - ends_ms) / 1000 for at, _, _ in arrivals)
    repeated = sum(count - 1 for count in Counter(user for _, user, _ in arrivals).values())
    early = sum(at < 0 for at in times)
    messages, own = sum(total for _, _, total in arrivals), rooms * MESSAGES_A_ROOM
    rows = [
        ("people released", f"{len(arrivals) - repeated} of {people}", "all"),
        ("released twice, released early", f"{repeated}, {early}", "0, 0"),
        ("messages in their digests", f"{messages} of {people * ROOMS_EACH * MESSAGES_A_ROOM - own}", ""),
        ("lateness of the first 5,000, p99", f"{percentile(times[:5_000], 0.99):.2f} s", "≤ 2 s"),
        ("lateness of all, p50", f"{percentile(times, 0.5):.1f} s", ""),
        ("the last one", f"{times[-1] if times else float('nan'):.1f} s", "≤ 60 s"),
        *((f"live traffic p99, {when}", f"{percentile(ms, 0.99):.1f} ms", goal) for when, ms, goal in live.phases),
        *(
            (f"processor time of {name}, with the {_AHEAD_S} s", f"{seconds:.1f} s", "")
            for name, seconds in spent.items()
        ),
    ]
    return table(("what", "measured", "expected"), rows)


# --- small things ---


def _say(progress: str) -> None:
    print(progress, file=sys.stderr, flush=True)


def _pid(stack: Stack, name: str) -> int:
    service, _, index = name.rpartition("-")
    return stack.pid(service, int(index) - 1) if service else stack.pid(name)


def _now_ms() -> int:
    return int(time.time() * 1000)


def _next_minute(at_least_s: int) -> int:
    return -(-(_now_ms() + at_least_s * 1000) // _MINUTE_MS) * _MINUTE_MS


async def _until(ms: float) -> None:
    await asyncio.sleep(max(0.0, (ms - _now_ms()) / 1000))


def _hhmm(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%H:%M")


def _chunks(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    return (items[start : start + size] for start in range(0, len(items), size))


if __name__ == "__main__":
    print(asyncio.run(run(*(int(number) for number in sys.argv[1:]))))
