"""The internal listener of a media service that only takes results: it checks signatures and remembers."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from kaftalk_lambda_host.http_server import Request, Response, serve
from kaftalk_runtime.internal_auth import HEADER, InternalKeys, NotAuthenticated


class MediaListener:
    """What was told, and what is answered: `status`, or nothing while `open` is not set."""

    def __init__(self, key: str) -> None:
        self._keys = InternalKeys([key])
        self.key = key
        self.url = ""
        self.status = 204
        self.open = asyncio.Event()
        self.open.set()
        self.told: list[dict[str, Any]] = []
        self._changed = asyncio.Condition()

    async def result_of(self, media: str, *, times: int = 1) -> dict[str, Any]:
        """Wait until a result of the media was told so often, and return the last one."""
        async with self._changed:
            await self._changed.wait_for(lambda: len(self.told_of(media)) >= times)
        return self.told_of(media)[-1]

    def told_of(self, media: str) -> list[dict[str, Any]]:
        """Return the results of the media, as they came."""
        return [result for result in self.told if result["id"] == media]

    async def _answer(self, request: Request) -> Response:
        try:
            self._keys.verify(request.method, request.path, request.headers.get(HEADER.lower()), request.body)
        except NotAuthenticated:
            return Response(401)
        result = json.loads(request.body)
        if (request.method, request.path) != ("POST", f"/media/{result['id']}/result"):
            return Response(404)
        async with self._changed:
            self.told.append(result)
            self._changed.notify_all()
        await self.open.wait()
        return Response(self.status)


@asynccontextmanager
async def running_listener(key: str) -> AsyncIterator[MediaListener]:
    """Listen on a port of 127.0.0.1 while the block runs."""
    listener = MediaListener(key)
    async with serve(listener._answer) as port:
        listener.url = f"http://127.0.0.1:{port}"
        yield listener
