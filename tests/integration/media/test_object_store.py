"""What URLs let a browser do, and what not: the same on every S3 server."""

import asyncio
import base64
import hashlib
import os
import uuid
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

import httpx
import pytest
import pytest_asyncio

from kaftalk_media.errors import MultipartGone, PartsRefused, StoreAway
from kaftalk_media.object_store import ObjectStore, Place, Signed, StoredPart
from kaftalk_protocol.media import FOLDERS
from kaftalk_testing.s3_bucket import S3Server

pytestmark = pytest.mark.slow

ORIGIN = "http://127.0.0.1:8000"
TYPE = "image/jpeg"
CONTENT = b"a picture, as far as the store is concerned"
PART = 5 << 20


def sha256(content: bytes) -> str:
    return base64.b64encode(hashlib.sha256(content).digest()).decode()


def fresh_key(kind: str = "image") -> str:
    return f"incoming/{kind}/{uuid.uuid4()}/{uuid.uuid4()}"


@pytest_asyncio.fixture(scope="module")
async def store(s3_server: S3Server) -> AsyncIterator[ObjectStore]:
    owner = s3_server.credentials
    place = Place("kaftalk-urls", s3_server.region, s3_server.endpoint, None, owner.access_key, owner.secret_key)
    store = ObjectStore(place)
    await store.start()
    await store.ensure_bucket([ORIGIN], FOLDERS)
    yield store
    await store.stop()


@pytest_asyncio.fixture(scope="module")
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(timeout=20) as http:
        yield http


async def signed_put(store: ObjectStore, key: str, content: bytes = CONTENT, *, for_s: int = 300) -> Signed:
    return await store.presign_put(key, content_type=TYPE, size=len(content), sha256=sha256(content), for_s=for_s)


def with_path(url: str, path: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(path=path))


async def assert_refused(store: ObjectStore, key: str, answer: httpx.Response) -> None:
    assert answer.status_code in (400, 403), answer.text
    assert await store.head(key) is None


async def test_what_was_announced_is_taken(store: ObjectStore, http: httpx.AsyncClient) -> None:
    key = fresh_key()
    signed = await signed_put(store, key)
    assert not {name.lower() for name in signed.headers} & {"content-length", "host"}
    answer = await http.put(signed.url, content=CONTENT, headers=signed.headers)
    assert answer.status_code == 200, answer.text
    assert (await store.head(key), await store.read(key)) == (len(CONTENT), CONTENT)


async def test_a_longer_or_shorter_body_is_refused(store: ObjectStore, http: httpx.AsyncClient) -> None:
    for content in (CONTENT + b"!", CONTENT[:-1], b""):
        key = fresh_key()
        signed = await signed_put(store, key)
        await assert_refused(store, key, await http.put(signed.url, content=content, headers=signed.headers))


async def test_other_bytes_of_the_same_length_are_refused(store: ObjectStore, http: httpx.AsyncClient) -> None:
    key = fresh_key()
    signed = await signed_put(store, key)
    await assert_refused(store, key, await http.put(signed.url, content=CONTENT[::-1], headers=signed.headers))


@pytest.mark.parametrize(
    "changed",
    [
        {"Content-Type": "text/html"},
        {"Content-Type": None},
        {"x-amz-checksum-sha256": sha256(CONTENT[::-1])},
        {"x-amz-checksum-sha256": None},
    ],
    ids=str,
)
async def test_another_type_or_checksum_is_refused(
    store: ObjectStore, http: httpx.AsyncClient, changed: dict[str, str | None]
) -> None:
    key = fresh_key()
    signed = await signed_put(store, key)
    headers = {name: value for name, value in (signed.headers | changed).items() if value is not None}
    await assert_refused(store, key, await http.put(signed.url, content=CONTENT[::-1], headers=headers))
    await assert_refused(store, key, await http.put(signed.url, content=CONTENT, headers=headers))


async def test_another_key_is_refused(store: ObjectStore, http: httpx.AsyncClient) -> None:
    signed, other = await signed_put(store, fresh_key()), fresh_key()
    answer = await http.put(with_path(signed.url, f"/kaftalk-urls/{other}"), content=CONTENT, headers=signed.headers)
    await assert_refused(store, other, answer)


async def test_no_path_leads_out_of_the_key(store: ObjectStore, http: httpx.AsyncClient) -> None:
    signed, target = await signed_put(store, fresh_key()), fresh_key()
    path = urlsplit(signed.url).path
    for step in ("/../", "/%2e%2e/", "/..%2f", "/./../"):
        # As it is: httpx would take the dots out.
        url = httpx.URL(signed.url).copy_with(raw_path=f"{path}{step}{target.rpartition('/')[2]}".encode())
        answer = await http.put(f"{url}?{urlsplit(signed.url).query}", content=CONTENT, headers=signed.headers)
        assert answer.status_code in (400, 403, 404), (step, answer.text)
    await assert_refused(store, target, httpx.Response(403))


