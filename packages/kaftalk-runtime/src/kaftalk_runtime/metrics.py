"""Metrics of this process, in Prometheus' format. Define them at module level; labels stay few and bounded.

What is counted here is counted in the event loop's thread only, without the locks of prometheus_client's own
instruments: an increment costs a tenth, and the busiest paths have several a message.
"""

import time
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import accumulate
from typing import Any, Generic, TypeVar, overload

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

Labels = tuple[str, ...]
Read = Callable[[], Iterable[tuple[Labels, float]]]
"""Gives a number for each combination of the labels' values, when it is asked."""

_registry = CollectorRegistry()
for _collector in (ProcessCollector, PlatformCollector, GCCollector):
    _collector(registry=_registry)


class Counter:
    """Something that is counted."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value = 0.0

    def inc(self, amount: float = 1) -> None:
        """Count."""
        self.value += amount


class Gauge:
    """Something that rises and falls."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value = 0.0

    def set(self, value: float) -> None:
        """Note where it is."""
        self.value = float(value)

    def inc(self, amount: float = 1) -> None:
        """Note that it rises, or falls by what is below zero."""
        self.value += amount


class Histogram:
    """Something that is distributed."""

    __slots__ = ("bounds", "counts", "sum")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def observe(self, amount: float) -> None:
        """Count one, by its size."""
        self.counts[bisect_left(self.bounds, amount)] += 1
        self.sum += amount

    @contextmanager
    def time(self) -> Iterator[None]:
        """Observe how many seconds the block takes."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.observe(time.perf_counter() - start)


Instrument = TypeVar("Instrument", Counter, Gauge, Histogram)


class Labelled(Generic[Instrument]):
    """One instrument for each combination of values; where a value is known beforehand, keep what `labels` gives."""

    def __init__(self, make: Callable[[], Instrument]) -> None:
        self._make: Callable[[], Instrument] = make
        self.children: dict[Labels, Instrument] = {}

    def labels(self, *values: str) -> Instrument:
        """Find the instrument of these values."""
        child = self.children.get(values)
        if child is None:
            child = self.children[values] = self._make()
        return child


class _Family(Collector):
    """What `/metrics` tells of one name."""

    def __init__(self, kind: Callable[..., Any], name: str, doc: str, labels: Labels, read: Callable[[Any], None]):
        self._empty: Callable[[], Any] = lambda: kind(name, doc, labels=labels)
        self._read = read
        _registry.register(self)

    def describe(self) -> Iterable[Metric]:
        return [self._empty()]

    def collect(self) -> Iterable[Metric]:
        family = self._empty()
        self._read(family)
        return [family]


@overload
def counter(name: str, doc: str, /) -> Counter: ...
@overload
def counter(name: str, doc: str, label: str, /, *labels: str) -> Labelled[Counter]: ...
def counter(name: str, doc: str, /, *labels: str) -> Counter | Labelled[Counter]:
    """Define something that is counted; its name ends in `_total`."""
    made = Labelled(Counter)
    counter_at_scrape(name, doc, lambda: _values(made), *labels)
    return made if labels else made.labels()


@overload
def gauge(name: str, doc: str, /) -> Gauge: ...
@overload
def gauge(name: str, doc: str, label: str, /, *labels: str) -> Labelled[Gauge]: ...
def gauge(name: str, doc: str, /, *labels: str) -> Gauge | Labelled[Gauge]:
    """Define something that rises and falls."""
    made = Labelled(Gauge)
    gauge_at_scrape(name, doc, lambda: _values(made), *labels)
    return made if labels else made.labels()


@overload
def histogram(name: str, doc: str, /, *, buckets: Sequence[float] = SECONDS) -> Histogram: ...
@overload
def histogram(
    name: str, doc: str, label: str, /, *labels: str, buckets: Sequence[float] = SECONDS
) -> Labelled[Histogram]: ...
def histogram(
    name: str, doc: str, /, *labels: str, buckets: Sequence[float] = SECONDS
) -> Histogram | Labelled[Histogram]:
    """Define something that is distributed; by default a time in seconds."""
    made = Labelled(lambda: Histogram(buckets))

    def read(family: HistogramMetricFamily) -> None:
        for values, one in list(made.children.items()):
            sums = accumulate(one.counts)
            bounds = [*map(float, buckets), float("inf")]
            family.add_metric(values, [(floatToGoString(b), n) for b, n in zip(bounds, sums, strict=True)], one.sum)  # type: ignore[no-untyped-call]

    _Family(HistogramMetricFamily, name, doc, labels, read)
    return made if labels else made.labels()


def counter_at_scrape(name: str, doc: str, read: Read, /, *labels: str) -> None:
    """Define something that is counted elsewhere already, and read when somebody asks."""
    _Family(CounterMetricFamily, name, doc, labels, lambda family: _add(family, read))


def gauge_at_scrape(name: str, doc: str, read: Read, /, *labels: str) -> None:
    """Define something that is known elsewhere already, and read when somebody asks."""
    _Family(GaugeMetricFamily, name, doc, labels, lambda family: _add(family, read))


def render() -> bytes:
    """Write all metrics as text."""
    return generate_latest(_registry)


def _values(made: Labelled[Counter] | Labelled[Gauge]) -> list[tuple[Labels, float]]:
    return [(values, one.value) for values, one in made.children.items()]


def _add(family: CounterMetricFamily | GaugeMetricFamily, read: Read) -> None:
    for values, number in read():
        family.add_metric(values, number)
