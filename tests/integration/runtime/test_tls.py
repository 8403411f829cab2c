"""Mutual TLS: who shows no certificate of the deployment's authority gets no answer, on either end."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

from kaftalk_runtime.internal_auth import InternalKeys
from kaftalk_runtime.internal_http import InternalHttp, InternalUnreachable
from kaftalk_runtime.internal_routes import signed_route
from kaftalk_runtime.serving import Listener, _Server
from kaftalk_runtime.settings import Address
from kaftalk_runtime.tls import INTERNAL_NAME, Certificates, UnusableCertificates
from kaftalk_testing.certificates import Authority
from kaftalk_testing.ports import free_port
from kaftalk_thumbnailer.callback import MediaService

_KEY = "5f0a6be1c2d94c3f8e7a1b2c3d4e5f60"
_KEYS = InternalKeys([_KEY])


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.fixture
def folder(authority: Authority, tmp_path: Path) -> Path:
    return authority.issue(tmp_path / "own", [INTERNAL_NAME])


@asynccontextmanager
async def listener(folder: Path, path: str = "/take") -> AsyncIterator[str]:
    """Serve signed posts by mutual TLS."""

    async def take(body: bytes) -> Response:
        return Response(body, 200)

    port = free_port()
    app = Starlette(routes=[signed_route(path, _KEYS, take), Route("/healthz", lambda _: Response(b"ok"))])
    server = _Server(Listener(app, Address("127.0.0.1", port), tls=Certificates(folder)))
    server.open()
    await _listened(port)
    try:
        yield f"ws://127.0.0.1:{port}"
    finally:
        await server.close()


async def _listened(port: int) -> None:
    async with asyncio.timeout(10):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.02)
            else:
                writer.close()
                return


async def posted(folder: Path | None, url: str) -> bytes:
    """Post once, on a connection of its own."""
    http = InternalHttp(_KEYS, tls=Certificates(folder) if folder else None)
    try:
        return (await http.post(url, "/take", b"{}")).body
    finally:
        await http.close()


async def test_services_of_one_authority_call_each_other_by_address(folder: Path) -> None:
    async with listener(folder) as url:
        assert await posted(folder, url) == b"{}"


async def test_who_has_no_certificate_is_not_answered(folder: Path) -> None:
    async with listener(folder) as url:
        address = url.replace("ws", "https")
        async with httpx.AsyncClient(verify=False) as client:
            with pytest.raises(httpx.TransportError):
                await client.get(f"{address}/healthz")
        with pytest.raises(InternalUnreachable):
            await posted(None, url)


async def test_another_authoritys_certificate_is_refused_on_both_ends(folder: Path, tmp_path: Path) -> None:
    stranger = Authority().issue(tmp_path / "stranger", [INTERNAL_NAME])
    async with listener(folder) as url:
        with pytest.raises(InternalUnreachable):
            await posted(stranger, url)
    async with listener(stranger) as url:
        with pytest.raises(InternalUnreachable):
            await posted(folder, url)


async def test_a_certificate_for_another_name_serves_no_internal_call(
    authority: Authority, folder: Path, tmp_path: Path
) -> None:
    async with listener(authority.issue(tmp_path / "other", ["kafka.example"])) as url:
        with pytest.raises(InternalUnreachable):
            await posted(folder, url)


async def test_a_certificate_that_has_ended_is_refused(authority: Authority, folder: Path, tmp_path: Path) -> None:
    async with listener(folder) as url:
        with pytest.raises(InternalUnreachable):
            await posted(authority.issue(tmp_path / "ended", [INTERNAL_NAME], days=-1), url)


async def test_a_replaced_certificate_serves_the_next_connection(
    authority: Authority, folder: Path, tmp_path: Path
) -> None:
    ended = authority.issue(tmp_path / "served", [INTERNAL_NAME], days=-1)
    async with listener(ended) as url:
        with pytest.raises(InternalUnreachable):
            await posted(folder, url)
        authority.issue(ended, [INTERNAL_NAME])
        assert await posted(folder, url) == b"{}"
        (ended / "tls.key").write_text("not a key")
        assert await posted(folder, url) == b"{}"


async def test_what_has_certificates_never_calls_without(folder: Path) -> None:
    """A plain listener, as a forged address in Redis would name it, hears nothing that is signed."""
    heard = bytearray()

    async def hear(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.extend(await reader.read(4096))
        writer.close()

    async with await asyncio.start_server(hear, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(InternalUnreachable):
            await posted(folder, f"http://127.0.0.1:{port}")
    assert b"X-Kaftalk-Auth" not in heard


async def test_the_function_tells_results_by_a_name_that_the_certificate_holds(
    authority: Authority, folder: Path, tmp_path: Path
) -> None:
    served = authority.issue(tmp_path / "served", [INTERNAL_NAME, "localhost"])
    async with listener(served, "/media/1/result") as url:
        address = url.replace("ws://127.0.0.1", "https://localhost")
        assert await asyncio.to_thread(MediaService(address, _KEY, tls=folder).tell, "1", b"{}")
        with pytest.raises(OSError, match="SSL|reset"):
            await asyncio.to_thread(MediaService(address, _KEY).tell, "1", b"{}")


def test_files_that_do_not_belong_together_are_refused(authority: Authority, folder: Path, tmp_path: Path) -> None:
    other = authority.issue(tmp_path / "other", [INTERNAL_NAME])
    (folder / "tls.key").write_bytes((other / "tls.key").read_bytes())
    with pytest.raises(UnusableCertificates, match=r"tls\.key"):
        Certificates(folder)


async def test_a_service_is_probed_without_a_certificate_and_called_with_one(folder: Path) -> None:
    public, internal, metrics = free_port(), free_port(), free_port()
    environment = os.environ | {
        "KAFTALK_INSTANCE": "gateway-1",
        "KAFTALK_LISTEN": f"127.0.0.1:{public}",
        "KAFTALK_INTERNAL_LISTEN": f"127.0.0.1:{internal}",
        "KAFTALK_METRICS_LISTEN": f"127.0.0.1:{metrics}",
        "KAFTALK_KAFKA_BOOTSTRAP": "127.0.0.1:9",
        "KAFTALK_REDIS_URL": "redis://127.0.0.1:9",
        "KAFTALK_INTERNAL_KEYS": _KEY,
        "KAFTALK_INTERNAL_TLS": str(folder),
    }
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "kaftalk_gateway", env=environment)
    try:
        await _listened(metrics)
        async with httpx.AsyncClient() as client:
            assert (await client.get(f"http://127.0.0.1:{metrics}/healthz")).status_code == 200
            assert (await client.get(f"http://127.0.0.1:{metrics}/readyz")).status_code == 503
            with pytest.raises(httpx.TransportError):
                await client.get(f"http://127.0.0.1:{internal}/healthz")
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 20) == 0
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def test_a_folder_without_certificates_stops_the_start_by_name(tmp_path: Path) -> None:
    environment = os.environ | {"KAFTALK_INTERNAL_TLS": str(tmp_path)}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "kaftalk_gateway", env=environment, stderr=asyncio.subprocess.PIPE
    )
    _, complaint = await process.communicate()
    assert process.returncode == 2
    assert f"KAFTALK_INTERNAL_TLS: {tmp_path}" in complaint.decode()
