"""Signed posts between services, over a real socket."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from kaftalk_runtime.internal_auth import HEADER, InternalKeys, NotAuthenticated
from kaftalk_runtime.internal_http import Answer, InternalHttp, InternalUnreachable
from kaftalk_testing.ports import free_port

_KEYS = InternalKeys(["5f0a6be1c2d94c3f8e7a1b2c3d4e5f60"])


@asynccontextmanager
async def listener(keys: InternalKeys) -> AsyncIterator[int]:
    """Serve posts: 204 if the signature is right, else 401."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")[:-2]
        headers = dict(line.lower().split(": ", 1) for line in lines)
        body = await reader.readexactly(int(headers["content-length"]))
        method, path, _ = first.split()
        try:
            keys.verify(method, path, headers[HEADER.lower()], body)
            writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        except NotAuthenticated:
            writer.write(b"HTTP/1.1 401 Unauthorized\r\ncontent-length: 2\r\n\r\nno")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


@pytest.fixture
async def http() -> AsyncIterator[InternalHttp]:
    client = InternalHttp(_KEYS, timeout_s=0.2)
    yield client
    await client.close()


@pytest.mark.parametrize("scheme", ["http", "ws"])
async def test_what_is_posted_is_signed(http: InternalHttp, scheme: str) -> None:
    async with listener(_KEYS) as port:
        answer = await http.post(f"{scheme}://127.0.0.1:{port}", "/internal/pierced", b'{"by":"\xed\x95\x9c"}')
    assert answer == Answer(204, b"")
    assert answer.is_success


async def test_an_answer_that_refuses_is_given_back(http: InternalHttp) -> None:
    async with listener(InternalKeys(["0123456789abcdef0123456789abcdef"])) as port:
        answer = await http.post(f"http://127.0.0.1:{port}", "/internal/quiet", b"{}")
    assert (answer.status, answer.body, answer.is_success) == (401, b"no", False)


async def test_nobody_listening_is_told_apart_from_no_answer(http: InternalHttp) -> None:
    with pytest.raises(InternalUnreachable) as nobody:
        await http.post(f"http://127.0.0.1:{free_port()}", "/internal/quiet", b"{}")
    assert nobody.value.refused

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with await asyncio.start_server(silent, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(InternalUnreachable) as silence:
            await http.post(f"http://127.0.0.1:{port}", "/internal/quiet", b"{}")
    assert not silence.value.refused
