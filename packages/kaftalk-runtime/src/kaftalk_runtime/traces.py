"""Traces of messages and requests, off unless KAFTALK_TRACES_ENDPOINT is set.

OpenTelemetry is an extra, imported only then (`otel.py`); else all that happens here is a look at one variable. A
trace goes from process to process as a W3C `traceparent`: in the headers of Kafka's records and of internal requests.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol

from kaftalk_runtime.settings import ServiceSettings

HEADER = "traceparent"


class Span(Protocol):
    """One step of a trace."""

    traceparent: bytes

    def rename(self, name: str) -> None:
        """Call it by what is known meanwhile."""

    def end(self, **attributes: str | int) -> None:
        """Note that the step is over, and what is known of it."""


class Tracer(Protocol):
    """Makes spans and sends them somewhere."""

    def begin(self, name: str, parent: bytes | None, start_ns: int | None, **attributes: str | int) -> Span | None:
        """Begin a step; None if this trace is not recorded."""

    def close(self) -> None:
        """Send what is left, for two seconds at most."""


_tracer: Tracer | None = None
_current: ContextVar[Span | None] = ContextVar("span", default=None)


def configure(service: str, settings: ServiceSettings) -> None:
    """Record traces if the settings say where they go.

    Ends the process with status 2 if OpenTelemetry is not installed.
    """
    if settings.traces_endpoint is None:
        return
    try:
        from kaftalk_runtime.otel import OtelTracer
    except ImportError:
        print(f"KAFTALK_TRACES_ENDPOINT needs OpenTelemetry: install kaftalk-{service}[otel]", file=sys.stderr)
        raise SystemExit(2) from None
    record(OtelTracer(service, settings.instance, settings.traces_endpoint, settings.traces_ratio))


def record(tracer: Tracer | None) -> None:
    """Record with this tracer from now on; with None not at all."""
    global _tracer  # noqa: PLW0603 - one process has one, and the off state must cost nothing
    _tracer = tracer


def enabled() -> bool:
    """Tell whether anything is recorded."""
    return _tracer is not None


def begin(
    name: str, *, parent: bytes | None = None, start_ns: int | None = None, **attributes: str | int
) -> Span | None:
    """Begin a step of the parent's trace, else of the one that is active, else of a new one.

    `start_ns` is since 1970, by default now. None if nobody records, or this trace is not recorded.
    """
    return None if _tracer is None else _tracer.begin(name, parent or current(), start_ns, **attributes)


def current() -> bytes | None:
    """Give the `traceparent` of the active step."""
    if _tracer is None:
        return None
    span = _current.get()
    return None if span is None else span.traceparent


@contextmanager
def active(span: Span | None) -> Iterator[None]:
    """Let what happens in the block be part of a step; the step goes on after it."""
    if span is None:
        yield
        return
    token = _current.set(span)
    try:
        yield
    finally:
        _current.reset(token)


def close() -> None:
    """Send what is left."""
    if _tracer is not None:
        _tracer.close()
