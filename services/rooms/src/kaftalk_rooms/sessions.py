"""Sessions: where somebody is signed in. They live in Redis only; `FLUSHALL` signs everybody out."""

import hashlib
import json
import secrets
import uuid
from dataclasses import dataclass

from kaftalk_protocol import redis_keys
from kaftalk_protocol.errors import Code, Refused
from kaftalk_protocol.ids import SessionId, UserId
from kaftalk_rest.access_tokens import Bearer
from kaftalk_rooms import refresh_tokens
from kaftalk_rooms.access_tokens import AccessTokens, DerivedSecrets
from kaftalk_rooms.gateway_notices import GatewayNotices
from kaftalk_rooms.refresh_tokens import RefreshToken, Rotation
from kaftalk_runtime.clock import Clock
from kaftalk_runtime.redis_client import Redis, Script

TICKET_S = 30
ENDED_KEPT_MS = 600_000
SESSIONS_MAX = 100
"""Sessions an account may have; at the bound the oldest ends."""

# Sets the next generation if the session still has the one presented, so that of two tabs only one rotates.
_ROTATE = Script("""
if redis.call('HGET', KEYS[1], 'generation') ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'generation', ARGV[2], 'rotated_ms', ARGV[3], 'seen_ms', ARGV[4])
redis.call('EXPIRE', KEYS[1], ARGV[5])
return 1
""")


@dataclass(frozen=True, slots=True)
class Device:
    """From where somebody signs in."""

    agent: str
    address: str


