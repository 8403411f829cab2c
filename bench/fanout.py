"""Gateway CPU per delivered message, beside Centrifuge and a naive FastAPI broadcast, in one run.

The same payload bytes go to the same raw clients from all three. Kaftalk's gateway is the real one in a whole stack:
messages take the way topic → delivery → link → gateway, and only the gateway's processor time is counted.
"""

import asyncio
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from bench import crowd
from bench.machine import cpu_s, table
from bench.receivers import Receivers, marked

from kaftalk_protocol import records, server_frames
from kaftalk_protocol.ids import RoomId, UserId
from kaftalk_protocol.topics import room_topic
from kaftalk_roomlog.writer import RoomLogWriter
from kaftalk_runtime.kafka import Kafka
from kaftalk_testing.ports import free_port
from kaftalk_testing.stack import Stack, run_stack
from kaftalk_testing.tools import cache_folder

SECONDS = 5.0
RATES = {10: 400, 100: 200, 1000: 30}
"""Messages a second by members in the room."""

Publish = Callable[[int], Awaitable[None]]


@dataclass(frozen=True)
class Figure:
    """One measurement."""

    peer: str
    members: int
    batch: int
    us: float
    p99_ms: float
    share: float


async def measure(peer: str, pid: int, members: int, batch: int, receivers: Receivers, publish: Publish) -> Figure:
    """Publish at the rate of the room's size, `batch` messages at once, and count the server's processor time."""
    loop = asyncio.get_running_loop()
    rounds = max(1, int(RATES[members] * SECONDS) // batch)
    async with receivers:
        await asyncio.sleep(1)
        before, start = cpu_s(pid), loop.time()
        for i in range(rounds):
            await publish(batch)
            await asyncio.sleep(max(0.0, start + (i + 1) * batch / RATES[members] - loop.time()))
        await asyncio.sleep(1)
        spent = cpu_s(pid) - before
    result = receivers.result
    delivered = max(1, result["received"])
    return Figure(
        peer, members, batch, 1e6 * spent / delivered, result["p99_ms"], delivered / (rounds * batch * members)
    )


def event(seq: int) -> bytes:
    """Write the event frame whose bytes the peers publish too."""
    user = UserId(str(uuid.UUID(int=7)))
    message = records.Message(id=f"{user}:{seq}", by=user, text=marked())
    room = RoomId(str(uuid.UUID(int=8)))
    return server_frames.event_frame(room, 0, seq, seq - 1, 1_700_000_000_000, records.encode(message))


async def kaftalk(stack: Stack, members: int) -> AsyncIterator[Figure]:
    """Measure the gateway of a running stack."""
    writer = RoomLogWriter(Kafka(stack.kafka_bootstrap, client_id="bench"))
    await writer.start()
    async with crowd.client(stack.url) as http:
        people = await crowd.accounts(http, members)
        room = RoomId((await people[0].room())["id"])
        await crowd.join_all(people, room)
        topic, stream, sent = room_topic(room, 0), str(uuid.uuid4()), 0

        async def publish(count: int) -> None:
            nonlocal sent
            waiting = []
            for _ in range(count):
                sent += 1
                message = records.Message(id=f"{stream}:{sent}", by=UserId(people[0].id), text=marked())
                waiting.append(writer.append(topic, records.encode(message)))
            await asyncio.gather(*waiting)

        port = int(stack.ws_url(0).rsplit(":", 1)[1].split("/")[0])
        for batch in (1, 10):
            hellos = await crowd.hellos(people)
            headers = "Sec-WebSocket-Protocol: kaftalk.v1\r\n"
            receivers = Receivers(port, "/ws", hellos, ready='"welcome"', headers=headers)
            yield await measure("Kaftalk gateway", stack.pid("gateway"), members, batch, receivers, publish)
    await writer.stop()


async def peer(name: str, command: list[str], port: int, hello: list[str], ready: str, members: int) -> list[Figure]:
    """Measure a server with `/ws` and `POST /publish`."""
    figures = []
    with _running(command, port) as process:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as http:

            async def publish(count: int) -> None:
                await http.post("/publish", content=b"\n".join(event(i) for i in range(count)))

            for batch in (1, 10):
                receivers = Receivers(port, "/ws", [hello] * members, ready=ready)
                figures.append(await measure(name, process.pid, members, batch, receivers, publish))
    return figures


class _running:
    """A peer's process, once its port answers."""

    def __init__(self, command: list[str], port: int) -> None:
        self._command, self._port = command, port

    def __enter__(self) -> "subprocess.Popen[bytes]":
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(200):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self._port)) == 0:
                    return self._process
            time.sleep(0.05)
        raise RuntimeError(f"{self._command[0]} does not answer")

    def __exit__(self, *error: object) -> None:
        self._process.terminate()
        self._process.wait()


def centrifuge() -> str | None:
    """Build the Centrifuge peer once, into the user's cache; null without Go."""
    go = shutil.which("go") or shutil.which("go", path=str(Path(sys.executable).parent))
    if go is None:
        return None
    binary = cache_folder() / "bench" / "centrifuge-0.40.1"
    if not binary.exists():
        binary.parent.mkdir(parents=True, exist_ok=True)
        source = Path(__file__).parent / "peers" / "centrifuge"
        subprocess.run([go, "build", "-o", str(binary), "."], cwd=source, check=True, env=os.environ)
    return str(binary)


@asynccontextmanager
async def _stack() -> AsyncIterator[Stack]:
    with tempfile.TemporaryDirectory() as folder:
        async with run_stack(Path(folder), counts={"gateway": 1}, settings=crowd.LIMITS) as stack:
            yield stack


async def run() -> str:
    """Measure all peers at 10, 100 and 1,000 members, 1 and 10 messages a batch, and write the table."""
    figures: list[Figure] = []
    binary = centrifuge()
    subscribe = ['{"id":1,"connect":{}}', '{"id":2,"subscribe":{"channel":"room"}}']
    uvicorn = [sys.executable, "-m", "uvicorn", "bench.peers.naive:app", "--loop", "uvloop", "--log-level", "error"]
    async with _stack() as stack:
        for members in RATES:
            figures += [figure async for figure in kaftalk(stack, members)]
            if binary is not None:
                port = free_port()
                figures += await peer("Centrifuge 0.40.1", [binary, str(port)], port, subscribe, '"id":2', members)
            port = free_port()
            naive = [*uvicorn, "--port", str(port)]
            figures += await peer("FastAPI, awaited sends", naive, port, [], "welcome", members)
    return _table(figures, binary is not None)


def _table(figures: list[Figure], with_centrifuge: bool) -> str:
    rivals = {(f.members, f.batch): f.us for f in figures if f.peer.startswith("Centrifuge")}
    rows = []
    for f in figures:
        rival = rivals.get((f.members, f.batch))
        ratio = f"{f.us / rival:.2f}×" if rival else "–"
        rows.append((f.members, f.batch, f.peer, f"{f.us:.2f}", ratio, f"{f.p99_ms:.1f}", f"{100 * f.share:.1f} %"))
    head = ("members", "messages a batch", "server", "CPU-µs per delivery", "against Centrifuge", "p99 ms", "delivered")
    note = "" if with_centrifuge else "\n\nCentrifuge is left out: no Go here (`uv sync --group bench` brings it)."
    return table(head, sorted(rows, key=lambda row: (row[0], row[1]))) + note


if __name__ == "__main__":
    print(asyncio.run(run()))
