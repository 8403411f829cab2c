"""Routes of the internal listener that take signed requests: the other end of `internal_http`."""

from collections.abc import Awaitable, Callable

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from kaftalk_runtime.internal_auth import HEADER, InternalKeys, NotAuthenticated
from kaftalk_runtime.logs import get_logger

_BODY_BYTES_MAX = 16 << 20

_log = get_logger(__name__)


def signed_route(
    path: str,
    keys: InternalKeys,
    handle: Callable[[bytes], Awaitable[Response]],
    *,
    body_bytes_max: int = _BODY_BYTES_MAX,
) -> Route:
    """Build the route of a POST whose signature covers its whole body.

    Answers 413 for a body over `body_bytes_max`, 403 for one that is not signed, 400 for one that `handle` cannot read
    (ValueError, as pydantic and orjson raise it), else what `handle` answers.
    """

    async def endpoint(request: Request) -> Response:
        try:
            body = await _read(request, body_bytes_max)
        except ClientDisconnect:
            return Response(status_code=400)
        if body is None:
            return Response(status_code=413)
        try:
            keys.verify("POST", request.url.path, request.headers.get(HEADER), body)
        except NotAuthenticated as error:
            _log.warning("internal_request_refused", path=path, reason=error.reason)
            return Response(status_code=403)
        try:
            return await handle(body)
        except ValueError as error:
            _log.warning("internal_request_unreadable", path=path, error=repr(error)[:500])
            return Response(status_code=400)

    return Route(path, endpoint, methods=["POST"])


async def _read(request: Request, bytes_max: int) -> bytes | None:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > bytes_max:
            return None
    return bytes(body)
