"""A service process: its listeners, an orderly end, and a port that is taken."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

from kaftalk_testing.ports import free_port

_KEY = "5f0a6be1c2d94c3f8e7a1b2c3d4e5f60"
_SMALLEST = """
import asyncio
from starlette.applications import Starlette
from kaftalk_runtime.health import Health, internal_app
from kaftalk_runtime.serving import Listener, serve
from kaftalk_runtime.settings import ServiceSettings, load

async def holds():
    return True

class Service:
    def __init__(self, settings):
        self.health = Health({"loop": holds})
        self.public = Listener(Starlette(), settings.listen)
        self.internal = Listener(internal_app(self.health), settings.internal_listen)

    async def start(self):
        self.watching = asyncio.create_task(self.health.watch())

    async def drain(self):
        self.health.drain()

    async def stop(self):
        self.watching.cancel()

settings = load(ServiceSettings)
raise SystemExit(serve(lambda: Service(settings), metrics_address=settings.metrics_address))
"""


@asynccontextmanager
async def smallest_service(
    public: int, internal: int, metrics: int | None = None
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run the smallest service there is."""
    environment = {
        "KAFTALK_INSTANCE": "smallest-1",
        "KAFTALK_LISTEN": f"127.0.0.1:{public}",
        "KAFTALK_INTERNAL_LISTEN": f"127.0.0.1:{internal}",
        "KAFTALK_METRICS_LISTEN": f"127.0.0.1:{metrics}" if metrics else "",
        "KAFTALK_KAFKA_BOOTSTRAP": "127.0.0.1:9",
        "KAFTALK_REDIS_URL": "redis://127.0.0.1:9",
        "KAFTALK_INTERNAL_KEYS": _KEY,
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _SMALLEST, env=environment, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        process._transport.close()  # type: ignore[attr-defined]


async def ready(port: int) -> None:
    async with httpx.AsyncClient() as client, asyncio.timeout(20):
        while True:
            try:
                if (await client.get(f"http://127.0.0.1:{port}/readyz")).status_code == 200:
                    return
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.05)


async def test_it_serves_its_listeners_and_ends_with_status_0_on_sigterm() -> None:
    public, internal, metrics = free_port(), free_port(), free_port()
    async with smallest_service(public, internal, metrics) as process:
        await ready(internal)
        async with httpx.AsyncClient() as client:
            answer = await client.get(f"http://127.0.0.1:{public}/api/v1")
            assert answer.status_code == 404
            assert "server" not in answer.headers
            for path in ("/metrics", "/healthz", "/readyz"):
                assert (await client.get(f"http://127.0.0.1:{public}{path}")).status_code == 404
            scraped = await client.get(f"http://127.0.0.1:{metrics}/metrics")
            assert scraped.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
            assert "kaftalk_ready{check=" in scraped.text
            assert (await client.get(f"http://127.0.0.1:{internal}/metrics")).status_code == 404
            assert (await client.get(f"http://127.0.0.1:{metrics}/readyz")).status_code == 200
            assert (await client.get(f"http://127.0.0.1:{metrics}/internal")).status_code == 404
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 20) == 0


async def test_a_header_that_is_too_large_is_refused() -> None:
    public, internal = free_port(), free_port()
    async with smallest_service(public, internal):
        await ready(internal)
        async with httpx.AsyncClient() as client:
            try:
                status = (
                    await client.get(f"http://127.0.0.1:{public}/", headers={"X-Large": "x" * 500_000})
                ).status_code
            except httpx.TransportError:
                status = 400  # it hung up before all of it was sent
            assert status == 400


@pytest.mark.parametrize("taken", ["public", "internal", "metrics"])
async def test_a_taken_port_ends_the_process_in_one_line(taken: str) -> None:
    ports = {"public": free_port(), "internal": free_port(), "metrics": free_port()}
    listening = await asyncio.start_server(lambda _r, _w: None, "127.0.0.1", ports[taken])
    async with listening, smallest_service(**ports) as process:
        _, printed = await asyncio.wait_for(process.communicate(), 20)
        assert process.returncode == 1
        assert printed.decode() == f"cannot listen on 127.0.0.1:{ports[taken]}: Address already in use\n"
