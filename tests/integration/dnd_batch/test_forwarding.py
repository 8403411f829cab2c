"""A request that reaches another instance than the owner is answered by the owner, over a real socket."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import APIRouter, FastAPI, Request, Response
from starlette.applications import Starlette

from kaftalk_dnd_batch import forwarding
from kaftalk_dnd_batch.errors import NotMine
from kaftalk_dnd_batch.forwarding import Forwarding, forward_route
from kaftalk_protocol.errors import Code, Refused
from kaftalk_rest.app import build_app
from kaftalk_runtime.internal_auth import InternalKeys
from kaftalk_runtime.internal_http import InternalHttp
from kaftalk_testing.ports import free_port

pytestmark = pytest.mark.slow

SECRET = "f1-0123456789abcdefghijklmnopqrst"


Build = Callable[..., FastAPI]


class OneOwner:
    """Knows one owner of everything, or nobody."""

    def __init__(self, url: str | None) -> None:
        self.url = url

    async def owner_of(self, key: str) -> str | None:
        """Give the address for any key."""
        return self.url if key == "mina" else None


@pytest.fixture
async def instance() -> AsyncIterator[Build]:
    """Give what builds instances."""
    clients: list[InternalHttp] = []

    def build(owner: OneOwner, *, owns: bool, secret: str = SECRET) -> FastAPI:
        clients.append(InternalHttp(InternalKeys([secret]), timeout_s=1.0))
        return _instance(Forwarding(owner, clients[-1]), owns=owns)

    yield build
    for client in clients:
        await client.close()


def _instance(forwarding_: Forwarding, *, owns: bool) -> FastAPI:
    """Build an instance whose routes need the shard of `mina`."""
    router = APIRouter()

    @router.api_route("/quiet", methods=["GET", "PUT"])
    async def quiet(request: Request, response: Response) -> dict[str, Any]:
        if not owns:
            raise NotMine("mina")
        response.headers["ETag"] = '"7"'
        response.headers["X-Internal"] = "secret"
        return {
            "query": str(request.query_params), "body": (await request.body()).decode(),
            "authorization": request.headers.get("authorization"), "cookie": request.headers.get("cookie"),
            "if_match": request.headers.get("if-match"),
        }  # fmt: skip

    @router.get("/refused")
    async def refused() -> None:
        if not owns:
            raise NotMine("mina")
        raise Refused(Code.RATE_LIMITED, "too often", retry_after_ms=7_000)

    @router.get("/nobodys")
    async def nobodys() -> None:
        raise NotMine("jun")

    app = build_app([router])
    forwarding.install(app)
    app.state.forwarding = forwarding_
    return app


@contextlib.asynccontextmanager
async def _listening(app: FastAPI) -> AsyncIterator[int]:
    port = free_port()
    internal = Starlette(routes=[forward_route(app, InternalKeys([SECRET]))])
    server = uvicorn.Server(uvicorn.Config(internal, port=port, lifespan="off", log_config=None, access_log=False))
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    yield port
    server.should_exit = True
    await serving


async def _ask(app: FastAPI, method: str, path: str, **options: Any) -> httpx.Response:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://t/api/v1") as client:
        return await client.request(method, path, **options)


async def test_the_owner_answers_as_if_it_had_been_asked(instance: Build) -> None:
    async with _listening(instance(OneOwner(None), owns=True)) as port:
        other = instance(OneOwner(f"ws://127.0.0.1:{port}"), owns=False)
        headers = {"Authorization": "Bearer a.b.c", "If-Match": '"6"', "Cookie": "kt_refresh=x"}
        answer = await _ask(
            other, "PUT", "/quiet", params={"from": "2027-01-01", "days": "3"}, headers=headers, json={"label": "조용"}
        )
        refused = await _ask(other, "GET", "/refused")
    assert (answer.status_code, answer.headers["etag"], "x-internal" in answer.headers) == (200, '"7"', False)
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json() == {
        "query": "from=2027-01-01&days=3", "body": '{"label":"조용"}',
        "authorization": "Bearer a.b.c", "cookie": None, "if_match": '"6"',
    }  # fmt: skip
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "7")
    assert refused.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("path", ["/quiet", "/nobodys"])
async def test_while_no_owner_is_known_it_is_to_be_tried_again(instance: Build, path: str) -> None:
    answer = await _ask(instance(OneOwner(None), owns=False), "GET", path)
    assert (answer.status_code, answer.json()["code"], answer.headers["retry-after"]) == (503, "unavailable", "2")


async def test_a_request_is_sent_on_once(instance: Build) -> None:
    asked = OneOwner(None)
    stranger = instance(asked, owns=False)
    async with _listening(stranger) as port:
        asked.url = f"http://127.0.0.1:{port}"
        answer = await _ask(stranger, "GET", "/quiet")
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")


async def test_an_owner_that_is_gone_has_done_nothing(instance: Build) -> None:
    other = instance(OneOwner(f"http://127.0.0.1:{free_port()}"), owns=False)
    answer = await _ask(other, "PUT", "/quiet", json={})
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")


@pytest.mark.slow
async def test_an_owner_that_falls_silent_may_have_done_it(instance: Build) -> None:
    async def never(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with await asyncio.start_server(never, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        other = instance(OneOwner(f"http://127.0.0.1:{port}"), owns=False)
        put, get = await asyncio.gather(_ask(other, "PUT", "/quiet", json={}), _ask(other, "GET", "/quiet"))
    assert (put.status_code, put.json()["code"]) == (503, "unknown_outcome")
    assert (get.status_code, get.json()["code"]) == (503, "unavailable")


async def test_a_stranger_to_the_deployment_cannot_ask_the_owner(instance: Build) -> None:
    async with _listening(instance(OneOwner(None), owns=True)) as port:
        owner = OneOwner(f"http://127.0.0.1:{port}")
        answer = await _ask(instance(owner, owns=False, secret="g" + SECRET[1:]), "GET", "/quiet")
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
