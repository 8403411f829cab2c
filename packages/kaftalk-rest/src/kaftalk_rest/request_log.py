"""Every request in the figures and in the log: by its route, never by its path, which names rooms and people."""

import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kaftalk_runtime import metrics, traces
from kaftalk_runtime.logs import get_logger
from kaftalk_runtime.traces import Span

_METHODS = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})

_log = get_logger(__name__)
_requests = metrics.counter("kaftalk_http_requests_total", "Requests answered", "method", "route", "status")
_seconds = metrics.histogram("kaftalk_http_request_seconds", "From a request to its answer", "method", "route")


class RequestLog:
    """ASGI wrapper that counts, times and logs."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, and note how it went; one that breaks off without an answer has status 499."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun, status = time.perf_counter(), 499

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        span = traces.begin("request")
        try:
            with traces.active(span):
                await self._app(scope, receive, noted)
        except Exception:
            # What nobody expected is answered further out.
            status = 500
            raise
        finally:
            _note(scope, status, time.perf_counter() - begun, span)


def _note(scope: Scope, status: int, seconds: float, span: Span | None) -> None:
    method = scope["method"] if scope["method"] in _METHODS else "other"
    # The framework notes here what it found; what it found nothing for has no name of ours.
    route = getattr(scope.get("route"), "path", "none")
    _requests.labels(method, route, str(status)).inc()
    _seconds.labels(method, route).observe(seconds)
    write = _log.warning if status >= 500 else _log.info
    write("request", method=method, route=route, status=status, ms=round(1000 * seconds, 1))
    if span is not None:
        span.rename(f"{method} {route}")
        span.end(status=status)
