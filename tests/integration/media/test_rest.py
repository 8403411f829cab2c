"""`/media` as people use it: announcing, uploading in one piece and in parts, reading, and who may."""

import asyncio
import os
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import httpx
import pytest
import pytest_asyncio

from kaftalk_protocol import redis_keys
from kaftalk_protocol.ids import RoomId, UserId
from kaftalk_runtime.redis_client import open_redis
from kaftalk_testing.account import Account
from kaftalk_testing.media_samples import photo
from kaftalk_testing.media_uploads import Uploads, announcement, sha256
from kaftalk_testing.stack import Stack

pytestmark = pytest.mark.slow

MIB = 1 << 20
GIB = 1 << 30
PART = 16 * MIB
CONTENT = "회의록: 아무것도 정하지 않았다.".encode()


@dataclass
class Scene:
    """A private and a public room of one owner, and who is in them."""

    owner: Account
    member: Account
    stranger: Account
    uploads: Uploads
    private: str
    public: str

    async def announce(self, **announced: Any) -> httpx.Response:
        body = announcement(self.private, "file", CONTENT) | announced
        return await self.owner.ask("POST", "/media", json=body)

    async def uploaded(self, room: str | None = None, *, send: bool = True) -> str:
        """Upload a file, sent or not, and wait for its result."""
        room = room or self.private
        media = await self.uploads.upload(room, "file", CONTENT, name="회의록.txt", content_type="text/plain")
        await self.uploads.settled(media)
        if send:
            await self.send(media, room)
        return media

    async def send(self, media: str, room: str | None = None) -> int:
        """Send a message with a media object, and wait until its reader may see it."""
        room = room or self.private
        body = {"text": "", "media": [media]}
        sent = await self.owner.call("POST", f"/rooms/{room}/messages", json=body)
        async with asyncio.timeout(10):
            while (await self.member.ask("GET", f"/media/{media}")).status_code != 200:
                await asyncio.sleep(0.05)
        return int(sent["seq"])


@pytest_asyncio.fixture(scope="module")
async def people(stack: Stack) -> AsyncIterator[list[Account]]:
    async with httpx.AsyncClient(base_url=stack.url, timeout=30) as http:
        yield [await Account.register(http) for _ in range(3)]


@pytest_asyncio.fixture
async def scene(people: list[Account]) -> AsyncIterator[Scene]:
    owner, member, stranger = people
    private = (await owner.room(kind="private", member_ids=[member.id]))["id"]
    public = (await owner.room(kind="public", member_ids=[member.id]))["id"]
    async with httpx.AsyncClient(timeout=30) as s3:
        yield Scene(owner, member, stranger, Uploads(owner, s3), private, public)


def assert_problem(answer: httpx.Response, status: int, code: str, field: str | None = None) -> None:
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (status, code), answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    if field is not None:
        assert [error["field"] for error in problem["errors"]] == [field], answer.text


async def test_an_announcement_says_where_the_bytes_go(scene: Scene) -> None:
    answer = await scene.announce(content_type="text/plain; charset=utf-8")
    assert answer.status_code == 201
    assert answer.headers["cache-control"] == "no-store"
    ticket = answer.json()
    assert set(ticket) == {"id", "method", "url", "headers", "expires_at"}
    assert ticket["method"] == "PUT"
    assert ticket["headers"] == {
        "Content-Type": "text/plain; charset=utf-8", "x-amz-checksum-sha256": sha256(CONTENT)
    }  # fmt: skip
    signed = parse_qs(urlsplit(ticket["url"]).query)
    assert signed["X-Amz-SignedHeaders"] == ["content-length;content-type;host;x-amz-checksum-sha256"]
    assert signed["X-Amz-Expires"] == ["300"]
    left_s = datetime.fromisoformat(ticket["expires_at"]).timestamp() - datetime.now().timestamp()
    assert 240 < left_s <= 301
    assert urlsplit(ticket["url"]).path.endswith(f"/incoming/file/{scene.private}/{ticket['id']}")
    assert (await scene.uploads.put(ticket, CONTENT)).status_code == 200


