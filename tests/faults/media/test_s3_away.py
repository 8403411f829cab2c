"""The S3 server dies at each step of an upload's way, or what works on it does: late, and nothing lost."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
import pytest_asyncio

from kaftalk_testing.account import Account
from kaftalk_testing.chat_socket import ChatSocket
from kaftalk_testing.media_samples import painting, photo, saved
from kaftalk_testing.media_uploads import Uploads
from kaftalk_testing.plan import BUCKET
from kaftalk_testing.s3_bucket import Bucket
from kaftalk_testing.stack import Stack

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

WAIT_S = 60.0
MIB = 1 << 20


@dataclass
class Scene:
    """A room, who uploads to it, and what breaks."""

    stack: Stack
    room: str
    uploads: Uploads
    socket: ChatSocket
    n: int = 0

    async def send(self, *media: str) -> int:
        """Send a message with media and return its seq."""
        self.n += 1
        frame = {"t": "send", "room": self.room, "n": self.n, "text": "사진", "media": list(media)}
        answer = await self.socket.ask(frame)
        assert answer["t"] == "ack", answer
        return int(answer["seq"])

    async def told(self, media: str) -> dict[str, Any]:
        """Wait until the room is told how it ended."""
        found = await self.socket.until(
            lambda frame: frame["t"] == "event" and frame["e"]["k"] == "media" and frame["e"]["media"] == media, WAIT_S
        )
        return dict(found["e"])

    async def failed_invocations(self, before: str) -> None:
        """Wait until the function has failed once more than the host's log says so far."""
        async with asyncio.timeout(WAIT_S):
            while self.stack.logs("thumbnailer").count("invocation_failed") <= before.count("invocation_failed"):
                await asyncio.sleep(0.05)

    def bucket(self) -> Bucket:
        """Look into the bucket."""
        return Bucket(self.stack.plan.s3_url, self.stack.plan.s3_credentials, BUCKET)


@pytest_asyncio.fixture
async def scene(breakable_stack: Stack) -> AsyncIterator[Scene]:
    """Bring somebody into a room of hers."""
    stack = breakable_stack
    async with httpx.AsyncClient(base_url=stack.url, timeout=30) as http, httpx.AsyncClient(timeout=30) as s3:
        account = await Account.register(http)
        room = (await account.room())["id"]
        async with await ChatSocket.open(stack.ws_url(), account) as socket:
            yield Scene(stack, room, Uploads(account, s3), socket)


async def test_without_s3_uploads_wait_and_messages_go_on(scene: Scene) -> None:
    content = photo()
    scene.stack.kill("s3")
    announced = await scene.uploads.announce(scene.room, "image", content)
    assert (await scene.uploads.put(announced, content)).status_code >= 500
    await scene.send(announced["id"])
    await scene.send()
    large = bytes(17 * MIB)
    with pytest.raises(httpx.HTTPStatusError) as refused:
        await scene.uploads.announce(scene.room, "file", large)
    assert (refused.value.response.status_code, refused.value.response.json()["code"]) == (503, "unavailable")

    await scene.stack.start("s3")

    assert (await scene.uploads.put(announced, content)).status_code == 200
    assert (await scene.told(announced["id"]))["status"] == "ready"
    assert (await scene.uploads.announce(scene.room, "file", large))["method"] == "MULTIPART"


