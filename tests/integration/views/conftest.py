"""A clean Redis, a log in memory, and the views that are built on both."""

import itertools
import uuid
from collections.abc import AsyncIterator, Callable

import pytest
import pytest_asyncio

from kaftalk_protocol.ids import RoomId
from kaftalk_runtime.redis_client import Redis, open_redis
from kaftalk_testing.log_twin import LogTwin, MediaTopicTwin, RoomTwin
from kaftalk_testing.room_logs import START_MS
from kaftalk_views import generation
from kaftalk_views.catch_up import CatchUp
from kaftalk_views.cursors import ReadCursors
from kaftalk_views.held import HeldRanges
from kaftalk_views.history import RoomHistory
from kaftalk_views.listing import RoomListing
from kaftalk_views.notes import Notes
from kaftalk_views.room_views import RoomViews
from kaftalk_views.sendings import Sendings
from kaftalk_views.users import Users

SHARDS = 4


@pytest_asyncio.fixture
async def redis(redis_clean: str) -> AsyncIterator[Redis]:
    redis = open_redis(redis_clean)
    made_for = await generation.claim(redis)
    await generation.mark(redis, range(SHARDS), made_for)
    await generation.mark_accounts(redis, made_for)
    yield redis
    await redis.close()


@pytest.fixture
def log() -> LogTwin:
    return LogTwin()


@pytest.fixture
def media_topic() -> MediaTopicTwin:
    return MediaTopicTwin()


@pytest.fixture
def views(redis: Redis, media_topic: MediaTopicTwin) -> RoomViews:
    return RoomViews(redis, shards=SHARDS, sendings=Sendings(media_topic, shards=SHARDS))


@pytest.fixture
def catch_up(views: RoomViews, log: LogTwin) -> CatchUp:
    return CatchUp(views, log)


@pytest_asyncio.fixture
async def notes(views: RoomViews, log: LogTwin) -> AsyncIterator[Notes]:
    notes = Notes(views, log)
    yield notes
    await notes.stop()


@pytest.fixture
def history(views: RoomViews, log: LogTwin, notes: Notes) -> RoomHistory:
    return RoomHistory(views, log, notes)


@pytest.fixture
def held(views: RoomViews, log: LogTwin, notes: Notes) -> HeldRanges:
    return HeldRanges(views, log, notes)


@pytest.fixture
def users(redis: Redis) -> Users:
    return Users(redis)


@pytest.fixture
def listing(views: RoomViews, users: Users, notes: Notes, held: HeldRanges) -> RoomListing:
    return RoomListing(views, users, notes, held)


@pytest.fixture
def cursors(redis: Redis) -> ReadCursors:
    return ReadCursors(redis, shards=SHARDS)


@pytest.fixture
def new_room(log: LogTwin) -> Callable[[], RoomTwin]:
    """Open an empty log for a room of its own."""
    numbers = itertools.count()

    def open_room() -> RoomTwin:
        return RoomTwin(log, RoomId(str(uuid.uuid4())), now_ms=START_MS + next(numbers) * 1_000_000)

    return open_room
