"""Bodies before the routes see them: 413, 415, 400 and 422."""

import contextlib
import json
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kaftalk_rest.json_bodies import BODY_BYTES_MAX, BadBody, JsonBodies, check_length, parse_object


async def _echo(scope: Any, receive: Any, send: Any) -> None:
    body = (await receive())["body"]
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})


async def _post(content: bytes, content_type: str | None = "application/json") -> httpx.Response:
    headers = {"Content-Type": content_type} if content_type else {}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(JsonBodies(_echo)), base_url="http://t") as client:
        return await client.post("/", content=content, headers=headers)


@pytest.mark.parametrize(
    "content",
    [
        b"{", b"\xff", b'{"a": NaN}', b'{"a": 1e999}', b'{"a": Infinity}', b'{"a": 1, "a": 2}', b"[" * 30_000,
        b'{"a":' * 10_000, b"{'a': 1}", b'{"a": 1' + b"0" * 5_000 + b"}", b"\xef\xbb\xbf{}",
    ],
    ids=lambda content: repr(content[:20]),
)  # fmt: skip
async def test_what_is_not_json_is_a_bad_request(content: bytes) -> None:
    answer = await _post(content)
    assert (answer.status_code, answer.json()["code"], answer.json()["status"]) == (400, "invalid", 400)


@pytest.mark.parametrize("content", [b"null", b"[]", b'"text"', b"1"])
async def test_json_that_is_no_object_is_invalid(content: bytes) -> None:
    assert (await _post(content)).status_code == 422


@pytest.mark.parametrize("content_type", [None, "text/plain", "multipart/form-data; boundary=x", "application/jsonp"])
async def test_another_type_is_unsupported(content_type: str | None) -> None:
    assert (await _post(b"{}", content_type)).status_code == 415
    assert (await _post(b"", content_type)).status_code == 200


@pytest.mark.parametrize("content_type", ["application/json; charset=utf-8", "application/merge-patch+json"])
async def test_every_spelling_of_json_is_taken(content_type: str) -> None:
    assert (await _post(b'{"a": 1}', content_type)).content == b'{"a": 1}'


@pytest.mark.parametrize("size", [BODY_BYTES_MAX + 1, 1 << 20, 3 << 20])
async def test_too_large_a_body_is_said_to_be(size: int) -> None:
    assert (await _post(b'"' + b"x" * size + b'"', "text/plain")).status_code == 413


@settings(max_examples=50)
@given(
    st.dictionaries(st.text(), st.none() | st.text() | st.integers() | st.booleans() | st.lists(st.text()), max_size=5)
)
def test_every_object_is_read_as_it_is(value: dict[str, Any]) -> None:
    assert parse_object(json.dumps(value).encode()) == value


@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_else(body: bytes) -> None:
    with contextlib.suppress(BadBody):
        parse_object(body)


@pytest.mark.parametrize(("path", "status"), [("/", 413), ("/long", 200)])
async def test_a_path_for_long_bodies_leaves_the_length_to_its_route(path: str, status: int) -> None:
    app = JsonBodies(_echo, long_bodies={"/long"})
    content = json.dumps({"a": "x" * BODY_BYTES_MAX}).encode()
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://t") as client:
        answer = await client.post(path, content=content, headers={"Content-Type": "application/json"})
    assert answer.status_code == status


def test_a_route_refuses_what_is_too_long_for_it() -> None:
    check_length(b"x" * BODY_BYTES_MAX)
    with pytest.raises(BadBody):
        check_length(b"x" * (BODY_BYTES_MAX + 1))