async def test_an_edited_url_is_refused(store: ObjectStore, http: httpx.AsyncClient) -> None:
    edits = [
        ("X-Amz-Expires=300", "X-Amz-Expires=604800"),
        ("X-Amz-SignedHeaders=", "X-Amz-SignedHeaders=accept%3B"),
        ("content-length%3B", ""),
        ("%3Bx-amz-checksum-sha256", ""),
        ("us-east-1", "eu-west-1"),
    ]
    for old, new in edits:
        key = fresh_key()
        signed = await signed_put(store, key)
        assert old in signed.url
        answer = await http.put(signed.url.replace(old, new), content=CONTENT, headers=signed.headers)
        await assert_refused(store, key, answer)
    key = fresh_key()
    signed = await signed_put(store, key)
    flipped = signed.url[:-1] + ("0" if signed.url[-1] != "0" else "1")
    await assert_refused(store, key, await http.put(flipped, content=CONTENT, headers=signed.headers))


async def test_a_url_is_good_for_its_method_only(store: ObjectStore, http: httpx.AsyncClient) -> None:
    key = fresh_key()
    signed = await signed_put(store, key)
    for method in ("GET", "DELETE", "POST"):
        answer = await http.request(method, signed.url, headers=signed.headers)
        assert answer.status_code in (400, 403, 405), method
    assert await store.head(key) is None


async def test_an_expired_url_is_refused(store: ObjectStore, http: httpx.AsyncClient) -> None:
    key = fresh_key()
    signed = await signed_put(store, key, for_s=1)
    await asyncio.sleep(2.2)
    await assert_refused(store, key, await http.put(signed.url, content=CONTENT, headers=signed.headers))


async def test_a_replay_can_only_write_the_same_again(store: ObjectStore, http: httpx.AsyncClient) -> None:
    key = fresh_key()
    signed = await signed_put(store, key)
    for content, expected in ((CONTENT, True), (CONTENT, True), (CONTENT[::-1], False)):
        answer = await http.put(signed.url, content=content, headers=signed.headers)
        assert answer.is_success == expected
    assert await store.read(key) == CONTENT


async def test_a_bucket_without_a_signature_is_closed(store: ObjectStore, http: httpx.AsyncClient) -> None:
    key = fresh_key()
    signed = await signed_put(store, key)
    await http.put(signed.url, content=CONTENT, headers=signed.headers)
    for method in ("GET", "PUT", "DELETE"):
        answer = await http.request(method, signed.url.partition("?")[0], content=b"x" if method == "PUT" else None)
        assert answer.status_code in (401, 403), method
    assert await store.read(key) == CONTENT


async def test_pages_of_the_app_alone_may_use_urls(store: ObjectStore, http: httpx.AsyncClient) -> None:
    signed = await signed_put(store, fresh_key())
    preflight = {
        "Access-Control-Request-Method": "PUT",
        "Access-Control-Request-Headers": "content-type,x-amz-checksum-sha256",
    }
    allowed = await http.options(signed.url, headers=preflight | {"Origin": ORIGIN})
    assert allowed.is_success
    assert allowed.headers["access-control-allow-origin"] == ORIGIN
    foreign = await http.options(signed.url, headers=preflight | {"Origin": "http://evil.example"})
    assert foreign.headers.get("access-control-allow-origin") not in ("*", "http://evil.example")
    answer = await http.put(signed.url, content=CONTENT, headers=signed.headers | {"Origin": ORIGIN})
    assert "etag" in answer.headers["access-control-expose-headers"].lower()


async def test_what_is_read_has_the_type_and_the_name_that_were_signed(
    store: ObjectStore, http: httpx.AsyncClient
) -> None:
    key = fresh_key()
    signed = await signed_put(store, key)
    await http.put(signed.url, content=CONTENT, headers=signed.headers)
    disposition = f"attachment; filename=\"__.png\"; filename*=UTF-8''{quote('사진.png')}"
    url = await store.presign_get(key, content_type="image/png", disposition=disposition, for_s=60)
    answer = await http.get(url)
    assert (answer.content, answer.headers["content-type"]) == (CONTENT, "image/png")
    assert answer.headers["content-disposition"] == disposition
    part = await http.get(url, headers={"Range": "bytes=2-4"})
    assert (part.status_code, part.content) == (206, CONTENT[2:5])
    for edited in (url.replace("attachment", "inline"), url.replace("image%2Fpng", "text%2Fhtml")):
        assert edited != url
        assert (await http.get(edited)).status_code == 403


