"""Routes of the internal listener that take signed requests: the other end of `internal_http`."""

from collections.abc import Awaitable, Callable

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from kaftalk_runtime import traces
from kaftalk_runtime.internal_auth import HEADER, InternalKeys, NotAuthenticated
from kaftalk_runtime.logs import REQUEST_ID, get_logger, named, told

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
        with named(request.headers.get(REQUEST_ID)):
            return await _handled(request, path, handle(body))

    return Route(path, endpoint, methods=["POST"])


async def _handled(request: Request, path: str, handling: Awaitable[Response]) -> Response:
    """Await the answer as part of the caller's trace."""
    trace = request.headers.get(traces.HEADER)
    span = traces.begin(f"POST {path}", parent=trace.encode(errors="replace")) if trace else None
    status = 500
    try:
        with traces.active(span):
            answer = await handling
        status = answer.status_code
    except ValueError as error:
        _log.warning("internal_request_unreadable", path=path, error=told(error))
        answer, status = Response(status_code=400), 400
    finally:
        _log.debug("internal_request", path=path, status=status)
        if span is not None:
            span.end(status=status)
    return answer


async def _read(request: Request, bytes_max: int) -> bytes | None:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > bytes_max:
            return None
    return bytes(body)
