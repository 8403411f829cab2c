"""Just enough of an HTTP/1.1 server for the Runtime API: requests with a Content-Length, one after the other."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus

_HEADER_BYTES_MAX = 64 * 1024
# Lambda's own limit of a payload, and what its JSON adds.
_BODY_BYTES_MAX = 7 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Request:
    """One request; header names in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Response:
    """One answer."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


Answer = Callable[[Request], Awaitable[Response]]


@asynccontextmanager
async def serve(answer: Answer, port: int = 0) -> AsyncIterator[int]:
    """Listen on 127.0.0.1 while the block runs, and give the port; open requests end with the block."""
    connections: set[asyncio.Task[None]] = set()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(_serve_connection(answer, reader, writer))
        connections.add(task)
        task.add_done_callback(connections.discard)

    server = await asyncio.start_server(connected, "127.0.0.1", port, limit=_HEADER_BYTES_MAX)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in list(connections):
            task.cancel()
        await asyncio.gather(*connections, return_exceptions=True)
        await server.wait_closed()


async def _serve_connection(answer: Answer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    # A client that goes away in the middle is no error: execution environments are killed.
    with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        try:
            while request := await _read(reader):
                _write(writer, await answer(request))
                await writer.drain()
        finally:
            writer.transport.abort()


async def _read(reader: asyncio.StreamReader) -> Request | None:
    """Read a request; None at the end of the connection, or if it is none that this server takes."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
    method, path, _ = [*head[0].split(" "), "", ""][:3]
    length = headers.get("content-length", "0")
    if not path or not length.isdecimal() or int(length) > _BODY_BYTES_MAX or "transfer-encoding" in headers:
        return None
    return Request(method, path, headers, await reader.readexactly(int(length)))


def _write(writer: asyncio.StreamWriter, response: Response) -> None:
    headers = {"Content-Type": "application/json", "Content-Length": str(len(response.body)), **response.headers}
    lines = [f"HTTP/1.1 {response.status} {HTTPStatus(response.status).phrase}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    writer.write("\r\n".join([*lines, "", ""]).encode("latin-1") + response.body)
