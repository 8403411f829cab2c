"""A message's whole way: WebSocket send → Kafka (acks=all) → delivery → the other gateway → the other socket."""

import asyncio
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from bench import crowd
from bench.machine import cpu_s, percentile, table

from kaftalk_testing.account import Account
from kaftalk_testing.chat_socket import ChatSocket, Frame
from kaftalk_testing.stack import Stack, run_stack

SECONDS = 8.0
RATES = (10, 100, 500)
ROOMS = 50
PROCESSES = ("gateway-1", "gateway-2", "delivery-1", "kafka", "redis")


@dataclass
class Pair:
    """A sender on one gateway and a receiver on the other, in one room."""

    room: str
    sender: ChatSocket
    receiver: ChatSocket
    n: int = 0
    acks_ms: list[float] = field(default_factory=list)
    delivered_ms: list[float] = field(default_factory=list)
    dues: list[float] = field(default_factory=list)

    async def send(self, due: float) -> None:
        """Send a message that was due at `due` (an open model: latency counts from the intended time)."""
        self.n += 1
        frame: Frame = {"t": "send", "id": str(due), "room": self.room, "n": self.n, "text": f"안녕하세요 {due}"}
        await self.sender.send(frame)

    async def read_acks(self) -> None:
        """Note how long every acknowledgement took."""
        while True:
            frame = await self.sender.next(600)
            if frame["t"] == "ack":
                self.acks_ms.append(1e3 * (time.time() - float(frame["id"])))

    async def read_events(self) -> None:
        """Note how long every delivery took."""
        while True:
            frame = await self.receiver.next(600)
            if frame["t"] == "event" and frame["e"]["k"] == "message":
                self.dues.append(float(frame["e"]["text"].split()[1]))
                self.delivered_ms.append(1e3 * (time.time() - self.dues[-1]))


async def pair(stack: Stack, sender: Account, receiver: Account) -> Pair:
    """Open a room of two on two gateways."""
    room = (await sender.room())["id"]
    await receiver.join(room)
    out, back = await ChatSocket.open(stack.ws_url(0), sender), await ChatSocket.open(stack.ws_url(1), receiver)
    return Pair(room, out, back)


async def at_rate(stack: Stack, pairs: list[Pair], rate: int) -> tuple[object, ...]:
    """Send for some seconds at `rate` messages a second over all rooms, and give the table's row."""
    for p in pairs:
        p.acks_ms.clear()
        p.delivered_ms.clear()
    before = {name: cpu_s(_pid(stack, name)) for name in PROCESSES}
    start, count = time.time() + 0.1, int(rate * SECONDS)
    for i in range(count):
        due = start + i / rate
        await asyncio.sleep(max(0.0, due - time.time()))
        await pairs[i % len(pairs)].send(due)
    await asyncio.sleep(2)
    spent = [f"{1e6 * (cpu_s(_pid(stack, name)) - before[name]) / count:.0f}" for name in PROCESSES]
    acks = [ms for p in pairs for ms in p.acks_ms]
    delivered = [ms for p in pairs for ms in p.delivered_ms]
    figures = [f"{percentile(values, share):.1f}" for values in (acks, delivered) for share in (0.5, 0.99)]
    return (rate, f"{len(delivered)}/{count}", *figures, *spent)


def _pid(stack: Stack, name: str) -> int:
    service, _, index = name.partition("-")
    return stack.pid(service, int(index or 1) - 1)


async def run() -> str:
    """Measure at 10, 100 and 500 messages a second over 50 rooms, and write the table."""
    with tempfile.TemporaryDirectory() as folder:
        async with run_stack(Path(folder), settings=crowd.LIMITS) as stack, crowd.client(stack.url) as http:
            people = await crowd.accounts(http, 2 * ROOMS)
            pairs = [await pair(stack, *people[i : i + 2]) for i in range(0, 2 * ROOMS, 2)]
            reading = [asyncio.create_task(read()) for p in pairs for read in (p.read_acks, p.read_events)]
            rows = [await at_rate(stack, pairs, rate) for rate in RATES]
            for task in reading:
                task.cancel()
            await asyncio.gather(*reading, return_exceptions=True)
    times = ("ack p50 ms", "ack p99 ms", "receive p50 ms", "receive p99 ms")
    return table(("messages/s", "delivered", *times, *(f"{name} µs/message" for name in PROCESSES)), rows)


if __name__ == "__main__":
    print(asyncio.run(run()))
