"""Time as a parameter: the system's clock, and one that tests turn by hand."""

import asyncio
import heapq
import time
from typing import Protocol


class Clock(Protocol):
    """What tells the time and waits."""

    def now_ms(self) -> int:
        """Give Unix time in milliseconds."""

    def monotonic(self) -> float:
        """Give seconds since some fixed moment; never falls."""

    async def sleep(self, seconds: float) -> None:
        """Return after `seconds`."""


class SystemClock:
    """The machine's clock."""

    def now_ms(self) -> int:
        """Give Unix time in milliseconds."""
        return time.time_ns() // 1_000_000

    def monotonic(self) -> float:
        """Give seconds since some fixed moment; never falls."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Return after `seconds`."""
        await asyncio.sleep(seconds)


class ManualClock:
    """A clock that stands still until `advance` moves it."""

    def __init__(self, now_ms: int = 1_700_000_000_000) -> None:
        self._start_ms = now_ms
        self._passed_s = 0.0
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []

    def now_ms(self) -> int:
        """Give Unix time in milliseconds."""
        return self._start_ms + round(self._passed_s * 1000)

    def monotonic(self) -> float:
        """Give seconds since the clock was made."""
        return self._passed_s

    async def sleep(self, seconds: float) -> None:
        """Return when the clock has been moved by `seconds`."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        woken = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._passed_s + seconds, id(woken), woken))
        await woken

    async def advance(self, seconds: float) -> None:
        """Move the clock and let whoever is due run."""
        until = self._passed_s + seconds
        while self._sleepers and self._sleepers[0][0] <= until:
            self._passed_s, _, woken = heapq.heappop(self._sleepers)
            if not woken.done():
                woken.set_result(None)
            await asyncio.sleep(0)
        self._passed_s = until
        await asyncio.sleep(0)
