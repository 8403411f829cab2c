"""A collector of traces in this process: takes OTLP over HTTP, as Jaeger or Tempo do."""

import asyncio
import gzip
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from kaftalk_testing.ports import free_port

_HEAD_BYTES_MAX = 64 * 1024


@dataclass(frozen=True, slots=True)
class Recorded:
    """One span as it came; times in nanoseconds since 1970."""

    name: str
    service: str
    instance: str
    trace: str
    span: str
    parent: str
    start_ns: int
    end_ns: int
    attributes: dict[str, str | int]


class TraceCollector:
    """Keeps what it is sent."""

    def __init__(self, port: int) -> None:
        self.endpoint = f"http://127.0.0.1:{port}/v1/traces"
        self.spans: list[Recorded] = []
        self._came = asyncio.Condition()

    async def until(self, wanted: Callable[[list[Recorded]], bool], timeout_s: float = 15.0) -> list[Recorded]:
        """Wait until what has come is what is wanted, and give it. Raises TimeoutError."""
        async with asyncio.timeout(timeout_s), self._came:
            await self._came.wait_for(lambda: wanted(self.spans))
        return self.spans

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await _head(reader):
                body = await reader.readexactly(int(head["content-length"]))
                await self._take(gzip.decompress(body) if head.get("content-encoding") == "gzip" else body)
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\nContent-Length: 0\r\n\r\n")
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _take(self, body: bytes) -> None:
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            names = {one.key: one.value.string_value for one in resource.resource.attributes}
            for scope in resource.scope_spans:
                for span in scope.spans:
                    self.spans.append(
                        Recorded(
                            span.name, names["service.name"], names["service.instance.id"], span.trace_id.hex(),
                            span.span_id.hex(), span.parent_span_id.hex(), span.start_time_unix_nano,
                            span.end_time_unix_nano,
                            {one.key: one.value.string_value or one.value.int_value for one in span.attributes},
                        )
                    )  # fmt: skip
        async with self._came:
            self._came.notify_all()


@asynccontextmanager
async def trace_collector() -> AsyncIterator[TraceCollector]:
    """Run a collector on a free port."""
    port = free_port()
    collector = TraceCollector(port)
    server = await asyncio.start_server(collector._serve, "127.0.0.1", port, limit=_HEAD_BYTES_MAX)
    async with server:
        yield collector


async def _head(reader: asyncio.StreamReader) -> dict[str, str]:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return {}
    lines = head.decode("latin-1").split("\r\n")[1:]
    return {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines) if name}
