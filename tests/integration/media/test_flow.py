"""A media service inside the test process, on real Kafka, Redis and S3, without rooms and function: time is turned."""

import asyncio
import time
import uuid
from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
import pytest_asyncio

from kaftalk_media.app import App
from kaftalk_media.errors import MultipartGone
from kaftalk_media.lifecycle import GRACE_MS, LOOK_FIRST_MS, RESEND_AFTER_MS
from kaftalk_media.settings import Settings
from kaftalk_protocol import redis_keys
from kaftalk_protocol.ids import MediaId, RoomId, UserId
from kaftalk_protocol.media import ORPHAN_LIFE_MS, MediaView, Result, Sending, Upload, encode, sending_key, upload_key
from kaftalk_protocol.records import Media, parse
from kaftalk_protocol.topics import MEDIA, UPLOADS, Placement
from kaftalk_roomlog.ranges import RoomLogRange
from kaftalk_roomlog.shards import shard_of
from kaftalk_roomlog.topics import TopicSpec
from kaftalk_runtime.clock import ManualClock
from kaftalk_runtime.internal_auth import HEADER, InternalKeys
from kaftalk_runtime.redis_client import Redis, open_redis
from kaftalk_runtime.settings import Address
from kaftalk_testing.keys import jwt_key_file
from kaftalk_testing.media_topic import media_topic, sendings_of
from kaftalk_testing.s3_bucket import Bucket, S3Server, running_server
from kaftalk_testing.seeded_rooms import RoomSeed, SeededRoom, room_seed
from kaftalk_testing.stack import Stack
from kaftalk_views import generation
from kaftalk_views.errors import ViewsLost
from kaftalk_views.media_views import MediaReads

pytestmark = pytest.mark.slow

SHARDS = 4
BUCKET = "kaftalk-flow"
KEY = "k" + uuid.uuid4().hex + uuid.uuid4().hex


