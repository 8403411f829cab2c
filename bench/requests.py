"""One request again and again over some connections, written and read raw: the client costs less than the service."""

import asyncio
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

CONNECTIONS = 16


@dataclass
class Answers:
    """How long each took, in ms, and the statuses."""

    took_ms: list[float] = field(default_factory=list)
    statuses: "Counter[int]" = field(default_factory=Counter)


async def hammer(
    port: int, method: str, path: str, headers: Mapping[str, str], body: bytes, *, seconds: float
) -> Answers:
    """Ask 127.0.0.1 for some seconds over 16 connections, one request at a time on each."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: 127.0.0.1:{port}", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    request = "\r\n".join([*lines, "", ""]).encode() + body
    answers, until = Answers(), time.perf_counter() + seconds
    await asyncio.gather(*(_connection(port, request, until, answers) for _ in range(CONNECTIONS)))
    return answers


async def _connection(port: int, request: bytes, until: float, answers: Answers) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        while (begun := time.perf_counter()) < until:
            writer.write(request)
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
            length = next(line for line in head.split("\r\n") if line.startswith("content-length:"))
            await reader.readexactly(int(length.split(":")[1]))
            answers.took_ms.append(1e3 * (time.perf_counter() - begun))
            answers.statuses[int(head.split(" ")[1])] += 1
    finally:
        writer.close()
