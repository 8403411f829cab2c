"""Views of media in Redis: merged by compare-and-set, and bytes counted once, whoever writes."""

import asyncio
import uuid
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from kaftalk_media.views import MediaViews
from kaftalk_protocol import redis_keys
from kaftalk_protocol.errors import Code, Refused
from kaftalk_protocol.ids import MediaId, RoomId, UserId
from kaftalk_protocol.media import Sending, State, Upload, view_of
from kaftalk_runtime.redis_client import Redis, open_redis
from kaftalk_views.errors import ViewsLost
from kaftalk_views.media_views import MediaReads

pytestmark = pytest.mark.slow

USER_MAX, ROOM_MAX = 1_000, 1_500


class Scene:
    """A user and a room of which nothing is known yet."""

    def __init__(self, redis: Redis) -> None:
        self.redis = redis
        self.views = MediaViews(redis, user_bytes_max=USER_MAX, room_bytes_max=ROOM_MAX)
        self.reads = MediaReads(redis)
        self.user, self.room = UserId(str(uuid.uuid4())), RoomId(str(uuid.uuid4()))

    def upload(self, size: int = 400, *, by: UserId | None = None, state: State = "incoming") -> Upload:
        return Upload(
            id=MediaId(str(uuid.uuid4())), room=self.room, by=by or self.user, kind="file", name="f",
            content_type="x/y", size=size, sha256="", created_ms=1, state=state,
        )  # fmt: skip

    async def counted(self) -> tuple[int, int]:
        keys = (redis_keys.media_bytes(self.user), redis_keys.media_room_bytes(self.room))
        return tuple(int(count or 0) for count in await self.redis.run("MGET", *keys))  # type: ignore[return-value]


@pytest_asyncio.fixture
async def scene(redis_clean: str) -> AsyncIterator[Scene]:
    redis = open_redis(redis_clean)
    await redis.run("MSET", redis_keys.GENERATION, "g", redis_keys.VIEW_MEDIA, "g")
    yield Scene(redis)
    await redis.close()


async def test_uploads_count_until_a_quota_is_full(scene: Scene) -> None:
    await scene.views.reserve(scene.upload())
    await scene.views.reserve(scene.upload(600))
    with pytest.raises(Refused) as refused:
        await scene.views.reserve(scene.upload(1))
    assert (refused.value.code, refused.value.field) == (Code.QUOTA_EXCEEDED, "size")
    other = UserId(str(uuid.uuid4()))
    await scene.views.reserve(scene.upload(500, by=other))
    with pytest.raises(Refused):
        await scene.views.reserve(scene.upload(1, by=other))
    assert await scene.counted() == (1_000, 1_500)


async def test_many_at_once_do_not_pass_a_quota(scene: Scene) -> None:
    tries = [scene.views.reserve(scene.upload(300)) for _ in range(10)]
    results = await asyncio.gather(*tries, return_exceptions=True)
    assert sum(result is None for result in results) == 3
    assert await scene.counted() == (900, 900)


async def test_what_is_reserved_or_written_twice_counts_once(scene: Scene) -> None:
    upload = scene.upload()
    for _ in range(2):
        await scene.views.reserve(upload)
        await scene.views.put(view_of(upload))
        await scene.views.put_many([view_of(upload)])
    assert await scene.counted() == (400, 400)


async def test_what_is_removed_counts_no_more_however_often(scene: Scene) -> None:
    upload = scene.upload()
    await scene.views.reserve(upload)
    removed = view_of(upload.model_copy(update={"state": "removed"}))
    for _ in range(2):
        assert (await scene.views.update(removed)).state == "removed"
        assert await scene.counted() == (0, 0)
    # An older record brings nothing back.
    assert (await scene.views.put(view_of(upload))).state == "removed"
    for _ in range(2):
        await scene.views.drop(upload.id)
        assert await scene.counted() == (0, 0)
    assert await scene.reads.get(upload.id) is None
    assert await scene.redis.run("EXISTS", redis_keys.media_bytes(scene.user)) == 0


async def test_an_update_makes_nothing_anew(scene: Scene) -> None:
    upload = scene.upload(state="stored")
    assert (await scene.views.update(view_of(upload))).state == "stored"
    assert await scene.reads.get(upload.id) is None


async def test_writers_at_once_lose_nothing(scene: Scene) -> None:
    upload = scene.upload()
    await scene.views.reserve(upload)
    sending = Sending(id=upload.id, room=upload.room, seq=7, message="s:1")
    states: list[State] = ["incoming", "stored", "ready"]
    writes = [scene.views.put(view_of(upload.model_copy(update={"state": state}))) for state in states]
    writes += [scene.views.update(view_of(upload, sending)), scene.views.drop(MediaId(str(uuid.uuid4())))]  # type: ignore[list-item]
    await asyncio.gather(*writes)
    view = await scene.reads.get(upload.id)
    assert view is not None
    assert (view.state, view.sent, view.message) == ("ready", 7, "s:1")
    assert await scene.counted() == (400, 400)


async def test_a_shard_written_again_after_redis_was_emptied_counts_as_before(scene: Scene) -> None:
    kept = [view_of(scene.upload(size)) for size in (10, 20, 30)]
    gone = view_of(scene.upload(40, state="removed"))
    written = await scene.views.put_many([*kept, gone])
    assert written == [*kept, gone]
    assert await scene.counted() == (60, 60)


async def test_nothing_is_reserved_while_nobody_knows_how_much_there_is(scene: Scene) -> None:
    await scene.redis.run("SET", redis_keys.GENERATION, "another")
    with pytest.raises(ViewsLost):
        await scene.views.reserve(scene.upload())
    await scene.redis.run("DEL", redis_keys.GENERATION)
    with pytest.raises(ViewsLost):
        await scene.views.reserve(scene.upload())
    assert await scene.counted() == (0, 0)
