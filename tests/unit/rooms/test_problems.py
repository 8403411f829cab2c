"""Every error is a problem (RFC 9457), the framework's own too."""

import asyncio
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from kaftalk_protocol.errors import Code, Refused
from kaftalk_protocol.ids import RoomId
from kaftalk_rest import app
from kaftalk_rest.problems import refusal_of
from kaftalk_roomlog.errors import AppendRefused, AppendUnknown, LogUnavailable, Reason
from kaftalk_rooms import api
from kaftalk_runtime.redis_client import RedisAway
from kaftalk_views.errors import ViewUnknown


async def _ask(method: str, path: str, asked: Any = None, **options: Any) -> httpx.Response:
    transport = httpx.ASGITransport(asked or api.build_api(), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://t") as client:
        return await client.request(method, path, **options)


def _is_problem(answer: httpx.Response, status: int, code: str) -> bool:
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["cache-control"] == "no-store"
    body = answer.json()
    assert set(body) == {"type", "title", "status", "detail", "code", "errors"}
    return (body["status"], body["code"]) == (status, code)


@pytest.mark.parametrize("path", ["/", "/api", "/api/v1", "/api/v1/nothing", "/api/v1/rooms/", "/internal/x", "/docs"])
async def test_an_unknown_address_is_not_found(path: str) -> None:
    assert _is_problem(await _ask("GET", path), 404, "not_found")


@pytest.mark.parametrize(
    ("path", "allowed"), [("x", "DELETE, GET, HEAD, PATCH"), ("directory", "GET, HEAD"), ("direct", "POST")]
)
async def test_a_wrong_method_names_the_right_ones(path: str, allowed: str) -> None:
    answer = await _ask("PUT", f"/api/v1/rooms/{path}")
    assert _is_problem(answer, 405, "method_not_allowed")
    assert answer.headers["allow"] == allowed


@pytest.mark.parametrize("content_type", ["multipart/form-data; boundary=x", "application/x-www-form-urlencoded"])
async def test_forms_are_unsupported_everywhere(content_type: str) -> None:
    described = api.build_api().openapi()["paths"]
    for path, methods in described.items():
        for method in methods:
            if method != "get":
                headers = {"Content-Type": content_type}
                answer = await _ask(method.upper(), path, content=b"a=b", headers=headers)
                assert _is_problem(answer, 415, "unsupported")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (Refused(Code.GONE, "x"), Code.GONE),
        (AppendUnknown("t", Reason.TIMED_OUT), Code.UNKNOWN_OUTCOME),
        (AppendRefused("t", Reason.UNAVAILABLE), Code.UNAVAILABLE),
        (AppendRefused("t", Reason.TOO_LARGE), Code.TOO_LARGE),
        (LogUnavailable("t"), Code.UNAVAILABLE),
        (RedisAway("x"), Code.UNAVAILABLE),
        (ViewUnknown(RoomId("x")), Code.UNAVAILABLE),
    ],
    ids=repr,
)
def test_what_goes_wrong_below_is_told_by_what_is_known(error: Exception, code: Code) -> None:
    assert refusal_of(error).code is code


async def test_a_mistake_of_ours_tells_nothing() -> None:
    rooms: FastAPI = api.build_api()

    @rooms.get("/broken")
    async def broken() -> None:
        raise RuntimeError("a secret")

    answer = await _ask("GET", "/broken", rooms)
    assert answer.status_code == 500
    assert "secret" not in answer.text


async def test_what_takes_too_long_is_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "REQUEST_TIMEOUT_S", 0.01)

    async def never(_scope: Any, _receive: Any, _send: Any) -> None:
        await asyncio.Event().wait()

    assert _is_problem(await _ask("GET", "/", app.Deadline(never)), 503, "unavailable")
    late = await _ask("POST", "/", app.Deadline(never))
    assert _is_problem(late, 503, "unknown_outcome")
    assert late.headers["retry-after"] == "2"
