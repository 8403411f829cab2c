"""Many raw WebSocket clients in one process: count marked messages and sample how old they are on arrival.

Reads one JSON line from standard input: `{"port", "path", "headers", "hellos": [[text, …] a socket], "ready"}`;
prints `ready` when every socket has received the `ready` text, and counts until standard input ends.
"""

import asyncio
import json
import selectors
import socket
import struct
import sys
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

MARK = b"~MSG~"
_STAMP = 17
_PING = b"\x89\x00"
_PONG = b"\x8a\x80\0\0\0\0"
_UPGRADE = (
    "GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n{headers}\r\n"
)


def marked(size: int = 150) -> str:
    """Give a message text of `size` characters that carries its time of birth."""
    return f"~MSG~{time.time():017.6f} ".ljust(size, "x")


class Receivers:
    """The clients as seen by the benchmark: a subprocess, so that their work is not the server's."""

    def __init__(self, port: int, path: str, hellos: Sequence[Sequence[str]], *, ready: str, headers: str = "") -> None:
        self._plan = {"port": port, "path": path, "headers": headers, "hellos": hellos, "ready": ready}
        self.result: dict[str, Any] = {}

    async def __aenter__(self) -> Self:
        pipe = asyncio.subprocess.PIPE
        command = (sys.executable, "-m", "bench.receivers")
        self._process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe, limit=2**24)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(self._plan).encode() + b"\n")
        line = await asyncio.wait_for(self._process.stdout.readline(), 120)
        if line != b"ready\n":
            raise RuntimeError(f"receivers: {line!r}")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        output = await self._process.stdout.read()
        await self._process.wait()
        if error is None:
            self.result = json.loads(output)


def _connect(plan: dict[str, Any], hello: Sequence[str]) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", plan["port"]))
    connection.sendall(_UPGRADE.format(**plan).encode())
    received = b""
    while b"\r\n\r\n" not in received:
        chunk = connection.recv(4096)
        if not chunk:
            raise ConnectionError(received[:300])
        received += chunk
    if b" 101 " not in received.split(b"\r\n")[0]:
        raise ConnectionError(received[:300])
    for text in hello:
        connection.sendall(_masked(text.encode()))
    while plan["ready"].encode() not in received:
        chunk = connection.recv(65_536)
        if not chunk:
            raise ConnectionError(received[-300:])
        received += chunk
    connection.setblocking(False)
    return connection


def _masked(payload: bytes) -> bytes:
    short = len(payload) < 126
    head = bytes((0x81, 0x80 | len(payload))) if short else struct.pack(">BBH", 0x81, 0xFE, len(payload))
    return head + b"\0\0\0\0" + payload


def main() -> None:
    """Connect, count until standard input ends, print the result as JSON."""
    plan = json.loads(sys.stdin.readline())
    sockets = selectors.DefaultSelector()
    sockets.register(sys.stdin, selectors.EVENT_READ)
    tails: dict[int, bytes] = {}
    for hello in plan["hellos"]:
        connection = _connect(plan, hello)
        sockets.register(connection, selectors.EVENT_READ)
        tails[connection.fileno()] = b""
    print("ready", flush=True)
    print(json.dumps(_count(sockets, tails)), flush=True)


def _count(sockets: selectors.BaseSelector, tails: dict[int, bytes]) -> dict[str, float]:
    received, closed = 0, 0
    ages: list[float] = []
    while True:
        for key, _ in sockets.select():
            if key.fileobj is sys.stdin:
                ages.sort()
                middle, high = (ages[int(len(ages) * share)] if ages else -1.0 for share in (0.5, 0.99))
                return {"received": received, "closed": closed, "p50_ms": 1e3 * middle, "p99_ms": 1e3 * high}
            data = key.fileobj.recv(262_144)  # type: ignore[union-attr]
            if not data:
                sockets.unregister(key.fileobj)
                closed += 1
                continue
            if _PING in data:
                key.fileobj.send(_PONG)  # type: ignore[union-attr]
            data = tails[key.fd] + data
            received += data.count(MARK)
            at = data.rfind(MARK)
            if at >= 0 and len(data) >= at + len(MARK) + _STAMP:
                ages.append(time.time() - float(data[at + len(MARK) : at + len(MARK) + _STAMP]))
            tails[key.fd] = data[-len(MARK) + 1 :]


if __name__ == "__main__":
    main()
