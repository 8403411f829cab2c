"""Room created → first message delivered at a second member, and `POST /rooms` by itself."""

import asyncio
import tempfile
import time
from pathlib import Path

from bench import crowd
from bench.machine import percentile, table

from kaftalk_testing.account import Account
from kaftalk_testing.chat_socket import ChatSocket
from kaftalk_testing.stack import run_stack

ROUNDS = 100


async def once(owner: Account, friend: Account, sender: ChatSocket, receiver: ChatSocket) -> tuple[float, float]:
    """Create a room with a friend in it and send the first message; milliseconds of both steps."""
    start = time.perf_counter()
    room = (await owner.room("새 방", "private", member_ids=[friend.id]))["id"]
    created = time.perf_counter()
    await sender.until(lambda frame: frame["t"] == "room" and frame["room"]["id"] == room)
    await sender.send({"t": "send", "id": "first", "room": room, "n": 1, "text": "첫 메시지"})
    await receiver.until(lambda f: f["t"] == "event" and f["room"] == room and f["e"]["k"] == "message")
    return 1e3 * (created - start), 1e3 * (time.perf_counter() - created)


async def run() -> str:
    """Create 100 rooms one after another while the pool lasts, and write the table."""
    with tempfile.TemporaryDirectory() as folder:
        settings = {**crowd.LIMITS, "KAFTALK_POOL_SIZE": str(ROUNDS + 20)}
        async with run_stack(Path(folder), settings=settings) as stack, crowd.client(stack.url) as http:
            owner, friend = await crowd.accounts(http, 2)
            await asyncio.sleep(10)
            sockets = [await ChatSocket.open(stack.ws_url(i), person) for i, person in enumerate((owner, friend))]
            async with sockets[0] as sender, sockets[1] as receiver:
                times = [await once(owner, friend, sender, receiver) for _ in range(ROUNDS)]
    steps = ("`POST /rooms`", "answer → first message delivered")
    rows = [
        (step, *(f"{figure:.1f}" for figure in (percentile(ms, 0.5), percentile(ms, 0.99), max(ms))))
        for step, ms in zip(steps, zip(*times, strict=True), strict=True)
    ]
    return table(("step", "p50 ms", "p99 ms", "max ms"), rows)


if __name__ == "__main__":
    print(asyncio.run(run()))
