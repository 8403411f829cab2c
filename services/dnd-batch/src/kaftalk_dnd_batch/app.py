"""Wires the dnd-batch service: health on the internal listener, and a public one on which nothing exists yet."""

import asyncio

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from kaftalk_dnd_batch.settings import Settings
from kaftalk_protocol.errors import Code, Refused
from kaftalk_runtime.health import Health, internal_app
from kaftalk_runtime.serving import Listener
from kaftalk_runtime.tasks import Tasks


class App:
    """The dnd-batch service."""

    def __init__(self, settings: Settings) -> None:
        self._health = Health({"event loop": _alive})
        self._tasks = Tasks()
        self.public: Listener | None = Listener(public_app(), settings.listen, trusted_proxies=settings.trusted_proxies)
        self.internal = Listener(internal_app(self._health), settings.internal_listen)

    async def start(self) -> None:
        """Begin to watch the health."""
        self._tasks.run("health", self._health.watch)

    async def drain(self) -> None:
        """Be unready."""
        self._health.drain()

    async def stop(self) -> None:
        """End the tasks."""
        await self._tasks.stop()


def public_app() -> Starlette:
    """Build the public app: every path answers 404 as `application/problem+json`."""
    return Starlette(exception_handlers={404: _not_found})


async def _not_found(_request: Request, _error: Exception) -> Response:
    refused = Refused(Code.NOT_FOUND, "Quiet hours are not part of this version.")
    headers = {"Cache-Control": "no-store"}
    return JSONResponse(refused.problem(), refused.code.status, headers, media_type="application/problem+json")


async def _alive() -> bool:
    await asyncio.sleep(0)
    return True
