"""The only file that names OpenTelemetry: spans, sent as OTLP over HTTP by a thread of its own."""

import random
import re

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, set_span_in_context
from opentelemetry.trace import Span as LibrarySpan

_EVERY_MS = 1_000
_CLOSE_MS = 2_000
_TIMEOUT_S = 5
_PREFIX = "kaftalk."
# https://www.w3.org/TR/trace-context/#traceparent-header-field-values
_TRACEPARENT = re.compile(rb"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")


class OtelSpan:
    """One step that is recorded."""

    __slots__ = ("_span", "traceparent")

    def __init__(self, span: LibrarySpan) -> None:
        context = span.get_span_context()
        self._span = span
        self.traceparent = b"00-%032x-%016x-01" % (context.trace_id, context.span_id)

    def rename(self, name: str) -> None:
        """Call it by what is known meanwhile."""
        self._span.update_name(name)

    def end(self, **attributes: str | int) -> None:
        """Note that the step is over, and what is known of it."""
        self._span.set_attributes({_PREFIX + name: value for name, value in attributes.items()})
        self._span.end()


class OtelTracer:
    """Records `ratio` of the traces that begin here, and of others those that their beginning recorded."""

    def __init__(self, service: str, instance: str, endpoint: str, ratio: float) -> None:
        self._ratio = ratio
        names = {"service.name": f"kaftalk-{service}", "service.instance.id": instance}
        self._provider = TracerProvider(resource=Resource.create(names), shutdown_on_exit=False)
        exporter = OTLPSpanExporter(endpoint=endpoint, timeout=_TIMEOUT_S)
        self._provider.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=_EVERY_MS))
        self._tracer = self._provider.get_tracer("kaftalk")

    def begin(self, name: str, parent: bytes | None, start_ns: int | None, **attributes: str | int) -> OtelSpan | None:
        """Begin a step; None if this trace is not recorded, or the parent is not well formed."""
        context = None
        if parent is None:
            if random.random() >= self._ratio:
                return None
        else:
            known = _remote(parent)
            if known is None or not known.trace_flags.sampled:
                return None
            context = set_span_in_context(NonRecordingSpan(known))
        named = {_PREFIX + key: value for key, value in attributes.items()}
        return OtelSpan(self._tracer.start_span(name, context, attributes=named, start_time=start_ns))

    def close(self) -> None:
        """Send what is left, for two seconds at most."""
        self._provider.force_flush(_CLOSE_MS)


def _remote(traceparent: bytes) -> SpanContext | None:
    found = _TRACEPARENT.fullmatch(traceparent)
    if found is None:
        return None
    trace, span, flags = (int(part, 16) for part in found.groups())
    context = SpanContext(trace, span, is_remote=True, trace_flags=TraceFlags(flags))
    return context if context.is_valid else None
