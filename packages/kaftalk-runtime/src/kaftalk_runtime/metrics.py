"""Metrics of this process, in Prometheus' format. Define them at module level; labels stay few and bounded."""

from collections.abc import Sequence

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

# Else every counter and histogram has a second series that tells when it began.
disable_created_metrics()  # type: ignore[no-untyped-call]
_registry = CollectorRegistry()
ProcessCollector(registry=_registry)


def counter(name: str, doc: str, *labels: str) -> Counter:
    """Define something that is counted."""
    return Counter(name, doc, labels, registry=_registry)


def gauge(name: str, doc: str, *labels: str) -> Gauge:
    """Define something that rises and falls."""
    return Gauge(name, doc, labels, registry=_registry)


def histogram(name: str, doc: str, *labels: str, buckets: Sequence[float] = SECONDS) -> Histogram:
    """Define something that is distributed; by default a time in seconds."""
    return Histogram(name, doc, labels, buckets=buckets, registry=_registry)


def render() -> bytes:
    """Write all metrics as text."""
    return generate_latest(_registry)


def metrics_app() -> Starlette:
    """Build the app of the metrics listener, on which there is nothing but `/metrics`."""

    async def scrape(_request: Request) -> Response:
        return Response(render(), media_type=CONTENT_TYPE_PLAIN_0_0_4)

    return Starlette(routes=[Route("/metrics", scrape)])
