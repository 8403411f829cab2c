"""Media objects as the media service last wrote them to Redis, and which of them a message may send."""

from collections.abc import Callable, Sequence
from typing import Any

from kaftalk_protocol import redis_keys
from kaftalk_protocol.errors import Code, Refused
from kaftalk_protocol.ids import MediaId, RoomId
from kaftalk_protocol.media import ORPHAN_LIFE_MS, MediaView, parse_view, sent_object
from kaftalk_protocol.records import Message
from kaftalk_runtime.redis_client import Redis
from kaftalk_views.errors import ViewsLost

SENDABLE_MS = ORPHAN_LIFE_MS - 3_600_000
"""What is older may be gone before its message stands in the log: an hour is more than any writer waits."""


class MediaReads:
    """Reads media objects."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def get(self, media: MediaId) -> MediaView | None:
        """Give a media object; None if there is none.

        Raises ViewsLost if that is not known; RedisAway, RedisRefused.
        """
        return (await self.of([media])).get(media)

    async def of(self, ids: Sequence[MediaId]) -> dict[MediaId, MediaView]:
        """Give media objects; those that are missing do not exist.

        Raises ViewsLost if that is not known of one; RedisAway, RedisRefused.
        """
        if not ids:
            return {}
        stored, written, generation = await self._redis.transaction(
            [
                ("MGET", *map(redis_keys.media, ids)),
                ("GET", redis_keys.VIEW_MEDIA),
                ("GET", redis_keys.GENERATION),
            ]
        )
        complete = generation is not None and written == generation
        if not complete and not all(stored):
            raise ViewsLost
        return {media: parse_view(text) for media, text in zip(ids, stored, strict=True) if text}


class MediaSends:
    """Turns the ids in a `send` into the objects of its record."""

    def __init__(self, redis: Redis, now_ms: Callable[[], int]) -> None:
        self._reads = MediaReads(redis)
        self._now_ms = now_ms

    async def attach(self, room: RoomId, message: Message, ids: Sequence[str]) -> Message:
        """Give the message with its media: the sender's own of that room, sent by no other message.

        Raises Refused: `invalid` by the first that is not; RedisError, ViewUnavailable.
        """
        if not ids:
            return message
        asked = [MediaId(one) for one in ids]
        found = await self._reads.of(asked)
        objects = [self._object(room, message, at, found.get(one)) for at, one in enumerate(asked)]
        return message.model_copy(update={"media": objects})

    def _object(self, room: RoomId, message: Message, at: int, view: MediaView | None) -> dict[str, Any]:
        if view is None or view.by != message.by or view.room != room or view.state == "removed":
            raise _invalid(at, "there is no such object of yours in this room")
        # A message that was stored under an unknown fate comes again, and finds its own media sent.
        if view.sent is not None and view.message != message.id:
            raise _invalid(at, "was sent before")
        if view.sent is None and view.created_ms + SENDABLE_MS < self._now_ms():
            raise _invalid(at, "was uploaded too long ago")
        return sent_object(view)


def _invalid(at: int, detail: str) -> Refused:
    field = f"media.{at}"
    return Refused(Code.INVALID, f"{field}: {detail}", field=field)