async def test_what_is_read_is_out_of_reach_after_a_minute(store: ObjectStore, http: httpx.AsyncClient) -> None:
    key = fresh_key()
    signed = await signed_put(store, key)
    await http.put(signed.url, content=CONTENT, headers=signed.headers)
    url = await store.presign_get(key, content_type=TYPE, disposition="inline", for_s=1)
    await asyncio.sleep(2.2)
    assert (await http.get(url)).status_code in (400, 403)


class Parts:
    """An upload in two parts."""

    def __init__(self, store: ObjectStore, http: httpx.AsyncClient) -> None:
        self._store, self._http = store, http
        self.key, self.upload_id = fresh_key("file"), ""
        self.contents = [os.urandom(PART), b"the rest"]

    async def begin(self) -> None:
        self.upload_id = await self._store.create_multipart(self.key, "application/pdf")

    async def put(self, n: int, **changed: Any) -> httpx.Response:
        content = self.contents[n - 1]
        signed = await self._store.presign_part(
            self.key, self.upload_id, n, size=len(content), sha256=sha256(content), for_s=300
        )
        url = changed.get("url", str)(signed.url)
        return await self._http.put(url, content=changed.get("content", content), headers=signed.headers)

    async def stored(self) -> list[StoredPart]:
        return await self._store.parts(self.key, self.upload_id)


@pytest_asyncio.fixture
async def parts(store: ObjectStore, http: httpx.AsyncClient) -> AsyncIterator[Parts]:
    parts = Parts(store, http)
    await parts.begin()
    yield parts
    await store.abort_multipart(parts.key, parts.upload_id)


async def test_an_upload_in_parts_goes_on_where_it_was(store: ObjectStore, parts: Parts) -> None:
    second = await parts.put(2)
    assert [(part.n, part.size) for part in await parts.stored()] == [(2, 8)]
    first = await parts.put(1)
    stored = await parts.stored()
    assert [(part.n, part.size) for part in stored] == [(1, PART), (2, 8)]
    assert [part.etag.strip('"') for part in stored] == [one.headers["etag"].strip('"') for one in (first, second)]
    await store.complete_multipart(parts.key, parts.upload_id, stored)
    assert await store.head(parts.key) == PART + 8
    with pytest.raises(MultipartGone):
        await parts.stored()


async def test_a_part_of_another_length_number_or_content_is_refused(parts: Parts) -> None:
    assert (await parts.put(2, content=b"the rest!")).status_code in (400, 403)
    assert (await parts.put(2, content=b"tser eht")).status_code in (400, 403)
    renumbered = await parts.put(2, url=lambda url: url.replace("partNumber=2", "partNumber=3"))
    assert renumbered.status_code == 403
    assert await parts.stored() == []


async def test_parts_that_are_not_there_make_no_upload(store: ObjectStore, parts: Parts) -> None:
    await parts.put(2)
    made_up = StoredPart(1, PART, '"d41d8cd98f00b204e9800998ecf8427e"', sha256(parts.contents[0]))
    with pytest.raises(PartsRefused):
        await store.complete_multipart(parts.key, parts.upload_id, [made_up, *await parts.stored()])
    assert await store.head(parts.key) is None


async def test_an_upload_that_was_given_up_is_gone(store: ObjectStore, parts: Parts) -> None:
    await parts.put(2)
    await store.abort_multipart(parts.key, parts.upload_id)
    await store.abort_multipart(parts.key, parts.upload_id)
    with pytest.raises(MultipartGone):
        await parts.stored()
    assert (await parts.put(2)).status_code == 404


async def test_everything_below_a_prefix_goes(store: ObjectStore, http: httpx.AsyncClient) -> None:
    folder = f"media/{uuid.uuid4()}/"
    for name in ("one", "two"):
        signed = await signed_put(store, folder + name)
        await http.put(signed.url, content=CONTENT, headers=signed.headers)
    assert await store.delete_prefix(folder) == 2
    assert await store.delete_prefix(folder) == 0
    assert await store.read(folder + "one") is None
    await store.delete([folder + "one"])


async def test_a_server_that_is_not_there_is_away(s3_server: S3Server) -> None:
    nowhere = ObjectStore(Place("kaftalk-urls", "us-east-1", "http://127.0.0.1:1", None, "a", "b"))
    await nowhere.start()
    with pytest.raises(StoreAway):
        await nowhere.head("incoming/x")
    # Signing asks nobody.
    assert "127.0.0.1:1" in (await signed_put(nowhere, fresh_key())).url
    await nowhere.stop()


async def test_the_bucket_may_be_there_already(store: ObjectStore) -> None:
    await store.ensure_bucket([ORIGIN], FOLDERS)


async def test_the_last_object_does_not_take_its_folder_with_it(store: ObjectStore) -> None:
    for folder in FOLDERS:
        key = f"{folder}{uuid.uuid4()}/{uuid.uuid4()}"
        await store.put(key, CONTENT, TYPE)
        await store.delete([key])
        assert await store.head(folder) == 0
