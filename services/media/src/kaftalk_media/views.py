"""Writes media objects to Redis, and with them, in one step, how many bytes of them users and rooms have."""

from collections.abc import Sequence
from typing import Any

from kaftalk_protocol import redis_keys
from kaftalk_protocol.errors import Code, Refused
from kaftalk_protocol.ids import MediaId
from kaftalk_protocol.media import MediaView, Upload, encode, merge_views, parse_view, view_of
from kaftalk_runtime.redis_client import Redis, RedisRefused, Script, ScriptCall
from kaftalk_views.errors import ViewsLost

# Writes a view if it still is as it was read ('' is none), and counts its bytes. Gives 0; 1 if it is another by now;
# 2 and 3 if the user's or the room's quota (-1: none) would be exceeded; 4 if the views are not complete.
_SWAP = Script("""
if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then return 1 end
local by = tonumber(ARGV[3])
if ARGV[4] ~= '-1' then
  local generation = redis.call('GET', KEYS[4])
  if not generation or redis.call('GET', KEYS[5]) ~= generation then return 4 end
  if tonumber(redis.call('GET', KEYS[2]) or '0') + by > tonumber(ARGV[4]) then return 2 end
  if tonumber(redis.call('GET', KEYS[3]) or '0') + by > tonumber(ARGV[5]) then return 3 end
end
if ARGV[2] == '' then redis.call('DEL', KEYS[1]) else redis.call('SET', KEYS[1], ARGV[2]) end
if by ~= 0 then
  for at = 2, 3 do
    if redis.call('INCRBY', KEYS[at], ARGV[3]) <= 0 then redis.call('DEL', KEYS[at]) end
  end
end
return 0
""")
_WRITTEN = 0
_NO_QUOTAS = (-1, -1)


class MediaViews:
    """Writes views by compare-and-set; all methods raise RedisAway, RedisRefused.

    Bytes are counted as announced, from the first view of an object to the one in which it is removed; so whoever
    writes a view twice, or all of them anew, counts nothing twice.
    """

    def __init__(self, redis: Redis, *, user_bytes_max: int, room_bytes_max: int) -> None:
        self._redis = redis
        self._quotas = (user_bytes_max, room_bytes_max)

    async def reserve(self, upload: Upload) -> None:
        """Write the view of a new upload, if it fits into the quotas; one that is there already is left as it is.

        Raises Refused(quota_exceeded), ViewsLost while nobody knows how much there is.
        """
        match await self._swap(None, view_of(upload), None, self._quotas):
            case 2:
                raise Refused(Code.QUOTA_EXCEEDED, "size: you have uploaded as much as you may", field="size")
            case 3:
                raise Refused(Code.QUOTA_EXCEEDED, "size: the room holds as much as it may", field="size")
            case 4:
                raise ViewsLost

    async def put(self, view: MediaView) -> MediaView:
        """Write a view, merged with the one that is there, and give the result."""
        return await self._merged(view, create=True) or view

    async def put_many(self, views: Sequence[MediaView]) -> list[MediaView]:
        """Write views of different objects in few round trips, each merged with the one that is there."""
        texts = [_raised(reply) for reply in await self._redis.many([_get(view.id) for view in views])]
        found = [parse_view(text) if text else None for text in texts]
        merged = [view if old is None else merge_views(old, view) for old, view in zip(found, views, strict=True)]
        changed = [at for at, (old, new) in enumerate(zip(found, merged, strict=True)) if old != new]
        swaps = [_swap(texts[at], merged[at], found[at], _NO_QUOTAS) for at in changed]
        for at, reply in zip(changed, await self._redis.many(swaps), strict=True):
            if int(_raised(reply)) != _WRITTEN:
                merged[at] = await self.put(views[at])
        return merged

    async def update(self, view: MediaView) -> MediaView:
        """Merge a view into the one that is there, and give the result.

        One that is gone is not made again: the owner of its shard does that, or has just removed it for good.
        """
        return await self._merged(view, create=False) or view

    async def drop(self, media: MediaId) -> None:
        """Take a view away."""
        while True:
            text, old = await self._read(media)
            if old is None or await self._swap(text, None, old) == _WRITTEN:
                return

    async def _merged(self, view: MediaView, *, create: bool) -> MediaView | None:
        while True:
            text, old = await self._read(view.id)
            if old is None and not create:
                return None
            new = view if old is None else merge_views(old, view)
            if new == old or await self._swap(text, new, old) == _WRITTEN:
                return new

    async def _read(self, media: MediaId) -> tuple[str | None, MediaView | None]:
        text = await self._redis.run(*_get(media))
        return text, parse_view(text) if text else None

    async def _swap(
        self, expected: str | None, new: MediaView | None, old: MediaView | None, quotas: tuple[int, int] = _NO_QUOTAS
    ) -> int:
        (reply,) = await self._redis.many([_swap(expected, new, old, quotas)])
        return int(_raised(reply))


def _get(media: MediaId) -> tuple[str, str]:
    return "GET", redis_keys.media(media)


def _swap(expected: str | None, new: MediaView | None, old: MediaView | None, quotas: tuple[int, int]) -> ScriptCall:
    one = new or old
    assert one is not None
    keys = [
        redis_keys.media(one.id),
        redis_keys.media_bytes(one.by),
        redis_keys.media_room_bytes(one.room),
        redis_keys.GENERATION,
        redis_keys.VIEW_MEDIA,
    ]
    text = encode(new).decode() if new else ""
    return _SWAP.call(keys, [expected or "", text, _counted(new) - _counted(old), *quotas])


def _raised(reply: Any) -> Any:
    if isinstance(reply, RedisRefused):
        raise reply
    return reply


def _counted(view: MediaView | None) -> int:
    return 0 if view is None or view.state == "removed" else view.size
