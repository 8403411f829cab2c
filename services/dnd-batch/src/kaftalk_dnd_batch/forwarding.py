"""Requests about people whose shard another instance has are carried out there.

What is sent on is the request itself, with its access token, so the owner decides everything anew; the answer comes
back as it is. A request is sent on once: if nobody is known to own the shard, it is to be tried again soon.
"""

from collections.abc import Awaitable, Callable, Iterable
from http import HTTPMethod
from typing import Protocol

from fastapi import FastAPI, Request
from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Message, Scope

from kaftalk_dnd_batch.errors import NotMine
from kaftalk_protocol.errors import Code, Refused
from kaftalk_rest.problems import problem_response
from kaftalk_runtime.internal_auth import InternalKeys
from kaftalk_runtime.internal_http import InternalHttp, InternalUnreachable
from kaftalk_runtime.internal_routes import signed_route
from kaftalk_runtime.logs import get_logger

PATH = "/internal/forward"
REQUEST_HEADERS = ("authorization", "content-type", "if-match")
RESPONSE_HEADERS = ("content-type", "etag", "link", "retry-after", "allow", "www-authenticate")
_FORWARDED = "kaftalk.forwarded"

_log = get_logger(__name__)


class Owners(Protocol):
    """Who owns which shard."""

    async def owner_of(self, key: str) -> str | None:
        """Give the internal address of the instance that owns the shard of a user or of `org`; None: nobody known."""


class ForwardedRequest(BaseModel):
    """`POST /internal/forward`: a request that another instance took."""

    model_config = ConfigDict(frozen=True)

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: str


class ForwardedAnswer(BaseModel):
    """What the owner answered."""

    model_config = ConfigDict(frozen=True)

    status: int
    headers: dict[str, str]
    body: str


class Forwarding:
    """Sends requests on to the owners of their shards."""

    def __init__(self, owners: Owners, http: InternalHttp) -> None:
        self._owners = owners
        self._http = http

    async def answer(self, request: Request, key: str) -> Response:
        """Let the owner of the shard of `key` answer."""
        url = None if request.scope.get(_FORWARDED) else await self._owners.owner_of(key)
        if url is None:
            return problem_response(Refused(Code.UNAVAILABLE, "these quiet hours are changing hands"))
        asked = ForwardedRequest(
            method=request.method,
            path=request.scope["path"],
            query=request.scope["query_string"].decode("latin-1"),
            headers=_picked(request.headers.items(), REQUEST_HEADERS),
            body=(await request.body()).decode(),
        )
        try:
            answer = await self._http.post(url, PATH, asked.model_dump_json().encode())
            if not answer.is_success:
                raise InternalUnreachable(url, f"status {answer.status}", refused=True)
            told = ForwardedAnswer.model_validate_json(answer.body)
        except (InternalUnreachable, ValidationError) as error:
            return problem_response(_failed(request, url, error))
        return Response(told.body, told.status, told.headers)


def install(app: FastAPI) -> None:
    """Send on what turns out to belong to another instance, by the `state.forwarding` of the app."""

    async def forward(request: Request, error: Exception) -> Response:
        assert isinstance(error, NotMine)
        forwarding: Forwarding = request.app.state.forwarding
        return await forwarding.answer(request, error.key)

    app.add_exception_handler(NotMine, forward)


def forward_route(app: FastAPI, keys: InternalKeys) -> Route:
    """Build the route of the internal listener by which other instances let this one answer."""

    async def replay(body: bytes) -> Response:
        answer = await _replay(app, ForwardedRequest.model_validate_json(body))
        return Response(answer.model_dump_json(), media_type="application/json")

    return signed_route(PATH, keys, replay)


async def _replay(app: Callable[..., Awaitable[None]], asked: ForwardedRequest) -> ForwardedAnswer:
    messages: list[Message] = []
    body: Message = {"type": "http.request", "body": asked.body.encode(), "more_body": False}

    async def receive() -> Message:
        return body

    async def send(message: Message) -> None:
        messages.append(message)

    await app(_scope(asked), receive, send)
    start, *rest = messages
    return ForwardedAnswer(
        status=start["status"],
        headers=_picked(((name.decode(), value.decode()) for name, value in start["headers"]), RESPONSE_HEADERS),
        body=b"".join(part.get("body", b"") for part in rest).decode(),
    )


def _scope(asked: ForwardedRequest) -> Scope:
    return {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "scheme": "http",
        "method": asked.method, "path": asked.path, "raw_path": asked.path.encode(), "root_path": "",
        "query_string": asked.query.encode("latin-1"),
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in asked.headers.items()],
        "client": None, "server": None, _FORWARDED: True,
    }  # fmt: skip


def _picked(headers: Iterable[tuple[str, str]], names: tuple[str, ...]) -> dict[str, str]:
    return {name: value for name, value in headers if name in names}


def _failed(request: Request, url: str, error: Exception) -> Refused:
    _log.warning("forwarding_failed", url=url, error=str(error))
    undone = request.method == HTTPMethod.GET or (isinstance(error, InternalUnreachable) and error.refused)
    if undone:
        return Refused(Code.UNAVAILABLE, "the owner of these quiet hours does not answer")
    return Refused(Code.UNKNOWN_OUTCOME, "the owner of these quiet hours did not answer in time")
