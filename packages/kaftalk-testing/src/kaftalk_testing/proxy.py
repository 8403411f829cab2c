"""A TCP proxy that breaks connections on demand: late, cut, silent, or ending after so many bytes."""

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

_CHUNK_BYTES = 64 * 1024


@dataclass(slots=True)
class Faults:
    """What happens to bytes that arrive from now on, in one direction."""

    delay_s: float = 0.0
    """Each chunk is passed on this much later; the order is kept."""
    blackhole: bool = False
    """Chunks are taken and dropped: the sender believes that they have arrived."""
    bytes_left: int | None = None
    """After so many more bytes, over all connections, the connection is reset."""


class TcpProxy:
    """Listens on `port` and connects each client to the target."""

    def __init__(self, target_host: str, target_port: int) -> None:
        self.to_target = Faults()
        self.to_client = Faults()
        self.refusing = False
        """New connections are reset at once."""
        self.accepted = 0
        self.port = 0
        self._target = (target_host, target_port)
        self._connections: dict[asyncio.Task[None], list[asyncio.StreamWriter]] = {}

    def cut(self) -> None:
        """Reset every connection that is open now."""
        for writers in self._connections.values():
            for writer in writers:
                _reset(writer)

    def heal(self) -> None:
        """Pass everything on at once again; what was dropped stays lost."""
        self.to_target, self.to_client = Faults(), Faults()
        self.refusing = False

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.accepted += 1
        writers = self._connections[task] = [writer]
        try:
            if not self.refusing:
                target_reader, target_writer = await asyncio.open_connection(*self._target)
                writers.append(target_writer)
                await self._relay(reader, writer, target_reader, target_writer)
        except OSError:
            pass  # the target is away, or one side has gone: the client sees a reset
        finally:
            for each in writers:
                _reset(each)
            del self._connections[task]

    async def _relay(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        target_reader: asyncio.StreamReader,
        target_writer: asyncio.StreamWriter,
    ) -> None:
        """Copy both ways until both have ended, or one was reset."""
        with contextlib.suppress(ExceptionGroup):
            async with asyncio.TaskGroup() as group:
                group.create_task(self._copy(reader, target_writer, up=True))
                group.create_task(self._copy(target_reader, writer, up=False))

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, up: bool) -> None:
        while chunk := await reader.read(_CHUNK_BYTES):
            # Looked up for every chunk: heal() puts new faults in place.
            faults = self.to_target if up else self.to_client
            if faults.delay_s:
                await asyncio.sleep(faults.delay_s)
            if faults.blackhole:
                continue
            writer.write(_allowed(faults, chunk))
            await writer.drain()
            if faults.bytes_left == 0:
                raise ConnectionResetError
        if writer.can_write_eof():
            writer.write_eof()


@asynccontextmanager
async def tcp_proxy(target_port: int, target_host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[TcpProxy]:
    """Run a proxy on 127.0.0.1 while the block runs; `port` 0 takes a free one."""
    proxy = TcpProxy(target_host, target_port)
    server = await asyncio.start_server(proxy._serve, "127.0.0.1", port)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        proxy.cut()
        await asyncio.gather(*proxy._connections, return_exceptions=True)
        await server.wait_closed()


def _reset(writer: asyncio.StreamWriter) -> None:
    """End a connection with RST: its peer fails instead of seeing an orderly end; socket(7), SO_LINGER of 0 s."""
    connection = writer.get_extra_info("socket")
    if not writer.is_closing() and connection is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


def _allowed(faults: Faults, chunk: bytes) -> bytes:
    if faults.bytes_left is None:
        return chunk
    chunk = chunk[: faults.bytes_left]
    faults.bytes_left -= len(chunk)
    return chunk
