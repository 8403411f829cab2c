"""The guarded WebSocket protocol and HTTP protocol of uvicorn, over real sockets."""

import asyncio
import contextlib
import json
import os
import socket
import struct
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import uvicorn
import websockets
from websockets.exceptions import ConnectionClosed

from kaftalk_gateway import guarded_protocol
from kaftalk_gateway.guarded_protocol import EXTENSION, GuardedWebSocket, prepare
from kaftalk_runtime import guarded_http
from kaftalk_runtime.guarded_http import GuardedHttp

HANDSHAKE = (
    "GET /{path} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: {version}\r\n{more}\r\n"
)

WRITERS: list[asyncio.StreamWriter] = []


class App:
    """Echoes at /echo; elsewhere it collects texts and keeps the sockets for the test to write to."""

    def __init__(self) -> None:
        self.sockets: list[GuardedWebSocket] = []
        self.texts: list[str] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            await self.answer_http(receive, send)
            return
        await receive()
        if scope["path"] == "/refused":
            await send({"type": "websocket.http.response.start", "status": 403, "headers": []})
            await send({"type": "websocket.http.response.body", "body": b"no"})
            return
        await send({"type": "websocket.accept"})
        ws = scope["extensions"][EXTENSION]
        self.sockets.append(ws)
        ws.on_text = self.texts.append if scope["path"] != "/echo" else lambda text: ws.write(text.encode())
        while (message := await receive())["type"] != "websocket.disconnect":
            await send({"type": "websocket.send", "bytes": message["bytes"]})

    async def answer_http(self, receive: Any, send: Any) -> None:
        while (await receive()).get("more_body"):
            pass
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})


@pytest.fixture
async def served() -> AsyncIterator[tuple[App, int]]:
    app = App()
    config = uvicorn.Config(
        app, port=0, lifespan="off", http=GuardedHttp, ws=GuardedWebSocket, ws_per_message_deflate=False,
        ws_max_size=65_536, ws_ping_interval=None, log_level="critical", timeout_graceful_shutdown=1,
    )  # fmt: skip
    server = uvicorn.Server(config)
    listening = socket.create_server(("127.0.0.1", 0))
    with contextlib.suppress(asyncio.CancelledError):
        task = asyncio.create_task(server.serve([listening]))
        while not server.started:
            await asyncio.sleep(0.01)
        yield app, listening.getsockname()[1]
        for writer in WRITERS:
            writer.close()
        server.should_exit = True
        await task
        WRITERS.clear()


