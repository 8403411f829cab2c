"""Internal endpoints take only what another service of the deployment has signed."""

import httpx
import pytest
from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response

from kaftalk_runtime.internal_auth import HEADER, InternalKeys
from kaftalk_runtime.internal_routes import signed_route

KEY, OTHER = "k1-0123456789abcdefghijklmnopqrst", "k2-tsrqponmlkjihgfedcba9876543210"
PATH = "/internal/echo"


async def _length(body: bytes) -> Response:
    return JSONResponse({"bytes": len(body), "number": int(body)})


async def _post(body: bytes, header: str | None, *, bytes_max: int = 100) -> int:
    app = Starlette(routes=[signed_route(PATH, InternalKeys([KEY]), _length, body_bytes_max=bytes_max)])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://t") as http:
        answer = await http.post(PATH, content=body, headers={HEADER: header} if header else {})
        return answer.status_code


async def test_a_signed_body_is_taken() -> None:
    assert await _post(b"12", InternalKeys([KEY]).sign("POST", PATH, b"12")) == 200


@pytest.mark.parametrize(
    "header",
    [
        None, "", "1:2:3", InternalKeys([OTHER]).sign("POST", PATH, b"12"),
        InternalKeys([KEY]).sign("POST", PATH, b"13"), InternalKeys([KEY]).sign("GET", PATH, b"12"),
        InternalKeys([KEY]).sign("POST", "/internal/other", b"12"),
    ],
)  # fmt: skip
async def test_anything_else_is_refused(header: str | None) -> None:
    assert await _post(b"12", header) == 403


async def test_a_large_body_is_refused_before_it_is_checked() -> None:
    assert await _post(b"1" * 101, None) == 413


async def test_what_cannot_be_read_is_a_bad_request() -> None:
    assert await _post(b"xy", InternalKeys([KEY]).sign("POST", PATH, b"xy")) == 400
