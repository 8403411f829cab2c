"""The way to dnd-batch: to the instance that has a user's quiet hours, or to one that lives."""

from kaftalk_protocol import redis_keys
from kaftalk_protocol.ids import UserId
from kaftalk_roomlog.shards import shard_of
from kaftalk_runtime.internal_http import Answer, InternalHttp, InternalUnreachable
from kaftalk_runtime.redis_client import Redis

_INSTANCES_MAX = 3


class QuietUnreachable(Exception):
    """No instance of dnd-batch answers, or Redis names none."""


class QuietAuthority:
    """Posts to dnd-batch."""

    def __init__(self, redis: Redis, http: InternalHttp, *, shards: int) -> None:
        self._redis = redis
        self._http = http
        self._shards = shards

    async def post(self, user: UserId, path: str, body: bytes) -> Answer:
        """Post to the owner of a user's shard; where nobody answers, to those who gave the latest sign of life.

        Raises QuietUnreachable, RedisError.
        """
        for url in await self._urls(user):
            try:
                return await self._http.post(url, path, body)
            except InternalUnreachable:
                continue
        raise QuietUnreachable(path)

    async def _urls(self, user: UserId) -> list[str]:
        owner, alive = await self._redis.transaction(
            [
                ("HGET", redis_keys.DND_OWNERS, str(shard_of(user, self._shards))),
                ("ZREVRANGE", redis_keys.DND_BATCHES, 0, _INSTANCES_MAX - 1),
            ]
        )
        entries = [entry for entry in (owner, *alive) if entry]
        return list(dict.fromkeys(entry.split("|")[1] for entry in entries))[:_INSTANCES_MAX]
