"""Sending media over the WebSocket: looked up while the rest of the stream waits its turn."""

import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass

import httpx
import pytest

from kaftalk_protocol import redis_keys
from kaftalk_runtime.redis_client import open_redis
from kaftalk_testing.account import Account
from kaftalk_testing.chat_socket import ChatSocket, Frame
from kaftalk_testing.media_uploads import Uploads
from kaftalk_testing.stack import Stack

pytestmark = pytest.mark.slow


@dataclass
class Scene:
    """Ann and Bob in a room, both connected; Ann has uploads."""

    ann: Account
    bob: Account
    room: str
    a: ChatSocket
    b: ChatSocket
    uploads: Uploads

    async def media(self, room: str | None = None) -> str:
        """Announce a picture, and upload nothing."""
        return str((await self.uploads.announce(room or self.room, "image", b"x" * 9))["id"])

    def message(self, n: int, *media: str) -> Frame:
        text = {} if media else {"text": f"글 {n}"}
        return {
            "t": "send",
            "id": f"s{n}",
            "room": self.room,
            "n": n,
            **text,
            **({"media": list(media)} if media else {}),
        }

    async def answers(self, count: int) -> list[Frame]:
        """Give the next answers to sends, in the order in which they come."""
        found: list[Frame] = []
        while len(found) < count:
            frame = await self.a.next()
            if frame["t"] in ("ack", "error"):
                found.append(frame)
        return found


@pytest.fixture
async def scene(stack: Stack) -> AsyncIterator[Scene]:
    async with httpx.AsyncClient(base_url=stack.url, timeout=15) as http, httpx.AsyncClient() as s3:
        ann, bob = await Account.register(http), await Account.register(http)
        room = (await ann.room())["id"]
        await bob.join(room)
        async with await ChatSocket.open(stack.ws_url(0), ann) as a, await ChatSocket.open(stack.ws_url(1), bob) as b:
            assert "media" in a.seen[0]["features"]
            yield Scene(ann, bob, room, a, b, Uploads(ann, s3))


async def test_messages_with_and_without_media_keep_the_order_of_their_stream(scene: Scene) -> None:
    one, two, three = [await scene.media() for _ in range(3)]
    media = {1: [one], 2: [], 3: [two], 4: [str(uuid.uuid4())], 5: [three], 6: []}
    for n, ids in media.items():
        await scene.a.send(scene.message(n, *ids))
    answers = {frame["id"]: frame for frame in await scene.answers(6)}
    assert [answers[f"s{n}"]["t"] for n in media] == ["ack", "ack", "ack", "error", "ack", "ack"]
    shown = [await scene.b.event(scene.room) for _ in range(5)]
    assert [event["e"]["id"].rpartition(":")[2] for event in shown] == ["1", "2", "3", "5", "6"]
    assert [part["status"] for part in shown[0]["e"]["media"]] == ["pending"]


@pytest.mark.parametrize("what", ["unknown", "another's", "another room's", "sent"])
async def test_only_ones_own_of_the_room_can_be_sent_and_once(scene: Scene, stack: Stack, what: str) -> None:
    media = await scene.media((await scene.ann.room())["id"] if what == "another room's" else None)
    match what:
        case "unknown":
            media = str(uuid.uuid4())
        case "another's":
            scene.uploads.account = scene.bob
            media = await scene.media()
            scene.uploads.account = scene.ann
        case "sent":
            await scene.a.ask(scene.message(1, media))
            redis = open_redis(stack.redis_url)
            while '"sent"' not in await redis.run("GET", redis_keys.media(media)):  # type: ignore[arg-type]
                pass
            await redis.close()
    answer = await scene.a.ask(scene.message(2, await scene.media(), media))
    assert (answer["t"], answer["code"], answer["detail"].partition(":")[0]) == ("error", "invalid", "media.1")
    assert (await scene.a.ask(scene.message(3)))["t"] == "ack"


async def test_while_nobody_can_tell_a_send_is_unavailable_and_what_follows_waits_for_it(
    scene: Scene, stack: Stack
) -> None:
    media = await scene.media()
    assert (await scene.a.ask(scene.message(1)))["t"] == "ack"
    redis = open_redis(stack.redis_url)
    view, whole = await redis.many([("GET", redis_keys.media(media)), ("GET", redis_keys.VIEW_MEDIA)])  # type: ignore[arg-type]
    await redis.many([("DEL", redis_keys.media(media)), ("DEL", redis_keys.VIEW_MEDIA)])  # type: ignore[arg-type]
    await scene.a.send(scene.message(2, media))
    await scene.a.send(scene.message(3))
    answers = await scene.answers(2)
    assert [(frame["id"], frame["code"]) for frame in answers] == [("s2", "unavailable"), ("s3", "unavailable")]
    await redis.many([("SET", redis_keys.media(media), view), ("SET", redis_keys.VIEW_MEDIA, whole)])  # type: ignore[arg-type]
    await redis.close()
    await scene.a.send(scene.message(2, media))
    await scene.a.send(scene.message(3))
    assert [frame["t"] for frame in await scene.answers(2)] == ["ack", "ack"]
    ids = [(await scene.b.event(scene.room))["e"]["id"].rpartition(":")[2] for _ in range(3)]
    assert ids == ["1", "2", "3"]


async def test_a_resent_message_finds_its_own_media_sent_and_is_a_repeat(scene: Scene, stack: Stack) -> None:
    stream, media = str(uuid.uuid4()), await scene.media()
    async with await ChatSocket.open(stack.ws_url(0), scene.ann, stream=stream) as socket:
        first = await socket.ask(scene.message(1, media))
    async with await ChatSocket.open(stack.ws_url(1), scene.ann, stream=stream) as socket:
        again = await socket.ask(scene.message(1, media))
    assert (again["t"], again.get("dup"), again["seq"]) in [("ack", True, first["seq"]), ("ack", True, None)]
