"""Run a service: one process, one event loop, its listeners, an end with status 0 on SIGTERM."""

import asyncio
import contextlib
import signal
import socket
import ssl
import sys
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import uvicorn
import uvloop
from starlette.types import ASGIApp, Receive, Scope, Send

from kaftalk_runtime import traces
from kaftalk_runtime.guarded_http import GuardedHttp
from kaftalk_runtime.health import HEALTH_PATHS
from kaftalk_runtime.logs import get_logger
from kaftalk_runtime.metrics_listener import metrics_app, watch_event_loop
from kaftalk_runtime.settings import Address
from kaftalk_runtime.tls import Certificates

_HEADER_BYTES_MAX = 16 * 1024
_KEEP_ALIVE_S = 15
_CONNECTIONS_END_S = 5
_BACKLOG = 2048

_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Listener:
    """An ASGI app on an address, with explicit limits; the client's address is taken from trusted proxies only.

    With `tls` only who shows a certificate of the same authority is answered.
    """

    app: ASGIApp
    address: Address
    ws: type[asyncio.Protocol] | Literal["none", "websockets-sansio"] = "none"
    ws_bytes_max: int = 64 * 1024
    trusted_proxies: Sequence[str] = ()
    tls: Certificates | None = None


class Service(Protocol):
    """What `serve` runs."""

    public: Listener | None
    internal: Listener

    async def start(self) -> None:
        """Become ready to serve; the internal listener is open already and answers "not ready"."""

    async def drain(self) -> None:
        """Send clients elsewhere: SIGTERM came, both listeners are still open."""

    async def stop(self) -> None:
        """Let go of everything; the listeners are closed."""


def serve(
    build: Callable[[], Service], *, metrics_address: Address | None = None, drain_timeout_s: float = 20.0
) -> int:
    """Run a service until SIGTERM or SIGINT, and return the exit status: 0 after an orderly end.

    `/metrics`, and health for those who have no certificate for the internal listener, are served at `metrics_address`
    from before the start to the end. Draining and stopping have `drain_timeout_s` each; what takes longer is
    cancelled. A start that fails raises.
    """
    return uvloop.run(_serve(build, metrics_address, drain_timeout_s))


async def _serve(build: Callable[[], Service], metrics_address: Address | None, drain_timeout_s: float) -> int:
    asked = _asked_to_end()
    service = build()
    servers = [_Server(service.internal)]
    if metrics_address is not None:
        servers.append(_Server(Listener(_asked_by_machines(service.internal.app), metrics_address)))
    for server in servers:
        server.open()
    watching = asyncio.create_task(watch_event_loop())
    starting = asyncio.create_task(service.start())
    ending = asyncio.create_task(asked.wait())
    await asyncio.wait([starting, ending], return_when=asyncio.FIRST_COMPLETED)
    if starting.done():
        starting.result()
        if service.public is not None:
            servers.insert(0, _Server(service.public))
            servers[0].open()
        await ending
    else:
        starting.cancel()
    _log.info("ending")
    await _within(drain_timeout_s, "drain", service.drain)
    for server in servers:
        await server.close()
    await _within(drain_timeout_s, "stop", service.stop)
    watching.cancel()
    await asyncio.to_thread(traces.close)
    _log.info("ended")
    return 0


def _asked_by_machines(internal: ASGIApp) -> ASGIApp:
    """Build the app of the metrics listener: figures, and the internal listener's answers about health."""
    figures = metrics_app()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await (internal if scope["path"] in HEALTH_PATHS else figures)(scope, receive, send)

    return app


def _asked_to_end() -> asyncio.Event:
    asked = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, asked.set)
    return asked


async def _within(timeout_s: float, name: str, work: Callable[[], Awaitable[None]]) -> None:
    try:
        async with asyncio.timeout(timeout_s):
            await work()
    except TimeoutError:
        _log.warning("took_too_long", step=name, timeout_s=timeout_s)


class _Server:
    """One listener on uvicorn; signals are ours, and a port that is taken ends the process in one line."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._uvicorn = _Uvicorn(
            uvicorn.Config(
                listener.app,
                http=GuardedHttp,
                ws=listener.ws,
                ws_max_size=listener.ws_bytes_max,
                ws_ping_interval=None,
                ws_per_message_deflate=False,
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=bool(listener.trusted_proxies),
                forwarded_allow_ips=list(listener.trusted_proxies),
                backlog=_BACKLOG,
                timeout_keep_alive=_KEEP_ALIVE_S,
                timeout_graceful_shutdown=_CONNECTIONS_END_S,
                h11_max_incomplete_event_size=_HEADER_BYTES_MAX,
                ssl_context_factory=_tls_of(listener),
            )
        )
        self._task: asyncio.Task[None] | None = None

    def open(self) -> None:
        """Bind and serve in the background."""
        self._task = asyncio.create_task(self._uvicorn.serve([_bound(self._listener.address)]))

    async def close(self) -> None:
        """Take no more connections and end those there are."""
        self._uvicorn.should_exit = True
        if self._task is not None:
            await self._task


class _Uvicorn(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to `serve`."""
        yield


def _tls_of(listener: Listener) -> Callable[..., ssl.SSLContext] | None:
    certificates = listener.tls
    return None if certificates is None else lambda *_: certificates.for_listening()


def _bound(address: Address) -> socket.socket:
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind(address)
    except OSError as error:
        listening.close()
        print(f"cannot listen on {address.host}:{address.port}: {error.strerror}", file=sys.stderr)
        raise SystemExit(1) from None
    listening.setblocking(False)
    return listening
