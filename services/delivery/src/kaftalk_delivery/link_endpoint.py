"""The WebSocket endpoint of links, on the internal listener, authenticated at its handshake."""

import asyncio
from collections.abc import Callable

from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from kaftalk_delivery.links import Link, Links
from kaftalk_protocol.deliveries import PATH, SUBPROTOCOL, TO_DELIVERY, LinkHello
from kaftalk_runtime.internal_auth import HEADER, InternalKeys, NotAuthenticated
from kaftalk_runtime.logs import get_logger, told

HELLO_TIMEOUT_S = 5.0
_BAD_MESSAGE = 1007
_GOING_AWAY = 1001
_SEND_TIMEOUT_S = 15.0

_log = get_logger(__name__)


def link_route(links: Links, keys: InternalKeys, *, open_for_links: Callable[[], bool]) -> WebSocketRoute:
    """Build the route; while this instance is not ready, links are refused and the gateway tries again."""

    async def endpoint(socket: WebSocket) -> None:
        try:
            keys.verify("GET", PATH, socket.headers.get(HEADER))
        except NotAuthenticated as error:
            _log.warning("link_refused", reason=error.reason)
            await socket.close()
            return
        if not open_for_links() or SUBPROTOCOL not in socket.scope["subprotocols"]:
            await socket.close()
            return
        await socket.accept(SUBPROTOCOL)
        try:
            await _serve(socket, links)
        except WebSocketDisconnect:
            return
        except (ValueError, TimeoutError) as error:
            _log.warning("link_broken", error=told(error))
            await socket.close(_BAD_MESSAGE)

    return WebSocketRoute(PATH, endpoint)


async def _serve(socket: WebSocket, links: Links) -> None:
    async with asyncio.timeout(HELLO_TIMEOUT_S):
        hello = TO_DELIVERY.validate_json(await socket.receive_text())
    if not isinstance(hello, LinkHello):
        raise ValueError("the first message must be a hello")
    link = links.open(hello)
    _log.info("link_opened", gateway=hello.gateway)
    sending = asyncio.create_task(_send(socket, link))
    receiving = asyncio.create_task(_receive(socket, links, link))
    try:
        done, _ = await asyncio.wait([sending, receiving], return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        links.close(link)
        for task in (sending, receiving):
            task.cancel()
        await asyncio.gather(sending, receiving, return_exceptions=True)
        _log.info("link_closed", gateway=hello.gateway)


async def _receive(socket: WebSocket, links: Links, link: Link) -> None:
    while True:
        links.take(link, await socket.receive_text())


async def _send(socket: WebSocket, link: Link) -> None:
    clock = asyncio.get_running_loop().time
    while True:
        await link.wake.wait()
        link.wake.clear()
        while link.queue:
            message = link.queue.take(clock())
            async with asyncio.timeout(_SEND_TIMEOUT_S):
                if isinstance(message, bytes):
                    await socket.send_bytes(message)
                else:
                    await socket.send_text(message)
