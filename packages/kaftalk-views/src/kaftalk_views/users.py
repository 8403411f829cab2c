"""User objects in Redis: written by rooms from the accounts' log, read by all."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Literal

import orjson

from kaftalk_protocol import redis_keys
from kaftalk_protocol.ids import UserId
from kaftalk_runtime.redis_client import Redis, RedisRefused
from kaftalk_views.errors import ViewsLost
from kaftalk_views.generation import ACCOUNTS_COMPLETE

PUBLIC = ("id", "username", "display_name", "kind", "active")


@dataclass(frozen=True, slots=True)
class StoredUser:
    """An account as Redis has it."""

    id: UserId
    username: str
    display_name: str
    kind: Literal["person", "bot"] = "person"
    locale: str = "en"
    active: bool = True
    created_ms: int = 0

    def public(self) -> dict[str, Any]:
        """Give the User object that others see."""
        return {name: getattr(self, name) for name in PUBLIC}


class Users:
    """Reads and writes user keys. All methods raise RedisAway.

    Those that read users raise ViewsLost where one is missing while the accounts are not written again.
    """

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def get(self, ids: Iterable[UserId]) -> dict[UserId, dict[str, Any]]:
        """Give User objects by id; one that does not exist is an inactive user without a name of her own."""
        asked = list(dict.fromkeys(ids))
        found = await self.stored(asked)
        return {user: found[user].public() if user in found else _nobody(user) for user in asked}

    async def one(self, user: UserId) -> dict[str, Any] | None:
        """Give one User object; None if there is no such user."""
        found = await self.stored([user])
        return found[user].public() if user in found else None

    async def stored(self, ids: Iterable[UserId]) -> dict[UserId, StoredUser]:
        """Give accounts by id; unknown ones are missing."""
        asked = list(ids)
        if not asked:
            return {}
        reads = [("MGET", *map(redis_keys.user, asked)), *ACCOUNTS_COMPLETE]
        replies = await self._redis.many(reads)
        for reply in replies:
            if isinstance(reply, RedisRefused):
                raise reply
        texts, generation, written = replies
        if None in texts and (generation is None or generation != written):
            raise ViewsLost
        return {user: _read(text) for user, text in zip(asked, texts, strict=True) if text}

    async def by_username(self, name: str) -> UserId | None:
        """Give the id of who has a username."""
        found = await self._redis.run("GET", redis_keys.username(name))
        return UserId(found) if found else None

    async def put(self, *users: StoredUser) -> None:
        """Write accounts."""
        await self._redis.many([command for user in users for command in _puts(user)])

    async def remove(self, *users: StoredUser) -> None:
        """Take accounts away; their names stay taken in the log."""
        keys = [key for user in users for key in (redis_keys.user(user.id), redis_keys.username(user.username))]
        await self._redis.run("DEL", *keys)


def _puts(user: StoredUser) -> list[tuple[str, str, str]]:
    fields = asdict(user)
    fields["created_at"] = fields.pop("created_ms")
    text = orjson.dumps(fields).decode()
    return [("SET", redis_keys.user(user.id), text), ("SET", redis_keys.username(user.username), user.id)]


def _read(text: str) -> StoredUser:
    fields = orjson.loads(text)
    fields["created_ms"] = fields.pop("created_at")
    return StoredUser(**fields)


def _nobody(user: UserId) -> dict[str, Any]:
    return StoredUser(user, "unknown", "?", active=False).public()
