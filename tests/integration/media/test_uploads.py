"""What is reserved for an upload when Kafka or the store does not take it."""

import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from kaftalk_media.errors import StoreAway
from kaftalk_media.object_store import ObjectStore, Place
from kaftalk_media.settings import Settings
from kaftalk_media.shapes import NewUpload
from kaftalk_media.uploads import Uploads
from kaftalk_media.views import MediaViews
from kaftalk_protocol import redis_keys
from kaftalk_protocol.ids import MediaId, UserId
from kaftalk_protocol.media import Upload
from kaftalk_protocol.topics import MEDIA
from kaftalk_roomlog.errors import AppendError, AppendRefused, AppendUnknown, Reason
from kaftalk_runtime.clock import SystemClock
from kaftalk_runtime.redis_client import Redis, open_redis
from kaftalk_testing.keys import jwt_key_file
from kaftalk_testing.media_uploads import announcement
from kaftalk_views.media_views import MediaReads

pytestmark = pytest.mark.slow

USER = UserId(str(uuid.uuid4()))
CONTENT = b"something"


class Log:
    """A topic that takes records, or raises."""

    def __init__(self) -> None:
        self.records: list[Upload] = []
        self.error: AppendError | None = None

    async def append(self, record: Upload) -> None:
        if self.error is not None:
            raise self.error
        self.records.append(record)


class Scene:
    """Uploads over a real Redis, a store that is away, and a topic that does as it is told."""

    def __init__(self, redis: Redis, settings: Settings) -> None:
        self.redis, self.log, self.reads = redis, Log(), MediaReads(redis)
        self.store = ObjectStore(Place("kaftalk-away", "us-east-1", "http://127.0.0.1:1", None, "a", "b"))
        views = MediaViews(redis, user_bytes_max=1_000, room_bytes_max=1_000)
        self.uploads = Uploads(settings, self.store, views, self.log, SystemClock())
        self.media, self.room = MediaId(str(uuid.uuid4())), str(uuid.uuid4())

    async def announce(self, size: int = len(CONTENT)) -> Upload:
        asked = NewUpload.model_validate(announcement(self.room, "file", CONTENT) | {"size": size})
        return await self.uploads.announce(self.media, USER, asked)

    async def counted(self) -> int:
        return int(await self.redis.run("GET", redis_keys.media_bytes(USER)) or 0)


@pytest_asyncio.fixture
async def scene(redis_clean: str, tmp_path: Path) -> AsyncIterator[Scene]:
    redis = open_redis(redis_clean)
    await redis.run("MSET", redis_keys.GENERATION, "g", redis_keys.VIEW_MEDIA, "g")
    settings = Settings.model_construct(jwt_key_file=jwt_key_file(tmp_path), media_part_bytes=5 << 20)
    scene = Scene(redis, settings)
    await scene.store.start()
    yield scene
    await scene.store.stop()
    await redis.close()


async def test_what_is_announced_is_stored_and_counted_before_it_is_answered(scene: Scene) -> None:
    upload = await scene.announce()
    assert scene.log.records == [upload]
    assert await scene.reads.get(scene.media) is not None
    assert await scene.counted() == len(CONTENT)
    # The bytes go to the store when it is back: a URL needs no word of it.
    assert (await scene.uploads.ticket(upload)).method == "PUT"


async def test_what_kafka_refuses_leaves_nothing_behind(scene: Scene) -> None:
    scene.log.error = AppendRefused(MEDIA, Reason.UNAVAILABLE)
    with pytest.raises(AppendRefused):
        await scene.announce()
    assert await scene.reads.get(scene.media) is None
    assert await scene.counted() == 0


async def test_what_kafka_may_have_is_kept_and_told_again(scene: Scene) -> None:
    scene.log.error = AppendUnknown(MEDIA, Reason.TIMED_OUT)
    with pytest.raises(AppendUnknown):
        await scene.announce()
    view = await scene.reads.get(scene.media)
    assert view is not None
    scene.log.error = None
    await scene.uploads.confirm(view.upload)
    assert scene.log.records == [view.upload]
    assert await scene.counted() == len(CONTENT)


async def test_an_upload_in_parts_waits_for_the_store(scene: Scene) -> None:
    with pytest.raises(StoreAway):
        await scene.announce(6 << 20)
    assert scene.log.records == []
    assert await scene.counted() == 0
