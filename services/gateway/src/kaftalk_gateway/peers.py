"""What gateways must tell each other, and what all must hear of: taken streams, ended sessions, lost views.

Pub/sub is quick but may lose; what must arrive is polled as well.
"""

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

import orjson

from kaftalk_gateway.holding import Holding
from kaftalk_gateway.hub import Hub
from kaftalk_gateway.membership import Memberships
from kaftalk_gateway.presence import Presences
from kaftalk_gateway.signals import Signalling
from kaftalk_protocol import redis_keys
from kaftalk_protocol.errors import CloseCode
from kaftalk_protocol.ids import RoomId, SessionId, UserId
from kaftalk_runtime.logs import get_logger, told
from kaftalk_runtime.redis_client import Command, Redis, RedisError

ALIVE_MS = 10_000
_POLL_S = 1.0
_HEARTBEAT_S = 2.0
_OVERLAP_MS = 15_000
_REPAIRS = (0.0, 2.0, 5.0, 10.0, 20.0, 40.0)
"""After the views were lost they come back bit by bit, so what they say of members is read several times."""
_OUTBOX_MAX = 10_000

_log = get_logger(__name__)


class Outbox:
    """Messages to other gateways, published in the order they were told."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._messages: asyncio.Queue[Command] = asyncio.Queue(_OUTBOX_MAX)

    def tell(self, gateway: str, message: dict[str, Any]) -> None:
        """Publish a message to one gateway; above the bound it is dropped."""
        if not self._messages.full():
            self._messages.put_nowait(("PUBLISH", redis_keys.gateway_channel(gateway), orjson.dumps(message).decode()))

    def tell_devices(self, user: UserId, room: RoomId, seq: int) -> None:
        """Tell the user's other gateways how far she has read."""
        message = orjson.dumps({"kind": "own_read", "user": user, "room": room, "seq": seq}).decode()
        if not self._messages.full():
            self._messages.put_nowait(("READ", user, message))

    async def publish_forever(self, own: str) -> None:
        """Publish what was told."""
        while True:
            name, to, message = await self._messages.get()
            try:
                if name == "PUBLISH":
                    await self._redis.run(name, to, message)
                else:
                    await self._to_devices(UserId(str(to)), str(message), own)
            except RedisError:
                continue

    async def _to_devices(self, user: UserId, message: str, own: str) -> None:
        gateways = await self._redis.run("ZRANGE", redis_keys.online(user), 0, -1)
        publishes = [("PUBLISH", redis_keys.gateway_channel(g), message) for g in gateways if g != own]
        if publishes:
            await self._redis.many(publishes)


class Peers:
    """Listens to other gateways and services, and says that this one lives."""

    def __init__(  # noqa: PLR0913 - what other instances can say reaches all of these
        self,
        *,
        hub: Hub,
        redis: Redis,
        memberships: Memberships,
        signalling: Signalling,
        presences: Presences,
        holding: Holding,
        gateway: str,
        url: str,
        now_ms: Callable[[], int],
    ) -> None:
        self._hub = hub
        self._redis = redis
        self._memberships = memberships
        self._signalling = signalling
        self._presences = presences
        self._holding = holding
        self._gateway = gateway
        self._entry = f"{gateway}|{url}"
        self._now_ms = now_ms
        self._generation: str | None = None
        self._repairs: list[float] = []

    async def listen_forever(self) -> None:
        """Obey what is published for this gateway."""
        while True:
            try:
                async for _, text in self._redis.subscribe(redis_keys.gateway_channel(self._gateway)):
                    self._obey(text)
            except RedisError:
                await asyncio.sleep(0.25)

    def _obey(self, text: str) -> None:
        try:
            message = orjson.loads(text)
            match message["kind"]:
                case "stream":
                    self.close(message["connection"], CloseCode.STREAM_TAKEN, "the stream was taken over")
                case "oldest":
                    self.close(message["connection"], CloseCode.TOO_SLOW, "too many connections")
                case "session":
                    self.end_sessions([SessionId(message["sid"])])
                case "own_read":
                    self._holding.saw(message["user"], message["room"], message["seq"])
                    self._signalling.own_read(message["user"], message["room"], message["seq"])
                case "read":
                    self._holding.saw(message["user"], message["room"], message["seq"])
                    self._signalling.rest_read(message["user"], message["room"], message["seq"])
                case "entry":
                    self._memberships.update(message["room"], [message["user"]])
                case "user":
                    self._memberships.user_changed(message["user"])
        except (ValueError, KeyError, TypeError) as error:
            _log.warning("bad_peer_message", error=told(error))

    def close(self, key: str, code: int, reason: str) -> None:
        """Close a connection of this gateway by its key."""
        connection = self._hub.connections.get(key)
        if connection is not None:
            connection.close(code, reason)

    def end_sessions(self, sids: Iterable[SessionId]) -> None:
        """Close the connections of sessions that have ended."""
        for sid in sids:
            for connection in self._hub.of_session(sid):
                connection.close(CloseCode.SESSION_ENDED, "the session has ended")

    # --- polled ---

    async def poll_forever(self) -> None:
        """Look for ended sessions and lost views every second."""
        since_ms = self._now_ms() - _OVERLAP_MS
        while True:
            await asyncio.sleep(_POLL_S)
            started_ms = self._now_ms()
            try:
                ended, generation = await self._redis.many(
                    [
                        ("ZRANGEBYSCORE", redis_keys.ENDED_SESSIONS, since_ms, "+inf"),
                        ("GET", redis_keys.GENERATION),
                    ]
                )
            except RedisError:
                continue
            since_ms = started_ms - _OVERLAP_MS
            self.end_sessions(SessionId(sid) for sid in ended)
            await self._watch_generation(generation)

    async def _watch_generation(self, generation: str | None) -> None:
        now = asyncio.get_running_loop().time()
        if generation != self._generation:
            if self._generation is not None:
                _log.warning("views_were_lost", generation=generation)
                await self._presences.refresh()
            self._generation = generation
            self._repairs = [now + after for after in _REPAIRS]
        if self._repairs and now >= self._repairs[0]:
            self._repairs.pop(0)
            self._memberships.repair_asked.set()

    async def heartbeat_forever(self) -> None:
        """Say that this gateway lives, and clear those that do not."""
        while True:
            now_ms = self._now_ms()
            try:
                await self._redis.many(
                    [
                        ("ZADD", redis_keys.GATEWAYS, now_ms, self._entry),
                        ("ZREMRANGEBYSCORE", redis_keys.GATEWAYS, "-inf", now_ms - ALIVE_MS),
                    ]
                )
            except RedisError:
                await asyncio.sleep(_HEARTBEAT_S / 4)
            else:
                await asyncio.sleep(_HEARTBEAT_S)

    async def goodbye(self) -> None:
        """Take this gateway's entry away."""
        try:
            await self._redis.run("ZREM", redis_keys.GATEWAYS, self._entry)
        except RedisError:
            return
