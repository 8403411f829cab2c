"""Rate limits as pure arithmetic: the generic cell rate algorithm (ITU-T I.371), one number of state."""

import math
from typing import NamedTuple


class Rate(NamedTuple):
    """So many a second in the long run, and at most `burst` at once."""

    per_s: float
    burst: int


class Bucket:
    """The state of one limit: the theoretical arrival time of the next conforming event, in seconds."""

    __slots__ = ("arrival",)

    def __init__(self) -> None:
        self.arrival = 0.0

    def take(self, rate: Rate, now: float) -> int:
        """Take one event: 0, or the milliseconds (rounded up, at least 1) after which it would conform."""
        wait_ms = self.wait_ms(rate, now)
        if not wait_ms:
            self.spend(rate, now, 1)
        return wait_ms

    def wait_ms(self, rate: Rate, now: float) -> int:
        """Tell how long until one more event conforms, in milliseconds, rounded up; 0 if it does now."""
        ahead = self.arrival - now - (rate.burst - 1) / rate.per_s
        return math.ceil(ahead * 1000 - 1e-6) if ahead > 1e-6 else 0

    def spend(self, rate: Rate, now: float, count: int) -> None:
        """Count events that were let through, conforming or not."""
        self.arrival = max(self.arrival, now) + count / rate.per_s

    def is_full(self, now: float) -> bool:
        """Tell whether nothing is left of what was spent: the state may be forgotten."""
        return self.arrival <= now


class Buckets:
    """One bucket a subject, bounded: above `subjects_max` those at rest are dropped, then all."""

    def __init__(self, rate: Rate, *, subjects_max: int = 50_000) -> None:
        self._rate = rate
        self._buckets: dict[str, Bucket] = {}
        self._subjects_max = subjects_max

    def take(self, subject: str, now: float) -> int:
        """Take one event of a subject: 0, or the milliseconds to wait."""
        bucket = self._buckets.get(subject)
        if bucket is None:
            if len(self._buckets) >= self._subjects_max:
                self._drop_idle(now)
            bucket = self._buckets[subject] = Bucket()
        return bucket.take(self._rate, now)

    def _drop_idle(self, now: float) -> None:
        self._buckets = {subject: b for subject, b in self._buckets.items() if not b.is_full(now)}
        if len(self._buckets) >= self._subjects_max:
            self._buckets.clear()
