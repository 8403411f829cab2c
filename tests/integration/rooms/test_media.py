"""Messages with media over REST: on a real log, what is sent and removed is told before the view shows it."""

import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from kaftalk_protocol import redis_keys
from kaftalk_protocol.ids import MediaId, RoomId, UserId
from kaftalk_protocol.media import MediaView, Upload, encode, view_of
from kaftalk_rooms.settings import RoomsSettings
from kaftalk_runtime.redis_client import open_redis
from kaftalk_testing.account import Account
from kaftalk_testing.media_topic import sendings_of

pytestmark = pytest.mark.slow

NewAccount = Callable[[], Awaitable[Account]]
NewMedia = Callable[..., Awaitable[MediaView]]


@pytest.fixture
async def new_media(rooms_settings: RoomsSettings) -> AsyncIterator[NewMedia]:
    redis = open_redis(rooms_settings.redis_url)

    async def put(by: Account, room: str, **changes: Any) -> MediaView:
        upload = Upload(
            id=MediaId(str(uuid.uuid4())), room=RoomId(room), by=UserId(by.id), kind="image", name="고양이.png",
            content_type="image/png", size=9, sha256="", created_ms=time.time_ns() // 1_000_000,
        )  # fmt: skip
        view = view_of(upload).model_copy(update=changes)
        await redis.run("SET", redis_keys.media(view.id), encode(view).decode())
        return view

    yield put
    await redis.close()


async def test_a_message_shows_its_media_and_takes_them_along(
    new_account: NewAccount, new_media: NewMedia, rooms_settings: RoomsSettings
) -> None:
    owner = await new_account()
    room = (await owner.room())["id"]
    media = [await new_media(owner, room) for _ in range(2)]
    ids = [one.id for one in media]
    seq = (await owner.call("POST", f"/rooms/{room}/messages", json={"media": ids}))["seq"]
    shown = (await owner.call("GET", f"/rooms/{room}/messages/{seq}"))["e"]
    assert [(one["id"], one["name"], one["status"]) for one in shown["media"]] == [
        (one, "고양이.png", "pending") for one in ids
    ]
    assert [
        (one.id, one.seq, one.message, one.removed) for one in await sendings_of(rooms_settings.kafka_bootstrap, room)
    ] == [(one, seq, shown["id"], False) for one in ids]
    await owner.call("DELETE", f"/rooms/{room}/messages/{seq}")
    assert [(one.id, one.seq) for one in await sendings_of(rooms_settings.kafka_bootstrap, room) if one.removed] == [
        (one, seq) for one in ids
    ]


async def test_a_repeated_key_finds_the_message_though_its_media_are_ready_by_now(
    new_account: NewAccount, new_media: NewMedia, rooms_settings: RoomsSettings
) -> None:
    owner = await new_account()
    room = (await owner.room())["id"]
    view = await new_media(owner, room)
    sent: dict[str, Any] = {"json": {"media": [view.id]}, "headers": {"Idempotency-Key": str(uuid.uuid4())}}
    first = await owner.call("POST", f"/rooms/{room}/messages", **sent)
    message = (await owner.call("GET", f"/rooms/{room}/messages/{first['seq']}"))["e"]["id"]

    redis = open_redis(rooms_settings.redis_url)
    kept = [key async for key in keys_of(redis)]
    await redis.run("DEL", *kept)
    known = view.model_copy(update={"state": "ready", "sent": first["seq"], "message": message, "duration_ms": 7})
    await redis.run("SET", redis_keys.media(view.id), encode(known).decode())
    await redis.close()
    assert await owner.call("POST", f"/rooms/{room}/messages", **sent) == first


async def keys_of(redis: Any) -> AsyncIterator[str]:
    for key in await redis.run("KEYS", "idempotency:*"):
        yield key


async def test_what_was_sent_or_is_anothers_is_invalid(new_account: NewAccount, new_media: NewMedia) -> None:
    owner, other = await new_account(), await new_account()
    room, elsewhere = (await owner.room())["id"], (await owner.room())["id"]
    wrong = [
        await new_media(other, room), await new_media(owner, elsewhere), await new_media(owner, room, sent=3),
        await new_media(owner, room, state="removed"),
    ]  # fmt: skip
    fine = await new_media(owner, room)
    for one in wrong:
        answer = await owner.ask("POST", f"/rooms/{room}/messages", json={"media": [fine.id, one.id]})
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid")
        assert [error["field"] for error in answer.json()["errors"]] == ["media.1"]
