"""What writers and readers have counted, for `/metrics`: read when somebody asks, so that it costs nothing before."""

from collections.abc import Iterable
from typing import TYPE_CHECKING
from weakref import WeakSet

from kaftalk_runtime import metrics
from kaftalk_runtime.metrics import Labels

if TYPE_CHECKING:
    from kaftalk_roomlog.reader import RoomLogReader
    from kaftalk_roomlog.writer import RoomLogWriter

writers: "WeakSet[RoomLogWriter]" = WeakSet()
readers: "WeakSet[RoomLogReader]" = WeakSet()

unanswered = metrics.counter("kaftalk_kafka_unanswered_requests_total", "Requests without an answer", "request")


def _appends() -> Iterable[tuple[Labels, float]]:
    for result in ("appended", "refused", "unknown"):
        yield (result,), sum(getattr(writer.counts, result) for writer in writers)


def _sum_of_writers(name: str) -> metrics.Read:
    return lambda: [((), sum(getattr(writer.counts, name) for writer in writers))]


def _sum_of_readers(name: str) -> metrics.Read:
    return lambda: [((), sum(getattr(reader.counts, name) for reader in readers))]


def _pending_records() -> Iterable[tuple[Labels, float]]:
    yield (), sum(writer.pending for writer in writers)


def _pending_bytes() -> Iterable[tuple[Labels, float]]:
    yield (), sum(writer.pending_bytes for writer in writers)


def _troubles() -> Iterable[tuple[Labels, float]]:
    kinds = {kind for reader in readers for kind in reader.counts.troubles}
    for kind in sorted(kinds):
        yield (str(kind),), sum(reader.counts.troubles.get(kind, 0) for reader in readers)


metrics.counter_at_scrape(
    "kaftalk_kafka_appends_total", "Records given to Kafka, by what became of them", _appends, "result"
)
metrics.counter_at_scrape("kaftalk_kafka_log_troubles_total", "Logs that could not be read on", _troubles, "kind")
metrics.counter_at_scrape(
    "kaftalk_kafka_resent_records_total",
    "Records that were sent under two producer ids, so that a copy may be stored",
    _sum_of_writers("resent"),
)
metrics.counter_at_scrape(
    "kaftalk_kafka_fetched_records_total", "Records that followed logs brought", _sum_of_readers("records")
)
metrics.counter_at_scrape("kaftalk_kafka_fetches_total", "Fetches of followed logs", _sum_of_readers("fetches"))
metrics.counter_at_scrape(
    "kaftalk_kafka_fetch_sessions_lost_total",
    "Fetch sessions that a broker had forgotten",
    _sum_of_readers("sessions_lost"),
)
metrics.counter_at_scrape(
    "kaftalk_kafka_sessionless_fetches_total",
    "Fetches that a broker had no session left for",
    _sum_of_readers("sessionless"),
)
metrics.gauge_at_scrape(
    "kaftalk_kafka_fetch_sessions", "Fetch sessions", lambda: [((), sum(reader.sessions for reader in readers))]
)
metrics.gauge_at_scrape("kaftalk_kafka_pending_records", "Records whose fate is not known yet", _pending_records)
metrics.gauge_at_scrape("kaftalk_kafka_pending_bytes", "Bytes of records whose fate is not known yet", _pending_bytes)
