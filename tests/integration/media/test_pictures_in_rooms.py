"""A picture in a room, on the whole running stack: live, in pages, after a reconnect, and when it is deleted."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from kaftalk_testing.account import Account
from kaftalk_testing.chat_socket import ChatSocket, Frame
from kaftalk_testing.media_samples import photo
from kaftalk_testing.media_uploads import Uploads
from kaftalk_testing.stack import Stack

pytestmark = pytest.mark.slow

WAIT_S = 40.0


@pytest.fixture
async def http(stack: Stack) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=stack.url, timeout=15) as client:
        yield client


@pytest.fixture
async def s3() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(timeout=15) as client:
        yield client


async def status(socket: ChatSocket, media: str) -> dict[str, Any]:
    """Wait until a client is told of a media object."""

    def is_it(frame: Frame) -> bool:
        return frame["t"] == "event" and (frame["e"]["k"], frame["e"].get("media")) == ("media", media)

    return dict((await socket.until(is_it, WAIT_S))["e"])


async def test_a_placeholder_becomes_the_picture_and_a_deleted_one_is_gone(
    stack: Stack, http: httpx.AsyncClient, s3: httpx.AsyncClient
) -> None:
    ann, bob = await Account.register(http), await Account.register(http)
    room = (await ann.room())["id"]
    await bob.join(room)
    uploads = Uploads(ann, s3)
    async with await ChatSocket.open(stack.ws_url(0), ann) as a, await ChatSocket.open(stack.ws_url(1), bob) as b:
        media = (await uploads.announce(room, "image", content := photo()))["id"]
        seq = (await a.ask({"t": "send", "room": room, "n": 1, "media": [media]}))["seq"]
        shown = await b.until(lambda frame: frame["t"] == "event" and frame["seq"] == seq)
        assert [part["status"] for part in shown["e"]["media"]] == ["pending"]
        early = (await bob.call("GET", f"/rooms/{room}/messages/{seq}"))["e"]["media"][0]
        assert early["status"] == "pending"
        again = await uploads.upload(room, "image", content)
        second = (await a.ask({"t": "send", "room": room, "n": 2, "media": [again]}))["seq"]
        told = await status(b, again)
        assert (told["status"], told["target"], told["width"], told["height"]) == ("ready", second, 320, 240)
        page = await b.ask({"t": "history", "room": room})
        assert {name: page["items"][-1]["e"]["media"][0][name] for name in ("status", "blur")} == {
            "status": "ready", "blur": told["blur"]
        }  # fmt: skip
        link = (await bob.call("GET", f"/media/{again}/url?variant=thumb"))["url"]
        assert (await s3.get(link)).headers["content-type"] == "image/webp"

        await a.ask({"t": "delete", "room": room, "seq": second})
        await b.until(lambda frame: frame["t"] == "event" and frame["e"]["k"] == "delete")
        async with asyncio.timeout(WAIT_S):
            while (await s3.get(link)).status_code != 404:
                await asyncio.sleep(0.05)
        assert (await bob.ask("GET", f"/media/{again}")).status_code == 404
    missed = await ChatSocket.open(stack.ws_url(0), bob, resume={room: (0, seq)})
    async with missed:
        await missed.until(lambda frame: frame["t"] == "resumed")
        resumed = [frame["e"] for frame in missed.seen if frame["t"] == "event"]
    assert [record["media"] for record in resumed if record["k"] == "message"] == [[]]
    assert not any("blur" in record for record in resumed)


async def test_who_came_later_does_not_see_what_an_older_picture_looks_like(
    stack: Stack, http: httpx.AsyncClient, s3: httpx.AsyncClient
) -> None:
    ann, bob, cyd = [await Account.register(http) for _ in range(3)]
    room = (await ann.room(history="since_join"))["id"]
    await bob.join(room)
    uploads = Uploads(ann, s3)
    async with await ChatSocket.open(stack.ws_url(0), ann) as a, await ChatSocket.open(stack.ws_url(1), bob) as b:
        announced = await uploads.announce(room, "image", content := photo())
        media = announced["id"]
        seq = (await a.ask({"t": "send", "room": room, "n": 1, "media": [media]}))["seq"]
        await cyd.join(room)
        async with await ChatSocket.open(stack.ws_url(0), cyd) as c:
            (await uploads.put(announced, content)).raise_for_status()
            assert "blur" in await status(b, media)
            assert await status(c, media) == {"v": 1, "k": "media", "media": media, "status": "ready", "target": seq}
    assert (await cyd.ask("GET", f"/media/{media}")).status_code == 404
    assert (await cyd.ask("GET", f"/media/{media}/url")).status_code == 404
    assert (await bob.ask("GET", f"/media/{media}")).status_code == 200