async def test_what_was_announced_is_pending_and_its_uploader_s_alone(scene: Scene) -> None:
    media = (await scene.announce(name="요약.txt", duration_ms=1_000)).json()["id"]
    found = await scene.owner.call("GET", f"/media/{media}")
    assert found == {
        "id": media, "room": scene.private, "kind": "file", "name": "요약.txt", "size": len(CONTENT),
        "content_type": "application/octet-stream", "status": "pending", "duration_ms": 1_000,
    }  # fmt: skip
    for path in (f"/media/{media}/url", f"/media/{media}/content"):
        answer = await scene.owner.ask("GET", path)
        assert_problem(answer, 409, "conflict")
        assert int(answer.headers["retry-after"]) >= 1
    for path in ("", "/url", "/content", "/parts"):
        assert_problem(await scene.member.ask("GET", f"/media/{media}{path}"), 404, "not_found")
    assert_problem(await scene.member.ask("DELETE", f"/media/{media}"), 404, "not_found")


WRONG: dict[str, tuple[dict[str, Any], int, str, str]] = {
    "no bytes": ({"size": 0}, 422, "invalid", "size"),
    "less than no bytes": ({"size": -1}, 422, "invalid", "size"),
    "half a byte": ({"size": 1.5}, 422, "invalid", "size"),
    "a length in words": ({"size": "5"}, 422, "invalid", "size"),
    "5 GiB": ({"size": 5 * GIB}, 413, "too_large", "size"),
    "a byte too many for a file": ({"size": 100 * MIB + 1}, 413, "too_large", "size"),
    "a byte too many for an image": (
        {"kind": "image", "content_type": "image/png", "size": 25 * MIB + 1}, 413, "too_large", "size"
    ),
    "a byte too many for voice": (
        {"kind": "voice", "content_type": "audio/webm;codecs=opus", "size": 25 * MIB + 1}, 413, "too_large", "size"
    ),
    "an SVG": ({"kind": "image", "content_type": "image/svg+xml"}, 415, "unsupported", "content_type"),
    "HTML as a picture": ({"kind": "image", "content_type": "text/html"}, 415, "unsupported", "content_type"),
    "a picture as voice": ({"kind": "voice", "content_type": "image/png"}, 415, "unsupported", "content_type"),
    "no media type": ({"content_type": "jpeg"}, 422, "invalid", "content_type"),
    "a header smuggled in": ({"content_type": "text/plain\r\nx: y"}, 422, "invalid", "content_type"),
    "an unknown kind": ({"kind": "video"}, 422, "invalid", "kind"),
    "no name": ({"name": ""}, 422, "invalid", "name"),
    "only spaces": ({"name": "  "}, 422, "invalid", "name"),
    "a path": ({"name": "../passwd"}, 422, "invalid", "name"),
    "a path of Windows": ({"name": "..\\passwd"}, 422, "invalid", "name"),
    "a control character": ({"name": "a\nb"}, 422, "invalid", "name"),
    "a long name": ({"name": "가" * 256}, 422, "invalid", "name"),
    "a checksum in hex": ({"sha256": "0" * 64}, 422, "invalid", "sha256"),
    "a short checksum": ({"sha256": "AAAA"}, 422, "invalid", "sha256"),
    "a room that is none": ({"room": "x"}, 422, "invalid", "room"),
    "a field that is none": ({"bucket": "mine"}, 422, "invalid", "bucket"),
    "a duration before the beginning": ({"duration_ms": -1}, 422, "invalid", "duration_ms"),
}  # fmt: skip


@pytest.mark.parametrize("announced", WRONG)
async def test_what_cannot_be_is_refused_by_its_field(scene: Scene, announced: str) -> None:
    body, status, code, field = WRONG[announced]
    assert_problem(await scene.announce(**body), status, code, field)


