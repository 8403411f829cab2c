"""The TCP proxy of the fault tests, against an echo server."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from kaftalk_testing.proxy import TcpProxy, tcp_proxy


@pytest_asyncio.fixture
async def proxy() -> AsyncIterator[TcpProxy]:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(1000):
                writer.write(data)
        except ConnectionResetError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    async with tcp_proxy(server.sockets[0].getsockname()[1]) as running:
        yield running
    server.close()


async def connect(proxy: TcpProxy) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", proxy.port)


async def test_bytes_pass_both_ways_until_the_client_ends(proxy: TcpProxy) -> None:
    reader, writer = await connect(proxy)
    writer.write(b"hello")
    writer.write_eof()

    assert await reader.read() == b"hello"
    writer.close()


async def test_a_cut_resets_open_connections_and_lets_new_ones_in(proxy: TcpProxy) -> None:
    reader, writer = await connect(proxy)
    writer.write(b"hello")
    await reader.readexactly(5)

    proxy.cut()

    with pytest.raises(ConnectionResetError):
        await reader.read()
    writer.close()
    reader, writer = await connect(proxy)
    writer.write(b"again")
    assert await reader.readexactly(5) == b"again"
    writer.close()
    assert proxy.accepted == 2


async def test_a_blackhole_takes_bytes_and_gives_none_back(proxy: TcpProxy) -> None:
    reader, writer = await connect(proxy)
    proxy.to_client.blackhole = True
    writer.write(b"lost")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(reader.read(4), 0.2)

    proxy.heal()
    writer.write(b"kept")

    assert await reader.readexactly(4) == b"kept"
    writer.close()


async def test_a_connection_ends_after_the_allowed_bytes(proxy: TcpProxy) -> None:
    reader, writer = await connect(proxy)
    proxy.to_client.bytes_left = 3

    writer.write(b"hello")

    assert await reader.readexactly(3) == b"hel"
    with pytest.raises(ConnectionResetError):
        await reader.read()
    writer.close()


async def test_delayed_bytes_keep_their_order(proxy: TcpProxy) -> None:
    reader, writer = await connect(proxy)
    proxy.to_target.delay_s = 0.05
    for number in range(5):
        writer.write(bytes([number]))
        await asyncio.sleep(0.01)

    assert await reader.readexactly(5) == bytes(range(5))
    writer.close()


async def test_a_refusing_proxy_ends_new_connections_at_once(proxy: TcpProxy) -> None:
    proxy.refusing = True
    reader, writer = await connect(proxy)

    with pytest.raises(ConnectionResetError):
        await reader.readexactly(1)
    writer.close()
