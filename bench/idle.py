"""Bytes and processor time of an idle connection: real gateway, real sessions, every user in one room."""

import asyncio
import tempfile
from pathlib import Path

from bench import crowd
from bench.machine import cpu_s, rss_bytes, table
from bench.receivers import Receivers

from kaftalk_testing.account import Account
from kaftalk_testing.stack import Stack, run_stack

PEOPLE = 100
CONNECTIONS_EACH = 20
IDLE_S = 30.0


async def run() -> str:
    """Open 2,000 connections of 100 users, wait through a heartbeat, and write the table."""
    with tempfile.TemporaryDirectory() as folder:
        stack_of_one = run_stack(Path(folder), counts={"gateway": 1}, settings=crowd.LIMITS)
        async with stack_of_one as stack, crowd.client(stack.url) as http:
            people = await crowd.accounts(http, PEOPLE)
            await crowd.join_all(people, (await people[0].room())["id"])
            pid = stack.pid("gateway")
            before, opened = rss_bytes(pid), [await _open(stack, people) for _ in range(CONNECTIONS_EACH)]
            await asyncio.sleep(5)
            grown, start = rss_bytes(pid) - before, cpu_s(pid)
            await asyncio.sleep(IDLE_S)
            spent = cpu_s(pid) - start
            for receivers in opened:
                await receivers.__aexit__(None, None, None)
            closed = sum(receivers.result["closed"] for receivers in opened)
    count = PEOPLE * CONNECTIONS_EACH
    row = (count, f"{grown / count / 1024:.1f}", f"{1e6 * spent / IDLE_S / count:.1f}", closed)
    return table(("connections", "KiB each", "CPU-µs a second each", "closed meanwhile"), [row])


async def _open(stack: Stack, people: list[Account]) -> Receivers:
    port = int(stack.ws_url(0).rsplit(":", 1)[1].split("/")[0])
    hellos, headers = await crowd.hellos(people), "Sec-WebSocket-Protocol: kaftalk.v1\r\n"
    return await Receivers(port, "/ws", hellos, ready='"welcome"', headers=headers).__aenter__()


if __name__ == "__main__":
    print(asyncio.run(run()))