async def dial(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    WRITERS.append(writer)
    return reader, writer


async def raw(port: int, path: str = "", *, version: str = "13", more: str = "") -> Any:
    reader, writer = await dial(port)
    writer.write(HANDSHAKE.format(path=path, version=version, more=more).encode())
    head = await reader.readuntil(b"\r\n\r\n")
    return reader, writer, head


def frame(opcode: int, payload: bytes, *, fin: bool = True) -> bytes:
    first = opcode | (0x80 if fin else 0)
    short = len(payload) < 126
    head = struct.pack(">BB", first, 0x80 | len(payload)) if short else struct.pack(">BBH", first, 0xFE, len(payload))
    return head + b"\0\0\0\0" + payload


async def close_code(reader: asyncio.StreamReader) -> int | None:
    data = b""
    with contextlib.suppress(ConnectionResetError):
        while chunk := await asyncio.wait_for(reader.read(65_536), 5):
            data += chunk
    at = data.rfind(b"\x88")
    return struct.unpack(">H", data[at + 2 : at + 4])[0] if at >= 0 else None


def rss_kb() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE") // 1024


@pytest.mark.parametrize("size", [0, 125, 126, 65_535, 65_536, 200_000])
async def test_a_prepared_frame_arrives_whole(served: tuple[App, int], size: int) -> None:
    app, port = served
    async with websockets.connect(f"ws://127.0.0.1:{port}/x", compression=None) as client:
        await client.send("hi")
        while not app.texts:
            await asyncio.sleep(0.01)
        app.sockets[-1].write_prepared(prepare(b"a" * size))
        assert await client.recv() == "a" * size


async def test_what_one_tick_writes_goes_out_in_order(served: tuple[App, int]) -> None:
    app, port = served
    async with websockets.connect(f"ws://127.0.0.1:{port}/x", compression=None) as client:
        await client.send("hi")
        while not app.texts:
            await asyncio.sleep(0.01)
        for i in range(100):
            app.sockets[-1].write(str(i).encode())
        assert [await client.recv() for _ in range(100)] == [str(i) for i in range(100)]


async def test_a_socket_outlives_the_deadlines_of_http_requests(
    served: tuple[App, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guarded_http, "HEADERS_TIMEOUT_S", 0.1)
    monkeypatch.setattr(guarded_http, "BODY_TIMEOUT_S", 0.1)
    async with websockets.connect(f"ws://127.0.0.1:{served[1]}/echo", compression=None) as client:
        await asyncio.sleep(0.5)
        await client.send("still here")
        assert await client.recv() == "still here"


async def test_a_refused_handshake_is_answered_and_is_no_error_of_the_log(
    served: tuple[App, int], caplog: pytest.LogCaptureFixture
) -> None:
    reader, _, head = await raw(served[1], "refused")
    assert head.startswith(b"HTTP/1.1 403 ")
    assert await asyncio.wait_for(reader.read(), 5) == b"no"
    assert not caplog.records


async def test_deflate_is_never_negotiated(served: tuple[App, int]) -> None:
    _, _, head = await raw(served[1], more="Sec-WebSocket-Extensions: permessage-deflate\r\n")
    assert b" 101 " in head
    assert b"permessage-deflate" not in head


@pytest.mark.parametrize("version", ["1337", "8", "x"])
async def test_another_websocket_version_is_never_upgraded(served: tuple[App, int], version: str) -> None:
    _, _, head = await raw(served[1], version=version)
    assert head.split()[1] in (b"400", b"426")


@pytest.mark.parametrize(
    ("version", "more"),
    [("8", ""), ("x", ""), ("13", "Sec-WebSocket-Key: again\r\n"), ("13", "X: 1\r\n" * 2000)],
)
async def test_a_handshake_that_the_library_refuses_is_answered_with_a_problem(
    served: tuple[App, int], version: str, more: str
) -> None:
    reader, _, head = await raw(served[1], version=version, more=more)
    problem = json.loads(await asyncio.wait_for(reader.read(), 5))
    assert int(head.split()[1]) == problem["status"] in (400, 426)
    assert problem["code"] == "invalid"
    assert b"content-type: application/problem+json\r\n" in head.lower()
    assert b"sec-websocket-version: 13\r\n" in head.lower()


async def test_two_thousand_headers_get_an_error_and_the_end(served: tuple[App, int]) -> None:
    reader, _, head = await raw(served[1], more="".join(f"X-{i}: 1\r\n" for i in range(2000)))
    assert head.split()[1] in (b"400", b"431")
    assert await asyncio.wait_for(reader.read(), 5) is not None


async def test_a_message_over_64_kib_closes_1009(served: tuple[App, int]) -> None:
    reader, writer, _ = await raw(served[1])
    half = b"a" * 32_769
    writer.write(frame(1, half, fin=False) + frame(0, half))
    assert await close_code(reader) == 1009


async def test_a_header_that_announces_eight_exbibytes_closes_1009(served: tuple[App, int]) -> None:
    reader, writer, _ = await raw(served[1])
    writer.write(struct.pack(">BBQ", 0x81, 0xFF, 2**63 - 1) + b"\0\0\0\0")
    assert await close_code(reader) == 1009


async def test_sixty_four_fragments_pass_and_more_close_1009(served: tuple[App, int]) -> None:
    app, port = served
    reader, writer, _ = await raw(port)
    writer.write(frame(1, b"a", fin=False) + frame(0, b"a", fin=False) * 62 + frame(0, b"a"))
    while not app.texts:
        await asyncio.sleep(0.01)
    assert app.texts == ["a" * 64]
    writer.write(frame(1, b"a", fin=False) + frame(0, b"a", fin=False) * 64)
    assert await close_code(reader) == 1009


@pytest.mark.slow
async def test_tiny_fragments_do_not_pin_memory(served: tuple[App, int]) -> None:
    before = rss_kb()
    for _ in range(20):
        reader, writer, _ = await raw(served[1])
        writer.write(frame(1, b"a", fin=False) + frame(0, b"a", fin=False) * 20_000)
        assert await close_code(reader) == 1009
        writer.close()
    assert rss_kb() - before < 20 * 1024


async def test_a_ping_flood_by_a_peer_that_does_not_read_is_cut(served: tuple[App, int]) -> None:
    before = rss_kb()
    reader, writer, _ = await raw(served[1])
    with pytest.raises(ConnectionError):
        for _ in range(2_000):
            writer.write(frame(9, b"p" * 125) * 100)
            await asyncio.wait_for(writer.drain(), 5)
    assert rss_kb() - before < 8 * 1024


async def test_invalid_utf8_closes_1007(served: tuple[App, int]) -> None:
    reader, writer, _ = await raw(served[1])
    writer.write(frame(1, b"\xff\xfe"))
    assert await close_code(reader) == 1007


@pytest.mark.slow
async def test_a_reader_that_stops_is_congested_then_cut(served: tuple[App, int]) -> None:
    app, port = served
    _, writer, _ = await raw(port)
    writer.write(frame(1, b"hi"))
    while not app.texts:
        await asyncio.sleep(0.01)
    ws, big = app.sockets[-1], prepare(b"a" * 60_000)
    while not ws.congested:
        ws.write_prepared(big)
        await asyncio.sleep(0)
    while not ws.close_sent:
        ws.write_prepared(big)
        await asyncio.sleep(0)
    assert ws.buffered < guarded_protocol.BUFFER_HARD_BYTES + 256 * 1024
    while not ws.disconnected:
        await asyncio.sleep(0.05)


async def test_a_congested_socket_tells_when_it_is_drained(served: tuple[App, int]) -> None:
    app, port = served
    reader, writer, _ = await raw(port)
    writer.write(frame(1, b"hi"))
    while not app.texts:
        await asyncio.sleep(0.01)
    ws, drained = app.sockets[-1], asyncio.Event()
    ws.on_drained = drained.set
    while not ws.congested:
        ws.write_prepared(prepare(b"a" * 60_000))
        await asyncio.sleep(0)
    reading = asyncio.create_task(reader.read(2**26))
    while not drained.is_set():
        await asyncio.sleep(0.01)
        if reading.done():
            reading = asyncio.create_task(reader.read(2**26))
    assert not ws.congested
    reading.cancel()


async def test_a_close_frame_carries_code_and_reason(served: tuple[App, int]) -> None:
    app, port = served
    async with websockets.connect(f"ws://127.0.0.1:{port}/x", compression=None) as client:
        await client.send("hi")
        while not app.texts:
            await asyncio.sleep(0.01)
        app.sockets[-1].write(b"last words")
        app.sockets[-1].close(4503, "session ended")
        assert await client.recv() == "last words"
        with pytest.raises(ConnectionClosed) as closed:
            await client.recv()
    assert closed.value.rcvd is not None
    assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (4503, "session ended")


@pytest.mark.slow
async def test_a_silent_or_slow_request_is_cut(served: tuple[App, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guarded_http, "HEADERS_TIMEOUT_S", 0.2)
    monkeypatch.setattr(guarded_http, "BODY_TIMEOUT_S", 0.2)
    for start in (
        b"",
        b"GET / HTTP/1.1\r\nHost: x\r\nX-A: ",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\na",
    ):
        reader, writer = await dial(served[1])
        writer.write(start)
        with contextlib.suppress(ConnectionResetError):
            assert await asyncio.wait_for(reader.read(), 5) == b""


async def test_a_quick_request_keeps_its_connection(served: tuple[App, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guarded_http, "HEADERS_TIMEOUT_S", 1.0)
    reader, writer = await dial(served[1])
    for _ in range(3):
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b" 204 " in await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
        await asyncio.sleep(0.6)


@pytest.mark.slow
async def test_the_autobahn_cases_pass(served: tuple[App, int], tmp_path: Path) -> None:
    count, failed = await _autobahn(served[1], [f"{group}.*" for group in (1, 2, 3, 4, 5, 6, 7, 10)], tmp_path / "all")
    print(f"{count} cases, failed: {failed}")
    assert count > 240
    if failed:
        # Some cases wait for a second at most, for which a machine may stand still: once more, alone.
        assert await _autobahn(served[1], failed, tmp_path / "again") == (len(failed), [])


async def _autobahn(port: int, cases: Sequence[str], folder: Path) -> tuple[int, list[str]]:
    """Run cases of the suite, and give how many there were and which failed."""
    folder.mkdir()
    kosoku = Path(sys.executable).with_name("kosoku")
    chosen = [part for case in cases for part in ("-i", case)]
    command = [str(kosoku), "-m", "fuzzingclient", *chosen, "-o", str(folder), f"127.0.0.1:{port}/echo"]
    process = await asyncio.create_subprocess_exec(*command, stdout=-3, stderr=-3)
    await asyncio.wait_for(process.wait(), 100)
    reports = [json.loads(path.read_text()) for path in folder.glob("*_case_*.json")]
    failed = {report["id"] for report in reports if "FAILED" in (report["behavior"], report["behaviorClose"])}
    return len(reports), sorted(failed)
