"""Errors become RFC 9457 answers here and nowhere else."""

import math
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.routing import compile_path

from kaftalk_protocol.errors import Code, Refused
from kaftalk_roomlog.errors import AppendRefused, AppendUnknown, Reason, RoomLogError
from kaftalk_runtime.kafka import KafkaUnreachable
from kaftalk_runtime.logs import get_logger
from kaftalk_runtime.redis_client import RedisAway, RedisRefused

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_MS = 2_000

log = get_logger(__name__)


class FieldProblem(BaseModel):
    """What is wrong with one field."""

    field: str
    detail: str


class Problem(BaseModel):
    """The body of every error (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    errors: list[FieldProblem]


def problem_response(refused: Refused, *, status: int | None = None, errors: Iterable[dict[str, str]] = ()) -> Response:
    """Write the answer to a refused request."""
    body = refused.problem()
    body["status"] = status or refused.code.status
    body["errors"] += errors
    headers = {"Cache-Control": "no-store"}
    if refused.code.status in (429, 503) or refused.retry_after_ms is not None:
        headers["Retry-After"] = str(math.ceil((refused.retry_after_ms or RETRY_AFTER_MS) / 1000))
    if refused.code is Code.UNAUTHENTICATED:
        headers["WWW-Authenticate"] = "Bearer"
    return JSONResponse(body, body["status"], headers, MEDIA_TYPE)


def refusal_of(error: Exception) -> Refused:
    """Translate what the parts below raise into what the client is told."""
    match error:
        case Refused():
            return error
        case AppendUnknown():
            return Refused(Code.UNKNOWN_OUTCOME, "Kafka did not answer in time: it may still be stored")
        case AppendRefused(reason=Reason.TOO_LARGE):
            return Refused(Code.TOO_LARGE, "the record is too large")
        case RedisRefused():
            log.error("redis_refused", error=str(error))
    log.warning("unavailable", cause=type(error).__name__, error=str(error))
    return Refused(Code.UNAVAILABLE, "try again soon")


def install(app: FastAPI, routes: Mapping[str, set[str]], unavailable: Iterable[type[Exception]] = ()) -> None:
    """Answer every error as a problem, the framework's own too; `routes` maps paths to their methods.

    The errors of `unavailable` are a service's own that mean "try again soon".
    """
    app.state.methods = [(compile_path(path)[0], methods) for path, methods in routes.items()]
    for kind in (Refused, RoomLogError, KafkaUnreachable, RedisAway, RedisRefused, *unavailable):
        app.add_exception_handler(kind, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _framework)
    app.add_exception_handler(Exception, _unexpected)


async def _refused(_: Request, error: Exception) -> Response:
    return problem_response(refusal_of(error))


async def _invalid(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    problems = [_field_problem(problem) for problem in error.errors()]
    first = problems[0]
    detail = f"{first['field']}: {first['detail']}" if first["field"] else first["detail"]
    return problem_response(Refused(Code.INVALID, detail), errors=problems)


def _field_problem(problem: dict[str, Any]) -> dict[str, str]:
    field = ".".join(str(part) for part in problem["loc"][1:])
    return {"field": _printable(field), "detail": _printable(str(problem["msg"]).removeprefix("Value error, "))}


def _printable(text: str) -> str:
    """Keep lone surrogates and long names of unknown fields out of the answer."""
    return text[:200].encode(errors="replace").decode()


async def _framework(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        answer = problem_response(Refused(Code.METHOD_NOT_ALLOWED, "this address has no such method"))
        answer.headers["Allow"] = ", ".join(sorted(_methods(request)))
        return answer
    if error.status_code == HTTPStatus.NOT_FOUND:
        return problem_response(Refused(Code.NOT_FOUND, "there is nothing at this address"))
    return problem_response(Refused(Code.INVALID, str(error.detail)), status=error.status_code)


def _methods(request: Request) -> set[str]:
    """Give the methods of the first path that fits: plain ones are declared before those with an id in their place."""
    path = request.url.path
    return next((methods for pattern, methods in request.app.state.methods if pattern.match(path)), set())


async def _unexpected(request: Request, error: Exception) -> Response:
    log.error("request_failed", path=request.url.path, exc_info=error)
    problem = {"type": "about:blank", "title": "Internal error", "status": 500, "detail": "", "code": "internal"}
    return JSONResponse(problem | {"errors": []}, 500, {"Cache-Control": "no-store"}, MEDIA_TYPE)


def refusals(*codes: Code) -> dict[int | str, dict[str, Any]]:
    """Declare the errors of a route for OpenAPI, by the codes that it may answer."""
    everywhere = (Code.INVALID, Code.METHOD_NOT_ALLOWED, Code.TOO_LARGE, Code.UNSUPPORTED, Code.UNAVAILABLE)
    by_status: dict[int | str, list[str]] = {400: [str(Code.INVALID)]}
    for code in dict.fromkeys((*codes, *everywhere)):
        by_status.setdefault(code.status, []).append(str(code))
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {
        status: {"description": ", ".join(f"`{name}`" for name in names), "content": content}
        for status, names in sorted(by_status.items(), key=lambda item: int(item[0]))
    }
