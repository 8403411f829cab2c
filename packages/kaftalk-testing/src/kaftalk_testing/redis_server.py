"""A Redis server that keeps what it was told: append-only file, synced every second, nothing evicted."""

import asyncio
from pathlib import Path

from kaftalk_testing.probes import redis_answers
from kaftalk_testing.process import Program
from kaftalk_testing.tools import REDIS, require


def redis_server(folder: Path, port: int) -> Program:
    """Describe a server whose data lie in `folder`. Raises MissingTools."""
    folder.mkdir(parents=True, exist_ok=True)
    settings = {
        "port": str(port),
        "bind": "127.0.0.1",
        "dir": str(folder),
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
        "maxmemory-policy": "noeviction",
    }
    options = [word for name, value in settings.items() for word in (f"--{name}", value)]
    return Program(name="redis", command=(require(REDIS), *options), ready=redis_answers(port))


async def flush(port: int) -> None:
    """Empty the server on 127.0.0.1. Raises ConnectionError if it does not confirm."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(b"FLUSHALL\r\n")
        answer = await reader.readline()
    finally:
        writer.close()
        await writer.wait_closed()
    if answer != b"+OK\r\n":
        raise ConnectionError(f"FLUSHALL was answered {answer!r}")