async def test_a_name_is_kept_in_nfc(scene: Scene) -> None:
    decomposed = "한글.txt"
    media = (await scene.announce(name=decomposed)).json()["id"]
    assert (await scene.owner.call("GET", f"/media/{media}"))["name"] == "한글.txt"


async def test_only_members_upload_and_not_into_the_archive(scene: Scene) -> None:
    body = announcement(scene.private, "file", CONTENT)
    assert_problem(await scene.stranger.ask("POST", "/media", json=body), 404, "not_found")
    assert_problem(await scene.stranger.ask("POST", "/media", json=body | {"room": scene.public}), 403, "not_member")
    assert_problem(await scene.owner.ask("POST", "/media", json=body | {"room": str(uuid.uuid4())}), 404, "not_found")
    assert_problem(await scene.owner.http.post("/api/v1/media", json=body), 401, "unauthenticated")
    await scene.owner.call("POST", f"/rooms/{scene.private}/archive")
    assert_problem(await scene.announce(), 409, "archived")


async def test_a_repeat_with_its_key_is_the_same_upload(scene: Scene) -> None:
    headers = {"Idempotency-Key": uuid.uuid4().hex}
    body = announcement(scene.private, "file", CONTENT)
    first, second = [await scene.owner.ask("POST", "/media", json=body, headers=headers) for _ in range(2)]
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json()["id"] == second.json()["id"]
    assert (await scene.uploads.put(second.json(), CONTENT)).status_code == 200
    other = await scene.owner.ask("POST", "/media", json=body | {"name": "other"}, headers=headers)
    assert_problem(other, 409, "conflict")


async def test_nobody_has_more_than_the_quota(scene: Scene, stack: Stack) -> None:
    redis = open_redis(stack.redis_url)
    user, room = redis_keys.media_bytes(UserId(scene.owner.id)), redis_keys.media_room_bytes(RoomId(scene.private))
    before = int(await redis.run("GET", user) or 0)
    media = (await scene.announce()).json()["id"]
    assert int(await redis.run("GET", user)) == before + len(CONTENT)
    assert int(await redis.run("GET", room)) == len(CONTENT)
    try:
        await redis.run("INCRBY", user, 10 * GIB)
        assert_problem(await scene.announce(), 413, "quota_exceeded", "size")
        await redis.run("DECRBY", user, 10 * GIB)
        await redis.run("INCRBY", room, 100 * GIB)
        assert_problem(await scene.announce(), 413, "quota_exceeded", "size")
        assert_problem(await scene.announce(size=20 * MIB), 413, "quota_exceeded", "size")
        await redis.run("DECRBY", room, 100 * GIB)
        await scene.owner.call("DELETE", f"/media/{media}")
        assert int(await redis.run("GET", user) or 0) == before
        assert await redis.run("GET", room) is None
    finally:
        await redis.close()


# --- in parts ---


def cut(content: bytes) -> list[dict[str, Any]]:
    pieces = [content[start : start + PART] for start in range(0, len(content), PART)]
    return [{"n": n, "size": len(piece), "sha256": sha256(piece)} for n, piece in enumerate(pieces, 1)]


