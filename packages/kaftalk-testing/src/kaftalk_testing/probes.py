"""Questions that tell whether a started process is ready: each is cheap and answers yes or no."""

import asyncio
import struct
from collections.abc import Awaitable, Callable

Probe = Callable[[], Awaitable[bool]]

_ANSWER_TIMEOUT_S = 2.0


def http_ok(port: int, path: str) -> Probe:
    """Ask for `path` and take any 2xx status for a yes."""

    async def probe() -> bool:
        return (await _status_code("127.0.0.1", port, f"GET {path}")).startswith(b"2")

    return probe


def may_upload(port: int, path: str, origin: str) -> Probe:
    """Ask, as a browser does before a PUT, whether pages of the origin may send one (Fetch, CORS-preflight)."""
    headers = f"Origin: {origin}\r\nAccess-Control-Request-Method: PUT\r\n"

    async def probe() -> bool:
        return (await _status_code("127.0.0.1", port, f"OPTIONS {path}", headers)).startswith(b"2")

    return probe


def http_answers(port: int, host: str) -> Probe:
    """Ask for anything and take any status for a yes."""

    async def probe() -> bool:
        return bool(await _status_code(host, port, "GET /healthz"))

    return probe


def redis_answers(port: int, host: str = "127.0.0.1") -> Probe:
    """Ask PING; a server that is still loading its data says -LOADING, which is a no."""

    async def probe() -> bool:
        return await _ask(host, port, b"PING\r\n", 5) == b"+PONG"

    return probe


def kafka_answers(port: int, host: str = "127.0.0.1") -> Probe:
    """Ask for metadata (version 4, no topics): ready means that the controller counts a live broker."""
    body = struct.pack(">hhih", 3, 4, 1, -1) + struct.pack(">i?", 0, False)
    request = struct.pack(">i", len(body)) + body

    async def probe() -> bool:
        # size, correlation id, throttle time, number of brokers
        answer = await _ask(host, port, request, 16)
        return len(answer) == 16 and struct.unpack(">iiii", answer)[3] > 0

    return probe


async def _status_code(host: str, port: int, asked: str, headers: str = "") -> bytes:
    """Return the three digits of the answer to a method and a path, or nothing."""
    request = f"{asked} HTTP/1.1\r\nHost: {host}:{port}\r\n{headers}Connection: close\r\n\r\n"
    status_line = await _ask(host, port, request.encode(), len(b"HTTP/1.1 200"))
    return status_line[-3:] if status_line.startswith(b"HTTP/1.") else b""


async def _ask(host: str, port: int, request: bytes, answer_bytes: int) -> bytes:
    """Send one request on a connection of its own; nothing, or less than asked for, means trouble."""
    try:
        async with asyncio.timeout(_ANSWER_TIMEOUT_S):
            reader, writer = await asyncio.open_connection(host, port)
            try:
                writer.write(request)
                return await reader.readexactly(answer_bytes)
            finally:
                writer.transport.abort()
    except (OSError, TimeoutError, asyncio.IncompleteReadError):
        return b""
