"""Read request bodies before the routes do: bounded, and strictly a JSON object or nothing."""

import json
import math
from collections.abc import Collection, Mapping
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kaftalk_protocol.errors import Code, Refused
from kaftalk_rest.problems import problem_response

BODY_BYTES_MAX = 64 * 1024
BODY_BYTES_READ = 1024 * 1024


class JsonBodies:
    """ASGI wrapper: 413, 415 and 400 are answered here, so that routes see a JSON object or an empty body.

    Bodies for the paths in `long_bodies` may have up to 1 MiB, so that a list far too long is refused by its name;
    their routes call `check_length` for what is too long otherwise.
    """

    def __init__(self, app: ASGIApp, long_bodies: Collection[str] = ()) -> None:
        self._app = app
        self._long_bodies = long_bodies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a bad body, else pass it on whole."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        body = await _read(receive)
        try:
            bytes_max = BODY_BYTES_READ if scope["path"] in self._long_bodies else BODY_BYTES_MAX
            scope = _checked(scope, body, bytes_max)
        except BadBody as refusal:
            await problem_response(refusal, status=refusal.status)(scope, receive, send)
            return
        await self._app(scope, _replay(body, receive), send)


class BadBody(Refused):
    """The body cannot be taken; `status` is 400 where the code's own would be 422."""

    def __init__(self, code: Code, detail: str, status: int | None = None) -> None:
        super().__init__(code, detail)
        self.status = status or code.status


def parse_object(body: bytes) -> dict[str, Any]:
    """Read a JSON object; NaN, infinities, duplicate keys and depth bombs are no JSON.

    Raises BadBody.
    """
    try:
        parsed = json.loads(body.decode(), object_pairs_hook=_unique, parse_constant=_no_constant, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        raise BadBody(Code.INVALID, "the body is not JSON", 400) from error
    if not isinstance(parsed, dict):
        raise BadBody(Code.INVALID, "the body is not a JSON object")
    return parsed


def check_length(body: bytes, bytes_max: int = BODY_BYTES_MAX) -> None:
    """See that a body is not too long.

    Raises BadBody.
    """
    if len(body) > bytes_max:
        raise BadBody(Code.TOO_LARGE, f"the body is over {bytes_max} bytes")


async def _read(receive: Receive) -> bytes:
    """Read at most 1 MiB, so that a client that sends a little too much still gets its answer."""
    body = bytearray()
    while len(body) <= BODY_BYTES_READ:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body", False):
            break
    return bytes(body)


def _checked(scope: Scope, body: bytes, bytes_max: int) -> Scope:
    check_length(body, bytes_max)
    if not body:
        return scope
    if not _is_json(Headers(scope=scope)):
        raise BadBody(Code.UNSUPPORTED, "the body is not application/json")
    parse_object(body)
    # In place: those outside look into the same scope for what was found.
    scope["headers"] = list(scope["headers"])
    MutableHeaders(scope=scope)["content-type"] = "application/json"
    return scope


def _is_json(headers: Mapping[str, str]) -> bool:
    media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    return media_type == "application/json" or (media_type.startswith("application/") and media_type.endswith("+json"))


def _replay(body: bytes, receive: Receive) -> Receive:
    sent = False

    async def replay() -> Message:
        nonlocal sent
        if sent:
            return await receive()
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    parsed = dict(pairs)
    if len(parsed) != len(pairs):
        raise ValueError("an object has a key twice")
    return parsed


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("a number is out of range")
    return number
