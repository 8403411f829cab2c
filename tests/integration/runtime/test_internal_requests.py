"""A request's id goes along to the services that it asks, and errors do not repeat what was given."""

import json

import httpx
import pydantic
import pytest
import structlog
from starlette.applications import Starlette
from starlette.responses import Response

from kaftalk_runtime import logs
from kaftalk_runtime.internal_auth import InternalKeys
from kaftalk_runtime.internal_http import InternalHttp
from kaftalk_runtime.internal_routes import signed_route

CANARY = "canary-of-the-input"
KEY = "5f0a6be1c2d94c3f8e7a1b2c3d4e5f60"


class Asked(pydantic.BaseModel):
    """What the route takes."""

    size: int


async def ask(body: bytes, heard: list[str | None]) -> int:
    """Post to a signed route as `InternalHttp` does; gives the status."""

    async def handle(given: bytes) -> Response:
        Asked.model_validate_json(given)
        heard.append(logs.request_id())
        return Response(status_code=204)

    app = Starlette(routes=[signed_route("/internal/x", InternalKeys([KEY]), handle)])
    http = InternalHttp(InternalKeys([KEY]))
    await http._client.aclose()
    http._client = httpx.AsyncClient(transport=httpx.ASGITransport(app))
    try:
        return (await http.post("http://there", "/internal/x", body)).status
    finally:
        await http.close()


async def test_the_id_of_a_request_goes_along() -> None:
    heard: list[str | None] = []
    with structlog.contextvars.bound_contextvars(request_id="r-1"):
        assert await ask(b'{"size": 3}', heard) == 204
    assert heard == ["r-1"]


async def test_what_nobody_named_gets_a_name() -> None:
    heard: list[str | None] = []
    for _ in range(2):
        await ask(b'{"size": 3}', heard)
    assert None not in heard
    assert len(set(heard)) == 2
    assert logs.request_id() is None


async def test_errors_and_their_traces_do_not_repeat_what_was_given(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("rooms", "rooms-1", "debug")
    given = json.dumps({"size": CANARY})
    with pytest.raises(pydantic.ValidationError) as raised:
        Asked.model_validate_json(given)
    outer = RuntimeError("that went wrong")
    outer.__cause__ = raised.value
    logs.get_logger("x").error("failed", exc_info=outer)
    assert await ask(given.encode(), []) == 400
    printed = capsys.readouterr().out
    assert CANARY not in printed + logs.told(raised.value)
    traced = next(entry for entry in map(json.loads, printed.splitlines()) if entry["event"] == "failed")["exception"]
    assert "int_parsing" in traced
    assert traced.endswith("RuntimeError: that went wrong")
