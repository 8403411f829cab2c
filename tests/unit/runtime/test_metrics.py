"""What is counted, and how `/metrics` tells it."""

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from kaftalk_runtime import metrics


@pytest.fixture(autouse=True)
def registry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "_registry", CollectorRegistry())


def scraped() -> dict[str, float]:
    """Give every sample by its name and labels, as a scraper reads them."""
    families = text_string_to_metric_families(metrics.render().decode())
    return {
        sample.name + "".join(f" {name}={value}" for name, value in sorted(sample.labels.items())): sample.value
        for family in families
        for sample in family.samples
    }


def test_a_counter_is_there_before_it_counts() -> None:
    taken = metrics.counter("kaftalk_taken_total", "Taken")
    assert scraped() == {"kaftalk_taken_total": 0}
    taken.inc()
    taken.inc(2)
    assert scraped() == {"kaftalk_taken_total": 3}


def test_labels_have_a_number_each() -> None:
    frames = metrics.counter("kaftalk_frames_total", "Frames", "t", "way")
    frames.labels("send", "in").inc()
    frames.labels("ack", "out").inc(2)
    frames.labels("send", "in").inc()
    assert scraped() == {"kaftalk_frames_total t=send way=in": 2, "kaftalk_frames_total t=ack way=out": 2}


def test_a_gauge_is_where_it_was_set() -> None:
    metrics.gauge("kaftalk_open", "Open").set(7)
    metrics.gauge("kaftalk_ready", "Ready", "check").labels("redis").set(True)
    assert scraped() == {"kaftalk_open": 7, "kaftalk_ready check=redis": 1}


def test_a_histogram_counts_up_to_and_with_each_bound() -> None:
    waits = metrics.histogram("kaftalk_wait_seconds", "Waits", buckets=(0.1, 1.0))
    for wait_s in (0.1, 0.11, 1.0, 5.0):
        waits.observe(wait_s)
    assert scraped() == pytest.approx(
        {
            "kaftalk_wait_seconds_bucket le=0.1": 1,
            "kaftalk_wait_seconds_bucket le=1.0": 3,
            "kaftalk_wait_seconds_bucket le=+Inf": 4,
            "kaftalk_wait_seconds_count": 4,
            "kaftalk_wait_seconds_sum": 6.21,
        }
    )


def test_a_block_is_timed_even_if_it_fails() -> None:
    steps = metrics.histogram("kaftalk_step_seconds", "Steps", "step", buckets=(60.0,))
    with pytest.raises(KeyError), steps.labels("read").time():
        raise KeyError
    assert scraped()["kaftalk_step_seconds_count step=read"] == 1


def test_what_is_known_elsewhere_is_read_when_it_is_asked_for() -> None:
    lag = {"1": 5.0}
    metrics.gauge_at_scrape("kaftalk_lag", "Lag", lambda: [((shard,), n) for shard, n in lag.items()], "shard")
    metrics.counter_at_scrape("kaftalk_reads_total", "Reads", lambda: [((), 9)])
    assert scraped() == {"kaftalk_lag shard=1": 5, "kaftalk_reads_total": 9}
    lag.clear()
    assert scraped() == {"kaftalk_reads_total": 9}


def test_a_name_is_defined_once() -> None:
    metrics.counter("kaftalk_taken_total", "Taken")
    with pytest.raises(ValueError, match="Duplicated"):
        metrics.gauge("kaftalk_taken_total", "Taken")
