"""The log's clock: never ahead of the broker, and standing still without it."""

from kaftalk_dnd_batch.log_clock import AHEAD_MAX_MS, LogClock
from kaftalk_roomlog.errors import AppendRefused, Reason
from kaftalk_roomlog.partition_queue import Appended


class Broker:
    """Stores ticks at `now_ms`, or is away."""

    def __init__(self) -> None:
        self.now_ms = 1_800_000_000_000
        self.away = False
        self.ticks = 0
        self.monotonic_s = 0.0

    async def append(
        self, topic: str, value: bytes | None, *, key: bytes | None, partition: int | None, timeout_s: float
    ) -> Appended:
        if self.away:
            raise AppendRefused(topic, Reason.UNAVAILABLE)
        self.ticks += 1
        return Appended(self.ticks, self.now_ms, resent=False)


def clock_of(broker: Broker) -> LogClock:
    return LogClock(broker, "quiet", instance="one", shards=4, monotonic=lambda: broker.monotonic_s)


async def test_before_the_first_tick_there_is_no_time() -> None:
    clock = clock_of(Broker())
    assert clock.now_ms() == 0
    assert not clock.stored_ms


async def test_time_goes_on_between_ticks_but_not_for_long() -> None:
    broker = Broker()
    clock = clock_of(broker)
    await clock.tick()
    start_ms = clock.now_ms()
    broker.monotonic_s = 0.75
    assert clock.now_ms() == start_ms + 750
    broker.monotonic_s = 60.0
    assert clock.now_ms() == start_ms + AHEAD_MAX_MS


async def test_an_instant_is_reached_by_a_stored_tick_only() -> None:
    broker = Broker()
    clock = clock_of(broker)
    await clock.tick()
    due_ms = broker.now_ms + 500
    broker.monotonic_s = 1.0
    assert not await clock.reached(due_ms)
    broker.now_ms += 499
    assert not await clock.reached(due_ms)
    broker.now_ms += 1
    assert await clock.reached(due_ms)


async def test_while_the_broker_is_away_nothing_is_reached() -> None:
    broker = Broker()
    clock = clock_of(broker)
    await clock.tick()
    broker.away, broker.monotonic_s = True, 1.5
    assert not await clock.reached(broker.now_ms + 1_000)
    assert await clock.reached(broker.now_ms)


async def test_an_instant_that_is_far_costs_no_tick() -> None:
    broker = Broker()
    clock = clock_of(broker)
    await clock.tick()
    assert not await clock.reached(broker.now_ms + 3_600_000)
    assert broker.ticks == 1


async def test_a_broker_whose_clock_falls_a_little_makes_time_wait() -> None:
    broker = Broker()
    clock = clock_of(broker)
    await clock.tick()
    broker.monotonic_s = 1.0
    seen_ms = clock.now_ms()
    broker.now_ms += 200
    await clock.tick()
    assert clock.now_ms() == seen_ms


async def test_a_broker_whose_clock_falls_far_is_followed() -> None:
    broker = Broker()
    clock = clock_of(broker)
    await clock.tick()
    broker.now_ms -= 3_600_000
    await clock.tick()
    assert clock.now_ms() == broker.now_ms
    assert not await clock.reached(broker.now_ms + 60_000)
