"""What a trace tells of a gateway: the send that begins it, and the delivery of its event; wired if one records."""

import asyncio
import time
from collections.abc import Sequence
from functools import partial

from kaftalk_gateway.feed import Entry, Feed
from kaftalk_gateway.publisher import LogWriter
from kaftalk_roomlog.errors import AppendError, AppendRefused
from kaftalk_roomlog.partition_queue import Appended, OnResult
from kaftalk_runtime import traces
from kaftalk_runtime.traces import Span


class TracedWriter:
    """A log writer that begins a trace with each record."""

    def __init__(self, writer: LogWriter) -> None:
        self._writer = writer

    def submit(self, topic: str, value: bytes, on_result: OnResult) -> None:
        """Append; `on_result` is called once. Raises AppendRefused."""
        span = traces.begin("send", topic=topic)
        if span is None:
            self._writer.submit(topic, value, on_result)
            return
        try:
            with traces.active(span):
                self._writer.submit(topic, value, partial(_end, span, on_result))
        except AppendRefused as error:
            span.end(result=str(error.reason))
            raise


def _end(span: Span, on_result: OnResult, result: Appended | AppendError) -> None:
    if isinstance(result, Appended):
        span.end(result="stored", offset=result.offset)
    else:
        span.end(result=str(result.reason))
    on_result(result)


class DeliverySpans:
    """Notes how long a traced event takes from its link to the last socket here."""

    def delivered(self, feed: Feed, entries: Sequence[Entry]) -> None:
        """Take events that have been given to the sockets, which write them out at the end of this turn."""
        parents = [one.event.trace for one in entries if one.event.trace is not None]
        if not parents:
            return
        loop = asyncio.get_running_loop()
        # The loop's clock stands since the beginning of this turn, in which the link brought them.
        start_ns = time.time_ns() - max(0, int(1e9 * (time.monotonic() - loop.time())))
        spans = [traces.begin("deliver", parent=parent, start_ns=start_ns, room=feed.room) for parent in parents]
        loop.call_soon(_all_end, [span for span in spans if span is not None], len(feed.listeners))


def _all_end(spans: Sequence[Span], sockets: int) -> None:
    for span in spans:
        span.end(sockets=sockets)
