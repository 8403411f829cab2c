"""What the metrics listener serves, and what the event loop itself can tell."""

import asyncio
import time
from importlib.metadata import version

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from kaftalk_runtime import metrics

_EVERY_S = 0.25

_lag = metrics.histogram("kaftalk_event_loop_lag_seconds", "How late the event loop comes to a timer")
_build = metrics.gauge("kaftalk_build_info", "1; the version that runs", "version")
_build.labels(version("kaftalk-runtime")).set(1)


def metrics_app() -> Starlette:
    """Build the app of the metrics listener, on which there is nothing but `/metrics`."""

    async def scrape(_request: Request) -> Response:
        return Response(metrics.render(), media_type=metrics.CONTENT_TYPE)

    return Starlette(routes=[Route("/metrics", scrape)])


async def watch_event_loop() -> None:
    """Observe four times a second how late the event loop is, for ever; its own clock stands still in a turn."""
    while True:
        due = time.perf_counter() + _EVERY_S
        await asyncio.sleep(_EVERY_S)
        _lag.observe(max(0.0, time.perf_counter() - due))