async def test_a_large_file_goes_in_parts_and_goes_on_after_a_reload(scene: Scene) -> None:
    content = os.urandom(PART + 100)
    ticket = (await scene.announce(size=len(content), sha256=sha256(content))).json()
    assert set(ticket) == {"id", "method", "part_bytes", "expires_at"}
    assert (ticket["method"], ticket["part_bytes"]) == ("MULTIPART", PART)
    media, parts = ticket["id"], cut(content)
    last = (await scene.owner.call("POST", f"/media/{media}/parts", json={"parts": parts[1:]}))["items"]
    assert [set(part) for part in last] == [{"n", "url", "headers", "expires_at"}]
    assert (await scene.uploads.put(last[0], content[PART:])).status_code == 200
    stored = (await scene.owner.call("GET", f"/media/{media}/parts"))["items"]
    assert [(part["n"], part["size"]) for part in stored] == [(2, 100)]
    early = await scene.owner.ask("POST", f"/media/{media}/complete", json={"parts": [{"n": 2, "etag": "x"}]})
    assert_problem(early, 422, "invalid", "parts")
    both = {"parts": [{"n": 1, "etag": stored[0]["etag"]}, {"n": 2, "etag": stored[0]["etag"]}]}
    assert_problem(await scene.owner.ask("POST", f"/media/{media}/complete", json=both), 422, "invalid", "parts.0.etag")
    named = await scene.uploads.put_parts(media, content, PART)
    completed = [await scene.owner.ask("POST", f"/media/{media}/complete", json={"parts": named}) for _ in range(2)]
    assert [answer.status_code for answer in completed] == [202, 202]
    assert completed[0].json()["id"] == media
    assert (await scene.uploads.settled(media))["status"] == "ready"
    assert (await scene.owner.ask("POST", f"/media/{media}/complete", json={"parts": named})).status_code == 202
    assert (await scene.uploads.served(media)).content == content
    for method, body in (("GET", None), ("POST", {"parts": parts[:1]})):
        assert_problem(await scene.owner.ask(method, f"/media/{media}/parts", json=body), 409, "conflict")


@pytest.mark.parametrize(
    ("parts", "field"),
    [
        ([], "parts"),
        ([{"n": 1, "size": PART - 1}], "parts.0.size"),
        ([{"n": 1}, {"n": 2, "size": 101}], "parts.1.size"),
        ([{"n": 3, "size": 1}], "parts.0.n"),
        ([{"n": 0}], "parts.0.n"),
        ([{"n": 1}, {"n": 1}], "parts.1.n"),
        ([{"n": n} for n in range(1, 22)], "parts"),
    ],
)
async def test_parts_that_the_upload_does_not_have_are_refused(
    scene: Scene, parts: list[dict[str, Any]], field: str
) -> None:
    media = (await scene.announce(size=PART + 100)).json()["id"]
    asked = [{"size": PART, "sha256": sha256(b"")} | part for part in parts]
    answer = await scene.owner.ask("POST", f"/media/{media}/parts", json={"parts": asked})
    assert_problem(answer, 422, "invalid", field)
    await scene.owner.call("DELETE", f"/media/{media}")


async def test_an_upload_in_one_piece_has_no_parts(scene: Scene) -> None:
    media = (await scene.announce()).json()["id"]
    part = {"n": 1, "size": len(CONTENT), "sha256": sha256(CONTENT)}
    for method, path, body in (
        ("GET", "parts", None), ("POST", "parts", {"parts": [part]}),
        ("POST", "complete", {"parts": [{"n": 1, "etag": "x"}]}),
    ):  # fmt: skip
        assert_problem(await scene.owner.ask(method, f"/media/{media}/{path}", json=body), 409, "conflict")


# --- reading, and taking back ---


async def test_what_was_sent_is_there_for_every_member(scene: Scene) -> None:
    media = await scene.uploaded()
    shown = await scene.member.call("GET", f"/media/{media}")
    assert (shown["id"], shown["room"], shown["status"]) == (media, scene.private, "ready")
    link = await scene.member.call("GET", f"/media/{media}/url")
    assert set(link) == {"url", "expires_at"}
    assert 0 < int(parse_qs(urlsplit(link["url"]).query)["X-Amz-Expires"][0]) <= 60
    redirect = await scene.member.ask("GET", f"/media/{media}/content", params={"variant": "original"})
    assert redirect.status_code == 302
    assert redirect.headers["cache-control"] == "no-store"
    async with httpx.AsyncClient() as s3:
        for url in (link["url"], redirect.headers["location"]):
            served = await s3.get(url)
            assert served.content == CONTENT
            disposition = served.headers["content-disposition"]
            assert disposition == f"attachment; filename=\"___.txt\"; filename*=UTF-8''{quote('회의록.txt')}"
            assert served.headers["x-content-type-options"] == "nosniff"
    for variant in ("thumb", "preview", "playable"):
        answer = await scene.member.ask("GET", f"/media/{media}/url", params={"variant": variant})
        assert_problem(answer, 404, "not_found")
    assert_problem(
        await scene.member.ask("GET", f"/media/{media}/url", params={"variant": "raw"}), 422, "invalid", "variant"
    )


