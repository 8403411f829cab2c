"""Who is there: online while a device is in use, away after five minutes, offline with the last connection.

Whose quiet hours are on and may be seen is `quiet` whatever her devices say. Presence is the state's name, or
`quiet:<until in ms>`.
"""

import asyncio
from collections.abc import Callable, Iterable
from functools import lru_cache

from kaftalk_gateway.connection import Connection, Member
from kaftalk_gateway.hub import Hub
from kaftalk_gateway.signals import Signalling, presence_frame
from kaftalk_protocol import redis_keys
from kaftalk_protocol.client_frames import Watch
from kaftalk_protocol.errors import Code
from kaftalk_protocol.ids import UserId
from kaftalk_protocol.quiet_state import QuietState
from kaftalk_runtime.redis_client import Command, Redis, RedisError

AWAY_AFTER_S = 300.0
ONLINE_MS = 60_000
_REFRESH_S = 20.0
_WATCH_EVERY_S = 2.0
_USERS_A_ROUND = 200


class Presences:
    """Keeps the presence of this gateway's members in Redis, and reads that of those who are watched."""

    def __init__(self, hub: Hub, redis: Redis, signalling: Signalling, gateway: str, now_ms: Callable[[], int]) -> None:
        self._hub = hub
        self._redis = redis
        self._signalling = signalling
        self._gateway = gateway
        self._now_ms = now_ms
        self._dirty: dict[UserId, Member] = {}
        self._told: dict[UserId, str] = {}
        self._wake = asyncio.Event()
        self._watched: dict[UserId, str] = {}
        self._untold: dict[Connection, dict[UserId, str]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    # --- one's own ---

    def active(self, connection: Connection, on: bool) -> None:
        """Note that the person is at the device, or has gone."""
        connection.active_until = asyncio.get_running_loop().time() + AWAY_AFTER_S if on else 0.0
        if connection.member is not None:
            self._settle(connection.member)

    def left(self, member: Member) -> None:
        """Note that a member's last connection is gone."""
        self._change(member)

    def tick(self, now: float) -> None:
        """Turn to away those whose devices rest."""
        for member in self._hub.members.values():
            if member.presence == "online" and all(c.active_until <= now for c in member.connections):
                self._settle(member)

    def _settle(self, member: Member) -> None:
        now = asyncio.get_running_loop().time()
        state = "online" if any(c.active_until > now for c in member.connections) else "away"
        if state != member.presence:
            member.presence = state
            self._change(member)

    def _change(self, member: Member) -> None:
        self._dirty[member.user] = member
        self._wake.set()

    async def write_forever(self) -> None:
        """Write states as they change, one after the other: a device that goes must not undo one that comes."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            dirty, self._dirty = self._dirty, {}
            for member in dirty.values():
                await self._write(self._hub.members.get(member.user, member))

    async def _write(self, member: Member) -> None:
        """Write one's state, and tell others if that changes what all gateways together say."""
        key, now_ms = redis_keys.presence(member.user), self._now_ms()
        before, state = self._told.pop(member.user, ""), member.presence if member.connections else ""
        if state:
            self._told[member.user] = state
        try:
            *_, found = await self._redis.many([*self._commands(member.user, state), ("HGETALL", key)])
        except RedisError:
            found = {}
        others = [text for gateway, text in dict(found).items() if gateway != self._gateway]
        was, after = (overall([*others, _entry(one, now_ms)], now_ms) for one in (before, state))
        if was != after:
            self._signalling.presence(member, shown_quiet(member.quiet.state, now_ms) or after)

    def _commands(self, user: UserId, state: str) -> list[Command]:
        key = redis_keys.presence(user)
        if not state:
            # `online` ends by itself: taken away here it could be that of a connection which is just being admitted.
            return [("HDEL", key, self._gateway)]
        return [("HSET", key, self._gateway, _entry(state, self._now_ms())), ("PEXPIRE", key, 2 * ONLINE_MS)]

    async def refresh_forever(self) -> None:
        """Renew what ends by itself if this gateway dies."""
        while True:
            await asyncio.sleep(_REFRESH_S)
            await self.refresh()

    async def refresh(self) -> None:
        """Write all members of this gateway anew."""
        members = list(self._hub.members.values())
        for at in range(0, len(members), _USERS_A_ROUND):
            commands: list[Command] = []
            for member in members[at : at + _USERS_A_ROUND]:
                if member.connections:
                    commands += online_commands(member.user, self._gateway, self._now_ms())
                    commands += self._commands(member.user, member.presence or "online")
            try:
                await self._redis.many(commands)
            except RedisError:
                return
            await asyncio.sleep(0)

    # --- others' ---

    def watch(self, connection: Connection, frame: Watch) -> None:
        """Replace whom a connection watches; their presence is sent now, then when it changes."""
        connection.watched = frozenset(UserId(user) for user in frame.users)
        task = asyncio.create_task(self._first(connection, connection.watched))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _first(self, connection: Connection, users: frozenset[UserId]) -> None:
        try:
            states = await self._read(users)
        except RedisError:
            connection.refuse(Code.UNAVAILABLE, "presence cannot be told now", retry_after_ms=1_000)
            return
        self._untold.pop(connection, None)
        for user, state in states.items():
            connection.write(presence_frame(user, state))
            # What the other watchers were told stays: a change since then is still theirs to hear of.
            self._watched.setdefault(user, state)

    async def watch_forever(self) -> None:
        """Read those who are watched every 2 s and send what changed."""
        while True:
            await asyncio.sleep(_WATCH_EVERY_S)
            watchers = [c for member in self._hub.members.values() for c in member.connections if c.watched]
            wanted = frozenset().union(*(c.watched for c in watchers)) if watchers else frozenset()
            self._watched = {user: state for user, state in self._watched.items() if user in wanted}
            try:
                states = await self._read(wanted)
            except RedisError:
                continue
            known = self._watched
            self._watched = known | states
            changed = {user: known[user] for user, state in states.items() if known.get(user, state) != state}
            untold, self._untold = self._untold, {}
            for connection in watchers:
                self._tell(connection, untold.get(connection, {}), changed)

    def _tell(self, connection: Connection, untold: dict[UserId, str], changed: dict[UserId, str]) -> None:
        """Send what is new to a connection; in a hold remember what she knew, for the time after it."""
        before = {user: changed[user] for user in connection.watched & changed.keys()} | untold
        if not connection.hears():
            if before:
                self._untold[connection] = before
            return
        for user in before.keys() & connection.watched:
            now = self._watched.get(user, before[user])
            if now != before[user]:
                connection.write(presence_frame(user, now))

    async def _read(self, users: Iterable[UserId]) -> dict[UserId, str]:
        asked, now_ms = list(users), self._now_ms()
        if not asked:
            return {}
        *replies, states = await self._redis.many(
            [
                *(("HGETALL", redis_keys.presence(user)) for user in asked),
                ("MGET", *(redis_keys.quiet(user) for user in asked)),
            ]
        )
        return {
            user: _stored_quiet(state, now_ms) or overall(reply.values(), now_ms)
            for user, reply, state in zip(asked, replies, states, strict=True)
        }


def online_commands(user: UserId, gateway: str, now_ms: int) -> list[Command]:
    """Give the commands that say that a user is connected here: owners tell this gateway of her new rooms."""
    key = redis_keys.online(user)
    return [
        ("ZADD", key, now_ms + ONLINE_MS, gateway),
        ("ZREMRANGEBYSCORE", key, "-inf", now_ms),
        ("PEXPIRE", key, 2 * ONLINE_MS),
    ]


def overall(entries: Iterable[str], now_ms: int) -> str:
    """Join what gateways say of a user: `<state>:<ms at which it ends>` each."""
    states = {state for state, _, until in (entry.partition(":") for entry in entries) if state and int(until) > now_ms}
    if "online" in states:
        return "online"
    return "away" if "away" in states else "offline"


def shown_quiet(state: QuietState | None, now_ms: int) -> str | None:
    """Give the presence of whose quiet hours are on and may be seen; None for all others."""
    if state is None or state.hold is None or not state.share or not state.active_at(now_ms):
        return None
    return f"quiet:{state.hold.end_ms}"


def _stored_quiet(stored: str | None, now_ms: int) -> str | None:
    try:
        return shown_quiet(_decoded(stored), now_ms) if stored else None
    except ValueError:
        return None


@lru_cache(maxsize=10_000)
def _decoded(stored: str) -> QuietState:
    """Read a state once: those who are watched are looked up every 2 s."""
    return QuietState.decode(stored)


def _entry(state: str, now_ms: int) -> str:
    return f"{state}:{now_ms + ONLINE_MS}" if state else ""
