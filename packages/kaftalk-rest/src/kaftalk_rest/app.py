"""A service's part of the REST API as an ASGI app, and its OpenAPI description."""

import asyncio
from collections.abc import Collection, Iterable, Sequence
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.datastructures import MutableHeaders
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kaftalk_protocol.errors import Code, Refused
from kaftalk_rest import problems
from kaftalk_rest.json_bodies import JsonBodies
from kaftalk_rest.problems import FieldProblem, Problem
from kaftalk_rest.request_log import RequestLog

PREFIX = "/api/v1"
REQUEST_TIMEOUT_S = 15.0


def build_app(
    routers: Sequence[APIRouter], *, unavailable: Iterable[type[Exception]] = (), long_bodies: Collection[str] = ()
) -> FastAPI:
    """Build the app without the parts behind its routes: enough for its OpenAPI description.

    The errors of `unavailable` are answered as 503, with those of Kafka and Redis. `long_bodies` are paths below the
    prefix where `json_bodies.JsonBodies` lets long ones pass.
    """
    app = FastAPI(
        title="Kaftalk",
        version="1",
        openapi_url="/api/openapi.json",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=lambda route: route.name,
    )
    for router in routers:
        app.include_router(router, prefix=PREFIX)
    problems.install(app, _methods(routers), unavailable)
    app.add_middleware(JsonBodies, long_bodies={PREFIX + path for path in long_bodies})
    app.add_middleware(Deadline)
    app.add_middleware(NoStore)
    app.add_middleware(Heads)
    app.add_middleware(RequestLog)
    app.openapi = lambda: describe(app)  # type: ignore[method-assign]
    return app


def _methods(routers: Sequence[APIRouter]) -> dict[str, set[str]]:
    methods: dict[str, set[str]] = {}
    for router in routers:
        for route in router.routes:
            if isinstance(route, Route):
                methods.setdefault(PREFIX + route.path, set()).update(route.methods or ())
    return {path: own | {"HEAD"} if "GET" in own else own for path, own in methods.items()}


class Heads:
    """ASGI wrapper: HEAD is answered wherever GET is, with its headers and without its body (RFC 9110 9.3.2)."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Ask the routes, which know GET alone."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return

        async def without_body(message: Message) -> None:
            await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

        asked = {**scope, "method": "GET"}
        try:
            await self._app(asked, receive, without_body)
        finally:
            # The request log names the route.
            scope["route"] = asked.get("route")


class NoStore:
    """ASGI wrapper: no cache keeps what the API answers."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Add `Cache-Control: no-store` to every answer."""

        async def with_header(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["Cache-Control"] = "no-store"
                headers["X-Content-Type-Options"] = "nosniff"
            await send(message)

        await self._app(scope, receive, with_header)


class Deadline:
    """ASGI wrapper: nothing hangs. What took too long may have been done."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Give up after 15 s, before clients and proxies do."""
        begun = False

        async def noted(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            async with asyncio.timeout(REQUEST_TIMEOUT_S):
                await self._app(scope, receive, noted)
        except TimeoutError:
            if begun or scope["type"] != "http":
                raise
            code = Code.UNAVAILABLE if scope["method"] == "GET" else Code.UNKNOWN_OUTCOME
            await problems.problem_response(Refused(code, "it took too long"))(scope, receive, send)


def describe(app: FastAPI) -> dict[str, Any]:
    """Give the OpenAPI 3.1 description, the same for the same code."""
    if app.openapi_schema is None:
        described = get_openapi(
            title=app.title, version=app.version, openapi_version="3.1.0", routes=app.routes,
            description="Group chat on Kafka: accounts, rooms, history, quiet hours, media. Errors: RFC 9457 problems.",
        )  # fmt: skip
        schemas = described["components"]["schemas"]
        for model in (FieldProblem, Problem):
            schemas[model.__name__] = model.model_json_schema(ref_template="#/components/schemas/{model}")
            schemas[model.__name__].pop("$defs", None)
        for name in ("HTTPValidationError", "ValidationError"):
            schemas.pop(name, None)
        app.openapi_schema = described
    return app.openapi_schema
