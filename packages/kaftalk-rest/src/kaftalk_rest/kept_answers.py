"""What an `Idempotency-Key` was answered: a repeat gets the same answer and does nothing again."""

import contextlib
import hashlib
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from kaftalk_protocol import redis_keys
from kaftalk_protocol.errors import Code, Refused
from kaftalk_protocol.ids import UserId
from kaftalk_runtime.redis_client import Redis, RedisAway, Script

KEPT_S = 24 * 3600

# Opens a key, or tells what it holds.
_OPEN = Script("""
redis.call('HSETNX', KEYS[1], 'fingerprint', ARGV[1])
if redis.call('TTL', KEYS[1]) < 0 then redis.call('EXPIRE', KEYS[1], ARGV[2]) end
return redis.call('HMGET', KEYS[1], 'fingerprint', 'answer')
""")
# Remembers the first place only.
_CLAIM = Script("""
redis.call('HSETNX', KEYS[1], 'place', ARGV[1])
return redis.call('HGET', KEYS[1], 'place')
""")


@dataclass(frozen=True, slots=True)
class Request:
    """A request that may be a repeat: who asks, where, by which key if any, with what body, and how long it counts."""

    user: UserId
    path: str
    key: str | None
    body: BaseModel
    kept_s: int = KEPT_S


class Place:
    """Where a request puts what it creates: the same at every repeat, also while the first try is still running."""

    def __init__(self, redis: Redis, name: str | None) -> None:
        self._redis = redis
        self._name = name

    async def claim(self, candidate: str) -> str:
        """Take the candidate, unless an earlier try took another; gives the one taken."""
        if self._name is None:
            return candidate
        return str(await self._redis.eval(_CLAIM, [self._name], [candidate]))

    async def move(self, candidate: str) -> None:
        """Take another one, since the first turned out to be somebody else's."""
        if self._name is not None:
            await self._redis.run("HSET", self._name, "place", candidate)


class KeptAnswers:
    """Keeps answers per user, path and key; all but those of 429 and 5xx, after which a repeat is a new try."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def once(self, request: Request, work: Callable[[Place], Awaitable[dict[str, Any]]]) -> dict[str, Any]:
        """Do the work, or give the answer that it had before.

        Raises Refused(conflict) if the key was used with another body, and what the work raises.
        """
        if request.key is None:
            return await work(Place(self._redis, None))
        name = _name(request)
        answer = await self._open(name, request)
        if answer is None:
            try:
                answer = {"answer": await work(Place(self._redis, name))}
            except Refused as refused:
                if refused.code.status == Code.RATE_LIMITED.status or refused.code.status >= 500:
                    raise
                answer = {"code": refused.code, "detail": refused.detail, "field": refused.field}
            await self._keep(name, answer, request.kept_s)
        if "code" in answer:
            raise Refused(Code(answer["code"]), answer["detail"], field=answer["field"])
        return dict(answer["answer"])

    async def _open(self, name: str, request: Request) -> dict[str, Any] | None:
        fingerprint = hashlib.sha256(request.body.model_dump_json().encode()).hexdigest()
        known, answer = await self._redis.eval(_OPEN, [name], (fingerprint, request.kept_s))
        if known != fingerprint:
            raise Refused(Code.CONFLICT, "this Idempotency-Key was used with another body")
        return json.loads(answer) if answer else None

    async def _keep(self, name: str, answer: dict[str, Any], for_s: int) -> None:
        # It is done, whether or not Redis remembers: a repeat finds its place taken by itself.
        with contextlib.suppress(RedisAway):
            await self._redis.many([("HSET", name, "answer", json.dumps(answer)), ("EXPIRE", name, for_s)])


def _name(request: Request) -> str:
    text = f"{request.user}|{request.path}|{request.key}"
    return redis_keys.kept_answer(hashlib.sha256(text.encode()).hexdigest())