class Flow:
    """The service, and everything around it."""

    def __init__(self, app: App, clock: ManualClock, seed: RoomSeed, redis: Redis, bucket: Bucket, kafka: str) -> None:
        self.app = app
        self.clock = clock
        self.seed = seed
        self.redis = redis
        self.reads = MediaReads(redis)
        self.bucket = bucket
        self.kafka = kafka
        self._keys = InternalKeys([KEY])

    async def room(self) -> SeededRoom:
        (room,) = await self.seed.rooms(1)
        return room

    async def announce(self, room: SeededRoom, **changes: Any) -> Upload:
        upload = Upload(
            id=MediaId(str(uuid.uuid4())), room=room.id, by=UserId(room.owner), kind="image", name="a.png",
            content_type="image/png", size=9, sha256="", created_ms=self.clock.now_ms(),
        )  # fmt: skip
        upload = upload.model_copy(update=changes)
        await self.write(upload)
        return upload

    async def write(self, record: Upload | Sending) -> None:
        """Write a record as an API instance or delivery does."""
        key = upload_key(record.id) if isinstance(record, Upload) else sending_key(record.id)
        partition = shard_of(record.room, SHARDS)
        await self.seed.writer.append(MEDIA, encode(record), key=key.encode(), partition=partition)

    async def send(self, upload: Upload, *, removed: bool = False) -> None:
        await self.write(Sending(id=upload.id, room=upload.room, seq=7, message="s:1", removed=removed))

    async def call_back(self, upload: Upload, *, key: str | None = None, **changes: Any) -> int:
        """Tell the result as the function does; gives the status."""
        body = result_of(upload).model_copy(update=changes).model_dump_json(exclude_none=True).encode()
        path = f"/media/{upload.id}/result"
        keys = self._keys if key is None else InternalKeys([key])
        transport = httpx.ASGITransport(self.app.internal.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://internal") as http:
            answer = await http.post(path, content=body, headers={HEADER: keys.sign("POST", path, body)})
        return answer.status_code

    async def view(self, upload: Upload) -> MediaView | None:
        return await self.reads.get(upload.id)

    async def told(self, room: SeededRoom) -> list[Media]:
        """Read what the room's log says of media."""
        ranges = RoomLogRange(self.app._logs.ranges._wire._kafka)
        await ranges.start()
        end = await ranges.end_offset(room.placement.topic)
        stored = await ranges.read(room.placement.topic, 0, end)
        await ranges.stop()
        return [record for record in map(parse, (one.value for one in stored)) if isinstance(record, Media)]

    async def kept(self, upload: Upload) -> dict[str, bool]:
        """Tell of both keys whether the topic holds them in the end."""
        keys = {upload_key(upload.id): False, sending_key(upload.id): False}
        for record in await media_topic(self.kafka, upload.room):
            key = (record.key or b"").decode()
            if key in keys:
                keys[key] = not record.deleted
        return keys

    async def shown(self, upload: Upload) -> MediaView:
        """Wait until Redis has it."""
        await self.clock.advance(11)
        await eventually(lambda: self._has_view(upload))
        view = await self.view(upload)
        assert view is not None
        return view

    async def gone(self, upload: Upload) -> None:
        """Wait until nothing is left of it."""
        await eventually(lambda: self._has_no_objects(upload))
        await eventually(lambda: self._is_forgotten(upload))
        assert await self.view(upload) is None
        assert await self._has_no_objects(upload)

    async def _has_view(self, upload: Upload) -> bool:
        return await self.view(upload) is not None

    async def _has_no_objects(self, upload: Upload) -> bool:
        return not await self.bucket.keys(upload.folder) and not await self.bucket.keys(upload.incoming)

    async def _is_forgotten(self, upload: Upload) -> bool:
        await self.clock.advance(GRACE_MS / 1000)
        return not any((await self.kept(upload)).values())


async def eventually(check: Callable[[], Awaitable[bool]], timeout_s: float = 20.0) -> None:
    async with asyncio.timeout(timeout_s):
        while not await check():
            await asyncio.sleep(0.05)


def result_of(upload: Upload) -> Result:
    original = {"key": f"{upload.folder}original.png", "content_type": "image/png", "size": 8}
    return Result.model_validate(
        {
            "id": upload.id, "room": upload.room, "kind": "image", "status": "ready", "width": 3,
            "variants": {"original": original},
        }
    )  # fmt: skip


@pytest_asyncio.fixture(scope="module")
async def s3(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[S3Server]:
    async with running_server("versitygw", tmp_path_factory.mktemp("s3")) as server:
        yield server


@pytest_asyncio.fixture(scope="module")
async def settings(backends: Stack, s3: S3Server, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    folder: Path = tmp_path_factory.mktemp("media")
    return Settings(
        instance="media-test",
        listen=Address("127.0.0.1", 1),
        internal_listen=Address("127.0.0.1", 2),
        kafka_bootstrap=backends.kafka_bootstrap,
        redis_url=backends.redis_url,
        internal_keys=(KEY,),
        jwt_key_file=jwt_key_file(folder),
        origins=("http://media.test",),
        shards=SHARDS,
        s3_bucket=BUCKET,
        s3_endpoint=s3.endpoint,
        s3_access_key=s3.credentials.access_key,
        s3_secret_key=s3.credentials.secret_key,
        s3_create_bucket=True,
        s3_events_topic=UPLOADS,
    )


@pytest_asyncio.fixture(scope="module")
async def flow(settings: Settings, s3: S3Server) -> AsyncIterator[Flow]:
    clock = ManualClock(time.time_ns() // 1_000_000)
    redis = open_redis(settings.redis_url)
    await redis.run("FLUSHALL")
    async with room_seed(settings.kafka_bootstrap) as seed:
        await seed.system_topics(SHARDS)
        await seed.topics.ensure_system_topics([TopicSpec(UPLOADS, 2)])
        app = App(settings, clock)
        await app.start()
        bucket = Bucket(s3.endpoint, s3.credentials, BUCKET)
        flow = Flow(app, clock, seed, redis, bucket, settings.kafka_bootstrap)
        await eventually(lambda: is_complete(redis))
        yield flow
        await app.drain()
        await app.stop()
    await redis.close()


async def is_complete(redis: Redis) -> bool:
    whole, found = await redis.many([("GET", redis_keys.VIEW_MEDIA), ("GET", redis_keys.GENERATION)])
    return whole is not None and whole == found


# --- what comes in whatever order ---


@pytest.mark.parametrize("sent_first", [True, False])
async def test_a_room_is_told_once_of_what_it_was_sent(flow: Flow, sent_first: bool) -> None:  # noqa: FBT001
    room = await flow.room()
    upload = await flow.announce(room)
    await flow.shown(upload)
    if sent_first:
        await flow.send(upload)
    assert await flow.call_back(upload) == 204
    assert await flow.call_back(upload) == 204
    if not sent_first:
        await asyncio.sleep(0.3)
        assert await flow.told(room) == []
        await flow.send(upload)

    async def is_told() -> bool:
        return bool(await flow.told(room))

    await eventually(is_told)
    await flow.send(upload)
    await flow.write(upload)
    (event,) = await flow.told(room)
    assert (event.media, event.status, event.target, event.model_dump()["width"]) == (upload.id, "ready", 7, 3)
    view = await flow.view(upload)
    assert view is not None
    assert (view.state, view.sent, view.message) == ("ready", 7, "s:1")

    async def is_repaired() -> bool:
        last = (await sendings_of(flow.kafka, room.id))[-1]
        return last.told == "ready"

    await flow.clock.advance(3)
    await eventually(is_repaired)
    assert len(await flow.told(room)) == 1


async def test_a_callback_is_signed_and_of_something_that_exists(flow: Flow) -> None:
    room = await flow.room()
    upload = await flow.announce(room)
    unknown = upload.model_copy(update={"id": MediaId(str(uuid.uuid4()))})
    assert await flow.call_back(upload, key="x" + uuid.uuid4().hex + uuid.uuid4().hex) == 403
    assert await flow.call_back(unknown) == 404
    assert await flow.call_back(upload) == 503, "Kafka knows it, whatever Redis has lost"
    await flow.shown(upload)
    assert await flow.call_back(upload, room=RoomId(str(uuid.uuid4()))) == 404
    assert await flow.call_back(upload, kind="voice") == 404
    assert await flow.call_back(upload, status="unheard-of") == 400
    await flow.write(upload.model_copy(update={"state": "removed"}))
    await flow.gone(upload)
    assert await flow.call_back(upload) == 404


# --- what goes ---


async def with_objects(flow: Flow, room: SeededRoom) -> Upload:
    upload = await flow.announce(room)
    await flow.shown(upload)
    for key in (upload.incoming, f"{upload.folder}original.png"):
        await flow.bucket.put(key, b"x")
    assert await flow.call_back(upload) == 204
    return upload


async def test_a_deleted_message_takes_its_objects_and_its_bytes_along(flow: Flow) -> None:
    room = await flow.room()
    upload = await with_objects(flow, room)
    await flow.send(upload)
    assert await flow.redis.run("GET", redis_keys.media_room_bytes(room.id)) == "9"
    await flow.send(upload, removed=True)
    await flow.gone(upload)
    assert await flow.redis.run("GET", redis_keys.media_room_bytes(room.id)) is None


async def test_a_deleted_room_takes_all_its_objects_along(flow: Flow) -> None:
    room = await flow.room()
    sent, unsent = await with_objects(flow, room), await with_objects(flow, room)
    await flow.send(sent)
    await flow.seed.place(Placement(room.id, status="deleted", deleted_ms=flow.clock.now_ms()))
    await flow.gone(sent)
    await flow.gone(unsent)


async def test_what_nobody_sent_for_a_day_goes_and_what_was_sent_stays(flow: Flow) -> None:
    room = await flow.room()
    orphan, sent = await with_objects(flow, room), await with_objects(flow, room)
    never_put = await flow.announce(room)
    await flow.send(sent)
    await flow.clock.advance(ORPHAN_LIFE_MS / 1000 - 60)
    await asyncio.sleep(0.5)
    assert await flow.bucket.keys(orphan.folder)
    await flow.clock.advance(120)
    await flow.gone(orphan)
    await flow.gone(never_put)
    assert await flow.bucket.keys(sent.folder)
    assert (await flow.kept(sent)) == {upload_key(sent.id): True, sending_key(sent.id): True}


async def test_parts_of_an_upload_that_was_never_completed_go_after_a_day(flow: Flow) -> None:
    room, store = await flow.room(), flow.app._store
    media = MediaId(str(uuid.uuid4()))
    key = f"incoming/file/{room.id}/{media}"
    upload_id = await store.create_multipart(key, "application/pdf")
    upload = await flow.announce(room, id=media, kind="file", upload_id=upload_id, part_bytes=5 << 20)
    checksum = b64encode(sha256(b"bytes").digest()).decode()
    signed = await store.presign_part(key, upload_id, 1, size=5, sha256=checksum, for_s=60)
    async with httpx.AsyncClient() as http:
        (await http.put(signed.url, content=b"bytes", headers=signed.headers)).raise_for_status()
    await flow.shown(upload)
    assert [stored.n for stored in await store.parts(key, upload_id)] == [1]
    await flow.clock.advance(ORPHAN_LIFE_MS / 1000)
    await flow.gone(upload)
    with pytest.raises(MultipartGone):
        await store.parts(key, upload_id)


async def test_an_upload_that_the_function_did_not_remove_goes_and_what_was_made_of_it_stays(flow: Flow) -> None:
    room = await flow.room()
    upload = await with_objects(flow, room)
    await flow.send(upload)
    assert await flow.bucket.keys(upload.incoming)
    await flow.clock.advance(GRACE_MS / 1000)

    async def is_cleared() -> bool:
        return not await flow.bucket.keys(upload.incoming)

    await eventually(is_cleared)
    assert await flow.bucket.keys(upload.folder)


async def test_what_is_written_after_a_removal_is_deleted_too(flow: Flow) -> None:
    room = await flow.room()
    upload = await flow.announce(room)
    await flow.shown(upload)
    await flow.bucket.put(upload.incoming, b"early")
    await flow.write(upload.model_copy(update={"state": "removed"}))
    await eventually(lambda: is_removed(flow, upload))
    await flow.bucket.put(upload.incoming, b"late")
    await flow.bucket.put(upload.manifest, b"late")
    await flow.clock.advance(GRACE_MS / 1000 + 1)
    await flow.gone(upload)
    assert await flow.call_back(upload) == 404


async def is_removed(flow: Flow, upload: Upload) -> bool:
    view = await flow.view(upload)
    return view is not None and view.state == "removed" and not await flow.bucket.keys(upload.incoming)


# --- what is lost ---


async def test_a_lost_callback_is_made_up_for_by_the_manifest(flow: Flow) -> None:
    room = await flow.room()
    upload = await flow.announce(room)
    await flow.send(upload)
    await flow.shown(upload)
    manifest = result_of(upload).model_dump_json(exclude_none=True).encode()
    await flow.bucket.put(upload.manifest, manifest)
    await flow.clock.advance(LOOK_FIRST_MS / 1000)

    async def is_told() -> bool:
        return bool(await flow.told(room))

    await eventually(is_told)


async def test_a_lost_event_is_sent_again(flow: Flow) -> None:
    room = await flow.room()
    upload = await flow.announce(room)
    await flow.bucket.put(upload.incoming, b"x")
    ranges = flow.app._logs.ranges
    before = await ranges.partition_ends(UPLOADS)

    async def is_sent() -> bool:
        await flow.clock.advance(LOOK_FIRST_MS / 1000)
        return await ranges.partition_ends(UPLOADS) != before

    await flow.clock.advance(RESEND_AFTER_MS / 1000)
    await eventually(is_sent)
    ends = await ranges.partition_ends(UPLOADS)
    (partition,) = [number for number, end in ends.items() if end > before[number]]
    (stored,) = await ranges.read(UPLOADS, before[partition], before[partition] + 1, partition=partition)
    s3 = orjson.loads(stored.value)["Records"][0]["s3"]
    assert s3 == {"bucket": {"name": BUCKET}, "object": {"key": upload.incoming}}


async def test_redis_that_lost_everything_has_it_again_and_nothing_is_taken_for_unknown_meanwhile(flow: Flow) -> None:
    room = await flow.room()
    uploads = [await with_objects(flow, room) for _ in range(5)]
    for upload in uploads:
        await flow.send(upload)
    await eventually(lambda: all_sent(flow, uploads))
    before = [await flow.view(upload) for upload in uploads]
    await flow.redis.run("FLUSHALL")
    while not await is_complete(flow.redis):
        for upload in uploads:
            try:
                assert await flow.view(upload) is not None
            except ViewsLost:
                continue
    assert [await flow.view(upload) for upload in uploads] == before
    assert await flow.redis.run("GET", redis_keys.media_room_bytes(room.id)) == str(9 * len(uploads))
    assert len(await flow.told(room)) == len(uploads)


async def all_sent(flow: Flow, uploads: list[Upload]) -> bool:
    views = [await flow.view(upload) for upload in uploads]
    sendings = [one for one in await sendings_of(flow.kafka, uploads[0].room) if one.told]
    return all(view is not None and view.sent for view in views) and len(sendings) >= len(uploads)


async def test_the_next_owner_goes_on_where_the_last_one_was(flow: Flow, settings: Settings) -> None:
    room = await flow.room()
    told, waiting = await with_objects(flow, room), await with_objects(flow, room)
    await flow.send(told)
    await eventually(lambda: all_sent(flow, [told]))
    second = App(settings.model_copy(update={"instance": "media-next"}), flow.clock)
    await second.start()
    try:
        await flow.app._logs.ownership.stop()
        await eventually(lambda: owns_all(second))
        await generation.drop(flow.redis)
        await flow.send(waiting)

        async def is_told() -> bool:
            return waiting.id in [event.media for event in await flow.told(room)]

        await eventually(is_told)
        # The first one does not know yet that it is no owner any more: both may tell, the same.
        events = await flow.told(room)
        assert [event.media for event in events].count(told.id) == 1
        assert len({event.model_dump_json() for event in events}) == 2
    finally:
        await flow.app._logs.ownership.start()
        await second.drain()
        await second.stop()
        await eventually(lambda: owns_all(flow.app))


async def owns_all(app: App) -> bool:
    return len(app._owner.ready) == SHARDS