@dataclass(frozen=True, slots=True)
class StoredSession:
    """A session as it lies in Redis; times in Unix milliseconds, those of the last rotations joined by commas."""

    sid: SessionId
    user: UserId
    created_ms: int
    seen_ms: int
    generation: int
    rotated_ms: tuple[int, ...]
    agent: str
    address: str


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a sign-in or a refresh gives out."""

    user: UserId
    access: str
    refresh: str


class Sessions:
    """Opens, checks, refreshes and ends sessions."""

    def __init__(
        self, redis: Redis, notices: GatewayNotices, tokens: AccessTokens, derived: DerivedSecrets, clock: Clock
    ) -> None:
        self._redis = redis
        self._notices = notices
        self._tokens = tokens
        self._refresh_secret = derived.derive("refresh tokens")
        self._clock = clock

    async def open(self, user: UserId, device: Device) -> Tokens:
        """Sign somebody in; over 100 sessions the oldest ends."""
        sid, now = SessionId(str(uuid.uuid4())), self._clock.now_ms()
        fields: dict[str, str | int] = {
            "user": user, "created_ms": now, "seen_ms": now, "generation": 0, "rotated_ms": now,
            "agent": device.agent[:200], "address": device.address,
        }  # fmt: skip
        key, of_user = redis_keys.session(sid), redis_keys.user_sessions(user)
        await self._redis.transaction([
            ("HSET", key, *(part for field in fields.items() for part in field)),
            ("EXPIRE", key, refresh_tokens.LIFETIME_S),
            ("SADD", of_user, sid),
        ])  # fmt: skip
        await self._end_oldest(user)
        return self._give_out(user, RefreshToken(sid, 0))

    async def refresh(self, refresh_token: str | None) -> Tokens:
        """Give new tokens for a refresh token; one used too late ends its session (RFC 9700, 4.14.2).

        Raises Refused(unauthenticated), RedisAway.
        """
        token = refresh_tokens.read(refresh_token or "", self._refresh_secret)
        session = await self._load(token.sid) if token else None
        if token is None or session is None:
            raise Refused(Code.UNAUTHENTICATED, "sign in again")
        now = self._clock.now_ms()
        rotation = refresh_tokens.judge(token.generation, session.generation, session.rotated_ms, now)
        if rotation is Rotation.REUSED:
            await self.end(session.user, session.sid)
            raise Refused(Code.UNAUTHENTICATED, "this refresh token was used before")
        successor = token.successor()
        if rotation is Rotation.ROTATE:
            # Whoever comes second in a race finds its token replaced just now, which is the grace: same successor.
            rotations = ",".join(map(str, refresh_tokens.rotated(session.rotated_ms, now)))
            args = (token.generation, successor.generation, rotations, now, refresh_tokens.LIFETIME_S)
            await self._redis.eval(_ROTATE, [redis_keys.session(token.sid)], args)
        return self._give_out(session.user, successor)

    def owner_of(self, refresh_token: str | None) -> SessionId | None:
        """Name the session of a refresh token that was given out."""
        token = refresh_tokens.read(refresh_token or "", self._refresh_secret)
        return token.sid if token else None

    async def of(self, user: UserId) -> list[StoredSession]:
        """List somebody's sessions, newest first."""
        sids = [SessionId(sid) for sid in await self._redis.run("SMEMBERS", redis_keys.user_sessions(user))]
        found = await self._redis.many([("HGETALL", redis_keys.session(sid)) for sid in sids])
        sessions = [_read(sid, fields) for sid, fields in zip(sids, found, strict=True) if fields]
        gone = [sid for sid, fields in zip(sids, found, strict=True) if not fields]
        if gone:
            await self._redis.run("SREM", redis_keys.user_sessions(user), *gone)
        return sorted(sessions, key=lambda session: (-session.created_ms, session.sid))

    async def end(self, user: UserId, *sids: SessionId) -> None:
        """End sessions here and at every gateway, which reads the list of ended ones each second."""
        if not sids:
            return
        now = self._clock.now_ms()
        await self._redis.transaction([
            ("DEL", *map(redis_keys.session, sids)),
            ("SREM", redis_keys.user_sessions(user), *sids),
            ("ZADD", redis_keys.ENDED_SESSIONS, *(part for sid in sids for part in (now, sid))),
            ("ZREMRANGEBYSCORE", redis_keys.ENDED_SESSIONS, 0, now - ENDED_KEPT_MS),
        ])  # fmt: skip
        for sid in sids:
            await self._notices.session_ended(sid)

    async def end_of_token(self, refresh_token: str | None) -> None:
        """End the session that a refresh token belongs to, if it still is one."""
        sid = self.owner_of(refresh_token)
        session = await self._load(sid) if sid else None
        if session is not None:
            await self.end(session.user, session.sid)

    async def end_all(self, user: UserId, *, but: SessionId | None = None) -> None:
        """End all sessions of somebody, or all but one."""
        await self.end(user, *(session.sid for session in await self.of(user) if session.sid != but))

    async def ticket(self, bearer: Bearer) -> str:
        """Give out a ticket that opens one WebSocket within 30 s; only its hash is stored."""
        ticket = secrets.token_urlsafe(32)
        key = redis_keys.ticket(hashlib.sha256(ticket.encode()).hexdigest())
        stored = json.dumps({"user": bearer.user, "sid": bearer.sid})
        await self._redis.many([
            ("SET", key, stored, "EX", TICKET_S),
            ("HSET", redis_keys.session(bearer.sid), "seen_ms", self._clock.now_ms()),
        ])  # fmt: skip
        return ticket

    def _give_out(self, user: UserId, refresh: RefreshToken) -> Tokens:
        access = self._tokens.sign(user, refresh.sid, self._clock.now_ms())
        return Tokens(user, access, refresh.write(self._refresh_secret))

    async def _load(self, sid: SessionId) -> StoredSession | None:
        fields = await self._redis.run("HGETALL", redis_keys.session(sid))
        return _read(sid, fields) if fields else None

    async def _end_oldest(self, user: UserId) -> None:
        if await self._redis.run("SCARD", redis_keys.user_sessions(user)) > SESSIONS_MAX:
            await self.end(user, *(session.sid for session in (await self.of(user))[SESSIONS_MAX:]))


def _read(sid: SessionId, fields: dict[str, str]) -> StoredSession:
    return StoredSession(
        sid, UserId(fields["user"]), int(fields["created_ms"]), int(fields["seen_ms"]), int(fields["generation"]),
        tuple(map(int, fields["rotated_ms"].split(","))), fields["agent"], fields["address"],
    )  # fmt: skip
