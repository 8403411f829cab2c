"""The time that the log keeps: the broker's LogAppendTime of small records that this instance appends.

The wall clock of this machine may be an hour or a day off, so it is never read. Between two ticks the monotonic clock
goes on, and not for long: while Kafka is away the log's time stands still, and nothing begins or ends.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Protocol

from kaftalk_roomlog.errors import AppendError
from kaftalk_roomlog.partition_queue import Appended
from kaftalk_roomlog.shards import shard_of
from kaftalk_runtime import metrics
from kaftalk_runtime.logs import get_logger

TICK_EVERY_S = 1.0
AHEAD_MAX_MS = 2_000
_APPEND_TIMEOUT_S = 5.0
_RETRY_S = 0.1

_log = get_logger(__name__)
_lag = metrics.gauge("kaftalk_dnd_batch_clock_wall_offset_seconds", "The log's time minus this machine's")


class Writer(Protocol):
    """What appends."""

    async def append(
        self, topic: str, value: bytes | None, *, key: bytes | None, partition: int | None, timeout_s: float
    ) -> Appended:
        """Append a record and give its place and time."""


class LogClock:
    """A clock by the log. It reads 0 until the first tick is stored, and falls only as far as the broker's does."""

    def __init__(
        self, writer: Writer, topic: str, *, instance: str, shards: int, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._writer = writer
        self._topic = topic
        self._key = f"tick|{instance}".encode()
        self._partition = shard_of(f"tick|{instance}", shards)
        self._monotonic = monotonic
        self._read_at_s = 0.0
        self._highest_ms = 0
        self.stored_ms = 0

    def now_ms(self) -> int:
        """Give the log's time in Unix milliseconds, at most 2 s past the newest tick and never past the broker's."""
        passed_ms = int((self._monotonic() - self._read_at_s) * 1000)
        if self.stored_ms:
            self._highest_ms = max(self._highest_ms, self.stored_ms + min(max(passed_ms, 0), AHEAD_MAX_MS))
        return self._highest_ms

    def monotonic(self) -> float:
        """Give seconds since some fixed moment; never falls."""
        return self._monotonic()

    async def sleep(self, seconds: float) -> None:
        """Return after `seconds`."""
        await asyncio.sleep(seconds)

    async def tick(self) -> None:
        """Store a tick and go on from its time.

        Raises AppendUnknown, AppendRefused.
        """
        appended = await self._writer.append(
            self._topic, b"{}", key=self._key, partition=self._partition, timeout_s=_APPEND_TIMEOUT_S
        )
        # The broker's time was this when it stored the record, a moment ago: so we never run ahead of it.
        self._read_at_s = self._monotonic()
        fell_ms = max(self._highest_ms, self.stored_ms) - appended.ts
        if fell_ms > AHEAD_MAX_MS:
            _log.warning("log_time_fell", by_ms=fell_ms)
            self._highest_ms = appended.ts
            self.stored_ms = appended.ts
        self.stored_ms = max(self.stored_ms, appended.ts)
        _lag.set(self.stored_ms / 1000 - time.time())

    async def reached(self, instant_ms: int) -> bool:
        """Tell whether the log's time has reached an instant, by a stored tick and not by interpolation."""
        if self.stored_ms >= instant_ms:
            return True
        if self.now_ms() + AHEAD_MAX_MS < instant_ms:
            return False
        try:
            await self.tick()
        except AppendError as error:
            _log.info("tick_not_stored", error=repr(error))
        return self.stored_ms >= instant_ms

    async def run(self) -> None:
        """Tick every second, for ever; sooner again while Kafka is away."""
        while True:
            try:
                await self.tick()
            except AppendError as error:
                _log.info("tick_not_stored", error=repr(error))
                await asyncio.sleep(_RETRY_S)
            else:
                await asyncio.sleep(TICK_EVERY_S)
