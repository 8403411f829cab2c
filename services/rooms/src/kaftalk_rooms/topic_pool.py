"""Room ids whose topics are ready: creating a topic takes longer than a user should wait.

The list in Redis is only a hint; whoever's record comes first in a topic owns the room.
"""

import asyncio
import contextlib
import uuid

from kaftalk_protocol import redis_keys
from kaftalk_protocol.ids import RoomId
from kaftalk_protocol.topics import room_topic
from kaftalk_roomlog.errors import BrokerUnreachable
from kaftalk_roomlog.topics import Topics
from kaftalk_roomlog.writer import RoomLogWriter
from kaftalk_runtime import metrics
from kaftalk_runtime.redis_client import Redis, RedisAway

REFILL_EVERY_S = 0.5
TOPICS_A_ROUND = 8
VISIBLE_TIMEOUT_S = 30.0

_inline = metrics.counter(
    "kaftalk_rooms_topics_inline_total", "Rooms whose topic had to be created while the user waited"
)
_level = metrics.gauge("kaftalk_rooms_topic_pool_rooms", "Rooms whose topics are ready")
_target = metrics.gauge("kaftalk_rooms_topic_pool_target_rooms", "Rooms whose topics are to be ready")


class TopicPool:
    """Gives out ready rooms, and makes new ones slowly: a burst of topics delays every fresh one for seconds."""

    def __init__(self, redis: Redis, topics: Topics, writer: RoomLogWriter, *, size: int) -> None:
        self._redis = redis
        self._topics = topics
        self._writer = writer
        self._size = size
        _target.set(size)

    async def take(self) -> RoomId:
        """Give a room whose topic exists and holds nothing; makes one if none is ready.

        Raises RoomLogError if Kafka does not answer.
        """
        ready = None
        with contextlib.suppress(RedisAway):
            ready = await self._redis.run("LPOP", redis_keys.ROOM_POOL)
        if ready is not None:
            return RoomId(ready)
        _inline.inc()
        return (await self._make(1))[0]

    async def give_back(self, room: RoomId) -> None:
        """Put back a room that was taken and not used."""
        with contextlib.suppress(RedisAway):
            await self._redis.run("RPUSH", redis_keys.ROOM_POOL, room)

    async def refill(self) -> None:
        """Keep the pool full, for ever."""
        while True:
            with contextlib.suppress(RedisAway, BrokerUnreachable):
                await self._refill_some()
            await asyncio.sleep(REFILL_EVERY_S)

    async def ensure(self, room: RoomId) -> None:
        """Create the topic of a room whose id is given, if it is missing."""
        topic = room_topic(room, 0)
        await self._topics.create_room_topics([topic])
        await self._topics.await_visible(topic, timeout_s=VISIBLE_TIMEOUT_S)

    async def _refill_some(self) -> None:
        level = int(await self._redis.run("LLEN", redis_keys.ROOM_POOL))
        missing = self._size - level
        if missing > 0:
            made = await self._make(min(missing, TOPICS_A_ROUND))
            level = int(await self._redis.run("RPUSH", redis_keys.ROOM_POOL, *made))
        _level.set(level)

    async def _make(self, count: int) -> list[RoomId]:
        rooms = [RoomId(str(uuid.uuid4())) for _ in range(count)]
        names = [room_topic(room, 0) for room in rooms]
        await self._topics.create_room_topics(names)
        for name in names:
            await self._topics.await_visible(name, timeout_s=VISIBLE_TIMEOUT_S)
        await self._writer.prepare(names)
        return rooms
