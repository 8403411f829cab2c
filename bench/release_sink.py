"""Stands for the gateways of many people: takes their releases as a gateway would, and says when each came."""

import sys
import time
from typing import Any

import orjson
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from kaftalk_protocol.release_batch import ReleaseBatch


def app() -> Starlette:
    """Build an app that notes the time and the people of every batch of releases."""
    batches: list[dict[str, Any]] = []

    async def quiet(request: Request) -> Response:
        await request.body()
        return Response(status_code=204)

    async def releases(request: Request) -> Response:
        batch = ReleaseBatch.decode(await request.body())
        releases = list(batch.releases())
        users, totals = [one.user for one in releases], [one.total for one in releases]
        batches.append({"at_ms": time.time() * 1000, "users": users, "totals": totals})
        return Response(b"{}", media_type="application/json")

    async def figures(_request: Request) -> Response:
        return Response(orjson.dumps(batches), media_type="application/json")

    async def count(_request: Request) -> Response:
        return Response(str(sum(len(batch["users"]) for batch in batches)))

    return Starlette(
        routes=[
            Route("/internal/quiet", quiet, methods=["POST"]),
            Route("/internal/releases", releases, methods=["POST"]),
            Route("/figures", figures),
            Route("/count", count),
        ]
    )


if __name__ == "__main__":
    uvicorn.run(app(), host="127.0.0.1", port=int(sys.argv[1]), log_level="warning", timeout_keep_alive=600)
