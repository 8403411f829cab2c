"""How requests are counted: by their route, and never by what is in their path."""

import httpx
import pytest
from fastapi import APIRouter
from pydantic import BaseModel

from kaftalk_rest import request_log
from kaftalk_rest.app import build_app
from kaftalk_runtime.metrics import Counter, Labelled

ROUTER = APIRouter(prefix="/things")


class Thing(BaseModel):
    """What is put."""

    size: int


@ROUTER.get("/{thing}")
async def look(thing: str) -> str:
    if thing == "broken":
        raise ValueError
    return thing


@ROUTER.post("/{thing}", status_code=201)
async def put(thing: str, asked: Thing) -> int:
    return asked.size


@pytest.fixture
def requests(monkeypatch: pytest.MonkeyPatch) -> Labelled[Counter]:
    counted = Labelled(Counter)
    monkeypatch.setattr(request_log, "_requests", counted)
    return counted


@pytest.mark.parametrize(
    ("method", "path", "counted"),
    [
        ("GET", "/api/v1/things/secret", ("GET", "/things/{thing}", "200")),
        ("POST", "/api/v1/things/secret", ("POST", "/things/{thing}", "201")),
        ("GET", "/api/v1/things/broken", ("GET", "/things/{thing}", "500")),
        ("PUT", "/api/v1/things/secret", ("PUT", "/things/{thing}", "405")),
        ("BREW", "/api/v1/secret", ("other", "none", "404")),
    ],
)
async def test_a_request_counts_for_its_route(
    method: str, path: str, counted: tuple[str, ...], requests: Labelled[Counter]
) -> None:
    transport = httpx.ASGITransport(build_app([ROUTER]), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://rest") as http:
        answer = await http.request(method, path, json={"size": 3} if method == "POST" else None)
    assert str(answer.status_code) == counted[2]
    assert {labels: one.value for labels, one in requests.children.items()} == {counted: 1}