async def test_a_picture_is_shown_and_saved_as_what_it_became(scene: Scene) -> None:
    media = await scene.uploads.upload(scene.private, "image", photo(), name="바다.heic", content_type="image/heic")
    found = await scene.uploads.settled(media)
    assert found["content_type"] == "image/jpeg"
    for variant, name in (("original", "바다.jpg"), ("thumb", "바다.webp")):
        disposition = (await scene.uploads.served(media, variant)).headers["content-disposition"]
        assert disposition.startswith("inline; ")
        assert disposition.endswith(quote(name))


async def test_who_is_removed_reads_nothing_more(scene: Scene) -> None:
    for room, status, code in ((scene.private, 404, "not_found"), (scene.public, 403, "not_member")):
        media = await scene.uploaded(room)
        assert (await scene.member.ask("GET", f"/media/{media}/url")).status_code == 200
        assert_problem(await scene.stranger.ask("GET", f"/media/{media}/url"), status, code)
        await scene.owner.call("DELETE", f"/rooms/{room}/members/{scene.member.id}")
        for path in ("", "/url", "/content"):
            assert_problem(await scene.member.ask("GET", f"/media/{media}{path}"), status, code)


async def test_what_was_sent_before_one_came_stays_unseen_where_that_is_the_rule(scene: Scene) -> None:
    await scene.owner.call("PATCH", f"/rooms/{scene.private}", json={"history": "since_join"})
    media = await scene.uploaded()
    await scene.owner.call("POST", f"/rooms/{scene.private}/members", json={"user_ids": [scene.stranger.id]})
    for path in ("", "/url", "/content"):
        assert_problem(await scene.stranger.ask("GET", f"/media/{media}{path}"), 404, "not_found")
    assert (await scene.member.ask("GET", f"/media/{media}/url")).status_code == 200


async def test_only_who_uploaded_it_takes_it_back_and_only_before_it_is_sent(scene: Scene) -> None:
    media = await scene.uploaded(send=False)
    assert_problem(await scene.member.ask("DELETE", f"/media/{media}"), 404, "not_found")
    assert (await scene.owner.ask("DELETE", f"/media/{media}")).status_code == 204
    for method in ("GET", "DELETE"):
        assert_problem(await scene.owner.ask(method, f"/media/{media}"), 404, "not_found")
    body = {"text": "", "media": [media]}
    assert_problem(await scene.owner.ask("POST", f"/rooms/{scene.private}/messages", json=body), 422, "invalid")
    sent = await scene.uploaded()
    assert_problem(await scene.owner.ask("DELETE", f"/media/{sent}"), 409, "conflict")
    assert_problem(await scene.member.ask("DELETE", f"/media/{sent}"), 403, "forbidden")
    assert_problem(await scene.member.ask("GET", f"/media/{sent}/parts"), 403, "forbidden")
    assert_problem(await scene.stranger.ask("DELETE", f"/media/{sent}"), 404, "not_found")


async def test_a_deleted_message_takes_its_media_with_it(scene: Scene) -> None:
    media = await scene.uploads.upload(scene.private, "file", CONTENT)
    await scene.uploads.settled(media)
    seq = await scene.send(media)
    await scene.owner.call("DELETE", f"/rooms/{scene.private}/messages/{seq}")
    async with asyncio.timeout(10):
        while (await scene.owner.ask("GET", f"/media/{media}")).status_code != 404:
            await asyncio.sleep(0.05)


async def test_there_is_nothing_at_ids_that_were_not_given_out(scene: Scene) -> None:
    for media in (str(uuid.uuid4()), "x", "..%2f" + str(uuid.uuid4())):
        for path in ("", "/url", "/content", "/parts"):
            assert_problem(await scene.owner.ask("GET", f"/media/{media}{path}"), 404, "not_found")
