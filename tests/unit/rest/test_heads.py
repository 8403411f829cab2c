"""HEAD: what GET would answer, without its body."""

import httpx
import pytest
from fastapi import APIRouter, Response

from kaftalk_rest import request_log
from kaftalk_rest.app import build_app
from kaftalk_runtime.metrics import Counter, Labelled

ROUTER = APIRouter(prefix="/things")


@ROUTER.get("/{thing}")
async def look(thing: str, response: Response) -> str:
    response.headers["ETag"] = '"1"'
    return thing


@ROUTER.post("")
async def put() -> str:
    return "made"


async def _ask(method: str, path: str) -> httpx.Response:
    transport = httpx.ASGITransport(build_app([ROUTER]))
    async with httpx.AsyncClient(transport=transport, base_url="http://rest") as http:
        return await http.request(method, f"/api/v1{path}")


@pytest.mark.parametrize("path", ["/things/book", "/nothing"])
async def test_head_is_answered_like_get_without_a_body(path: str) -> None:
    get, head = await _ask("GET", path), await _ask("HEAD", path)
    assert (head.status_code, head.headers, head.content) == (get.status_code, get.headers, b"")
    assert int(head.headers["content-length"]) == len(get.content)


async def test_head_is_no_way_to_an_address_without_get() -> None:
    answer = await _ask("HEAD", "/things")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


async def test_an_address_with_get_names_head_among_its_methods() -> None:
    answer = await _ask("DELETE", "/things/book")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")


async def test_head_counts_as_head_of_its_route(monkeypatch: pytest.MonkeyPatch) -> None:
    counted = Labelled(Counter)
    monkeypatch.setattr(request_log, "_requests", counted)
    await _ask("HEAD", "/things/secret")
    assert [labels for labels, _ in counted.children.items()] == [("HEAD", "/things/{thing}", "200")]