async def test_an_upload_in_parts_goes_on_where_it_was(scene: Scene) -> None:
    content = bytes(range(256)) * (17 * MIB // 256)
    announced = await scene.uploads.announce(scene.room, "file", content)
    media = announced["id"]
    await scene.send(media)
    parts = await scene.uploads.put_parts(media, content, announced["part_bytes"])
    scene.stack.kill("s3")
    for method, path, body in [("GET", "parts", None), ("POST", "complete", {"parts": parts})]:
        answer = await scene.uploads.account.ask(method, f"/media/{media}/{path}", json=body)
        assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")

    await scene.stack.start("s3")

    stored = (await scene.uploads.account.call("GET", f"/media/{media}/parts"))["items"]
    assert [part["n"] for part in stored] == [part["n"] for part in parts]
    for _ in range(2):
        await scene.uploads.account.call("POST", f"/media/{media}/complete", json={"parts": parts})
    told = await scene.told(media)
    assert (told["status"], told["size"]) == ("ready", len(content))
    assert (await scene.uploads.served(media)).content == content


async def test_the_function_tries_again_when_s3_is_back(scene: Scene) -> None:
    scene.stack.pause("thumbnailer")
    media = await scene.uploads.upload(scene.room, "image", photo())
    await scene.send(media)
    scene.stack.kill("s3")
    before = scene.stack.logs("thumbnailer")
    scene.stack.resume("thumbnailer")
    await scene.failed_invocations(before)

    await scene.stack.start("s3")

    assert (await scene.told(media))["status"] == "ready"
    assert not await scene.bucket().keys(f"incoming/image/{scene.room}/")


async def test_what_cannot_be_read_now_can_be_read_later(scene: Scene) -> None:
    media = await scene.uploads.upload(scene.room, "image", photo())
    await scene.send(media)
    await scene.told(media)
    scene.stack.kill("s3")
    assert (await scene.uploads.account.call("GET", f"/media/{media}"))["status"] == "ready"
    assert (await scene.uploads.served(media, "thumb")).status_code >= 500

    await scene.stack.start("s3")

    assert (await scene.uploads.served(media, "thumb")).status_code == 200


async def test_what_is_deleted_without_s3_goes_when_it_is_back(scene: Scene) -> None:
    media = await scene.uploads.upload(scene.room, "image", photo())
    seq = await scene.send(media)
    await scene.told(media)
    prefix = f"media/{scene.room}/{media}/"
    assert await scene.bucket().keys(prefix)
    scene.stack.kill("s3")
    await scene.uploads.account.call("DELETE", f"/rooms/{scene.room}/messages/{seq}")
    async with asyncio.timeout(WAIT_S):
        while (await scene.uploads.account.ask("GET", f"/media/{media}")).status_code != 404:
            await asyncio.sleep(0.1)

    await scene.stack.start("s3")

    async with asyncio.timeout(WAIT_S):
        while await scene.bucket().keys(prefix):
            await asyncio.sleep(0.2)


async def test_a_function_killed_half_way_begins_anew(scene: Scene) -> None:
    first = await scene.uploads.upload(scene.room, "image", photo())
    await scene.uploads.settled(first)
    media = await scene.uploads.upload(scene.room, "image", saved(painting((6000, 4000)), "PNG"))
    await scene.send(media)
    await asyncio.sleep(0.5)
    scene.stack.kill("thumbnailer")
    assert (await scene.uploads.account.call("GET", f"/media/{media}"))["status"] == "pending"

    await scene.stack.start("thumbnailer")

    assert (await scene.told(media))["status"] == "ready"
    assert not await scene.bucket().keys(f"incoming/image/{scene.room}/")


async def test_a_result_that_nobody_took_is_found_on_the_next_read(scene: Scene) -> None:
    content = photo()
    announced = await scene.uploads.announce(scene.room, "image", content)
    media, bucket = announced["id"], scene.bucket()
    scene.stack.kill("media")
    (await scene.uploads.put(announced, content)).raise_for_status()
    manifest = f"media/{scene.room}/{media}/manifest.json"
    dead = scene.stack.logs("thumbnailer").count("dead_letter")
    async with asyncio.timeout(WAIT_S):
        while scene.stack.logs("thumbnailer").count("dead_letter") == dead:
            await asyncio.sleep(0.1)
    assert manifest in await bucket.keys(manifest)

    await scene.stack.start("media")

    assert (await scene.uploads.settled(media))["status"] == "ready"
    await scene.send(media)
    assert (await scene.told(media))["status"] == "ready"
