"""What people upload that is broken, hostile or not what it says: from the browser's side to what others see."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
import pytest_asyncio

from kaftalk_testing.account import Account
from kaftalk_testing.chat_socket import ChatSocket
from kaftalk_testing.media_samples import (
    CANARY,
    apng,
    endless_ogg,
    painting,
    photo,
    png_header,
    recording,
    saved,
    tiny_gif,
    with_webm_duration,
)
from kaftalk_testing.media_uploads import Uploads
from kaftalk_testing.plan import BUCKET
from kaftalk_testing.s3_bucket import Bucket
from kaftalk_testing.stack import Stack

pytestmark = pytest.mark.slow

WAIT_S = 60.0
SVG = b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>'
HTML = b"<!DOCTYPE html><script>alert('polyglot')</script>"


def half(content: bytes) -> bytes:
    return content[: len(content) // 2]


REFUSED: dict[str, tuple[str, Callable[[], bytes], str, str]] = {
    "a PNG of 50,000 x 50,000": ("image", lambda: png_header(50_000, 50_000), "image/png", "too_many_pixels"),
    "a GIF of 10,000 frames": ("image", lambda: tiny_gif(10_000), "image/gif", "too_many_frames"),
    "an APNG of 1,200 MP": ("image", lambda: apng(300, 2_000, 2_000), "image/png", "too_many_pixels"),
    "half a JPEG": ("image", lambda: half(photo(size=(900, 700))), "image/jpeg", "unreadable"),
    "half a PNG": ("image", lambda: half(photo("PNG")), "image/png", "unreadable"),
    "an SVG that says PNG": ("image", lambda: SVG, "image/png", "unsupported_type"),
    "HTML that says PNG": ("image", lambda: HTML, "image/png", "unsupported_type"),
    "HTML after the magic of a GIF": ("image", lambda: b"GIF89a/*" + HTML + b"*/=1;", "image/gif", "unreadable"),
    "a recording that says JPEG": ("image", lambda: recording("webm", 0.2), "image/jpeg", "unsupported_type"),
    "a picture that says WebM": ("voice", photo, "audio/webm", "unsupported_type"),
    "an Ogg page without an end": ("voice", lambda: endless_ogg(60), "audio/ogg", "unreadable"),
    "half an M4A": ("voice", lambda: half(recording("m4a", 1)), "audio/mp4", "unreadable"),
}


@dataclass
class Scene:
    """Someone who sends, someone who reads, and everything that lies in the bucket."""

    room: str
    sender: Uploads
    reader: Uploads
    sending: ChatSocket
    reading: ChatSocket
    bucket: Bucket
    n: int = 0

    async def send(self, *media: str) -> None:
        """Send a message with media, and wait until it is acknowledged."""
        self.n += 1
        frame = {"t": "send", "room": self.room, "n": self.n, "text": "", "media": list(media)}
        answer = await self.sending.ask(frame)
        assert answer["t"] == "ack", answer

    async def results(self, *media: str) -> dict[str, Any]:
        """Wait until the reader has been told of each how it ended."""
        told: dict[str, Any] = {}
        async with asyncio.timeout(WAIT_S):
            while set(media) - set(told):
                event = (await self.reading.event(self.room, WAIT_S))["e"]
                if event["k"] == "media":
                    told[event["media"]] = event
        return told

    async def objects(self, media: str) -> dict[str, bytes]:
        """Read all that is stored of a media object."""
        prefix = f"media/{self.room}/{media}/"
        return {key.removeprefix(prefix): (await self.bucket.get(key))[0] for key in await self.bucket.keys(prefix)}


@pytest_asyncio.fixture
async def scene(stack: Stack) -> AsyncIterator[Scene]:
    """Bring two members into a room, each on a gateway of their own."""
    async with httpx.AsyncClient(base_url=stack.url, timeout=30) as http, httpx.AsyncClient(timeout=30) as s3:
        sender, reader = await Account.register(http), await Account.register(http)
        room = (await sender.room())["id"]
        await reader.join(room)
        bucket = Bucket(stack.plan.s3_url, stack.plan.s3_credentials, BUCKET)
        sending, reading = [await ChatSocket.open(stack.ws_url(n), who) for n, who in enumerate((sender, reader))]
        async with sending, reading:
            yield Scene(room, Uploads(sender, s3), Uploads(reader, s3), sending, reading, bucket)


async def test_what_is_refused_is_told_with_its_reason_and_nothing_of_it_is_kept(scene: Scene) -> None:
    made = {
        name: await scene.sender.upload(scene.room, kind, content(), content_type=content_type)
        for name, (kind, content, content_type, _) in REFUSED.items()
    }
    media = list(made.values())
    for start in range(0, len(media), 10):
        await scene.send(*media[start : start + 10])
    told = await scene.results(*media)
    expected = {made[name]: ("rejected", reason) for name, (_, _, _, reason) in REFUSED.items()}
    assert {each: (event["status"], event["reason"]) for each, event in told.items()} == expected
    for name, each in made.items():
        assert set(await scene.objects(each)) == {"manifest.json"}, name
        answer = await scene.reader.account.ask("GET", f"/media/{each}/url", params={"variant": "original"})
        assert answer.status_code == 404, name
    assert not await scene.bucket.keys(f"incoming/image/{scene.room}/")
    assert not await scene.bucket.keys(f"incoming/voice/{scene.room}/")


async def test_nothing_that_is_served_says_where_a_photo_was_taken(scene: Scene) -> None:
    kinds = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp"}
    media = [
        await scene.sender.upload(scene.room, "image", photo(kind, orientation=6), content_type=content_type)
        for kind, content_type in kinds.items()
    ]
    await scene.send(*media)
    told = await scene.results(*media)
    for each in media:
        assert (told[each]["status"], told[each]["width"], told[each]["height"]) == ("ready", 240, 320)
        for variant in ("original", "preview", "thumb"):
            served = await scene.reader.served(each, variant)
            assert served.status_code == 200
            assert CANARY not in served.content
            assert b"GPS" not in served.content
        assert not any(CANARY in content for content in (await scene.objects(each)).values())


async def test_what_hides_in_a_picture_is_not_served(scene: Scene) -> None:
    content = saved(painting((64, 64)), "GIF", comment=HTML) + b"PK\x03\x04" + HTML
    media = await scene.sender.upload(scene.room, "image", content, content_type="image/gif")
    await scene.send(media)
    assert (await scene.results(media))[media]["status"] == "ready"
    stored = await scene.objects(media)
    assert not any(b"script" in content or b"PK\x03\x04" in content for content in stored.values())


async def test_markup_sent_as_a_file_is_only_ever_downloaded(scene: Scene) -> None:
    for name, content, content_type in [("보고서.html", HTML, "text/html"), ("그림.svg", SVG, "image/svg+xml")]:
        media = await scene.sender.upload(scene.room, "file", content, name=name, content_type=content_type)
        await scene.send(media)
        assert (await scene.results(media))[media]["status"] == "ready"
        served = await scene.reader.served(media)
        assert served.content == content
        assert served.headers["content-type"] == "application/octet-stream"
        assert served.headers["content-disposition"].startswith("attachment")
        assert served.headers["x-content-type-options"] == "nosniff"
        assert "sandbox" in served.headers["content-security-policy"]


async def test_a_recording_lasts_as_long_as_it_lasts_and_not_as_it_says(scene: Scene) -> None:
    lying = with_webm_duration(recording("webm", 2), 3_600_000.0)
    media = await scene.sender.upload(scene.room, "voice", lying, duration_ms=599_000)
    await scene.send(media)
    told = (await scene.results(media))[media]
    assert abs(told["duration_ms"] - 2000) < 50
    assert len(told["peaks"]) == 100


async def test_an_upload_that_comes_twice_is_worked_off_once(scene: Scene) -> None:
    content = photo()
    announced = await scene.sender.announce(scene.room, "image", content)
    media = announced["id"]
    await scene.send(media)
    for _ in range(2):
        assert (await scene.sender.put(announced, content)).status_code == 200
    first = (await scene.results(media))[media]
    stored = await scene.objects(media)
    # The URL is good for minutes: after the result, too, it brings nothing but the same bytes.
    assert (await scene.sender.put(announced, content)).status_code == 200
    assert (await scene.sender.put(announced, photo("PNG"))).status_code in {400, 403}
    async with asyncio.timeout(WAIT_S):
        while await scene.bucket.keys(f"incoming/image/{scene.room}/"):
            await asyncio.sleep(0.1)
    assert await scene.objects(media) == stored
    assert (await scene.reader.settled(media))["status"] == first["status"] == "ready"


async def test_a_result_is_for_the_room_s_members_only(scene: Scene, stack: Stack) -> None:
    media = await scene.sender.upload(scene.room, "image", photo())
    await scene.send(media)
    await scene.results(media)
    place = await scene.reader.account.call("GET", f"/media/{media}/url", params={"variant": "thumb"})
    await scene.reader.account.call("POST", f"/rooms/{scene.room}/leave")
    gone = await scene.reader.account.ask("GET", f"/media/{media}/url", params={"variant": "thumb"})
    assert gone.status_code == 403
    path = httpx.URL(place["url"])
    for forged in (
        place["url"].replace(media, str(uuid.uuid4())),
        place["url"].replace("thumb.webp", "original.jpg"),
        place["url"].replace("thumb.webp", "../manifest.json"),
        str(path.copy_set_param("X-Amz-Expires", "604800")),
        str(path.copy_with(query=None)),
    ):
        async with httpx.AsyncClient() as anybody:
            assert (await anybody.get(forged)).status_code in {400, 403, 404}, forged
