"""Read cursors and mutes: in Redis at once, in Kafka within seconds, written there by the owner of the shard."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import orjson

from kaftalk_protocol import redis_keys
from kaftalk_protocol.ids import RoomId, UserId
from kaftalk_roomlog.shards import shard_of
from kaftalk_runtime.redis_client import Redis, Script, ScriptCall

MutedUntil = int | Literal["forever"] | None
VERSION = 1


class Cursor(NamedTuple):
    """How far a member has read, and until when (ms) a room is silent for her."""

    seq: int | None
    muted_until: MutedUntil


@dataclass(frozen=True, slots=True)
class CursorRecord:
    """A record of `kaftalk.cursors`; without seq and mute it is a tombstone."""

    room: RoomId
    user: UserId
    seq: int | None
    muted_until: MutedUntil = None

    @property
    def key(self) -> bytes:
        """The record's key."""
        return f"{self.room}|{self.user}".encode()

    @property
    def value(self) -> bytes | None:
        """The record's value; None takes the key away."""
        if self.seq is None and self.muted_until is None:
            return None
        return orjson.dumps({"v": VERSION, "seq": self.seq, "muted_until": self.muted_until})


def parse(key: bytes, value: bytes | None) -> CursorRecord:
    """Read a record of `kaftalk.cursors`.

    Raises ValueError.
    """
    room, _, user = key.decode().partition("|")
    stored = orjson.loads(value) if value else {}
    return CursorRecord(RoomId(room), UserId(user), stored.get("seq"), stored.get("muted_until"))


# Membership is looked at in the same step: a cursor that comes late must not outlive a kick.
_ADVANCE = Script("""
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 then return 0 end
local before = redis.call('HGET', KEYS[2], ARGV[1])
if before and tonumber(before) >= tonumber(ARGV[2]) then return 0 end
redis.call('HSET', KEYS[2], ARGV[1], ARGV[2])
redis.call('SADD', KEYS[3], ARGV[3])
return 1
""")
_MUTE = Script("""
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 then return 0 end
if ARGV[2] == '' then redis.call('HDEL', KEYS[2], ARGV[1]) else redis.call('HSET', KEYS[2], ARGV[1], ARGV[2]) end
redis.call('SADD', KEYS[3], ARGV[3])
return 1
""")
_RESTORE = Script("""
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 then return 0 end
local before = redis.call('HGET', KEYS[2], ARGV[1])
if ARGV[2] ~= '' and not (before and tonumber(before) >= tonumber(ARGV[2])) then
  redis.call('HSET', KEYS[2], ARGV[1], ARGV[2])
end
if ARGV[3] ~= '' then redis.call('HSETNX', KEYS[3], ARGV[1], ARGV[3]) end
return 1
""")
# What a view was made again from knows no cursors, only when members joined: none of that may reach Kafka before what
# Kafka has is back.
_TAKE_DIRTY = Script("""
local generation = redis.call('GET', KEYS[1])
if not generation or redis.call('HGET', KEYS[2], ARGV[1]) ~= generation then return {''} end
local taken = redis.call('SPOP', KEYS[3], ARGV[2])
table.insert(taken, 1, generation)
return taken
""")


class ReadCursors:
    """Reads and moves cursors and mutes. All methods raise RedisAway."""

    def __init__(self, redis: Redis, *, shards: int) -> None:
        self._redis = redis
        self._shards = shards

    async def advance(self, room: RoomId, user: UserId, seq: int) -> bool:
        """Move a member's cursor up to `seq`, which must exist; False if it was there already, or she is no member."""
        keys = (redis_keys.room_members(room), redis_keys.room_cursors(room), self._dirty(room))
        return bool(await self._redis.eval(_ADVANCE, keys, (user, seq, f"{room} {user}")))

    async def mute(self, room: RoomId, user: UserId, until: MutedUntil) -> bool:
        """Silence a room for a member until a time (ms), for ever, or no more; False if she is no member."""
        keys = (redis_keys.room_members(room), redis_keys.room_mutes(room), self._dirty(room))
        return bool(await self._redis.eval(_MUTE, keys, (user, "" if until is None else until, f"{room} {user}")))

    async def of(self, room: RoomId, user: UserId) -> Cursor:
        """Give a member's cursor and mute; the seq is None if Redis has none (she has read up to her joining)."""
        seq, until = await self._redis.many(_reads(room, user))
        return _cursor(seq, until)

    async def readers(self, room: RoomId, seq: int, *, but: UserId) -> int:
        """Count the members who have read up to `seq`, but for one (the author)."""
        cursors = await self._redis.run("HGETALL", redis_keys.room_cursors(room))
        return sum(int(read) >= seq for user, read in cursors.items() if user != but)

    # --- for the owner of a shard ---

    async def take_dirty(self, shard: int, limit: int = 500) -> list[CursorRecord]:
        """Take some cursors that Kafka does not have yet; who cannot write them puts them back.

        There are none before the shard is made for the generation in force, or if Redis lost all meanwhile.
        """
        keys = (redis_keys.GENERATION, redis_keys.VIEW_SHARDS, redis_keys.dirty_cursors(shard))
        generation, *taken = await self._redis.eval(_TAKE_DIRTY, keys, (shard, limit))
        if not taken:
            return []
        pairs = [(RoomId(room), UserId(user)) for room, _, user in (text.partition(" ") for text in taken)]
        *replies, still = await self._redis.many(
            [*(read for pair in pairs for read in _reads(*pair)), ("GET", redis_keys.GENERATION)]
        )
        if still != generation:
            return []
        cursors = [_cursor(seq, until) for seq, until in zip(replies[::2], replies[1::2], strict=True)]
        return [CursorRecord(*pair, *cursor) for pair, cursor in zip(pairs, cursors, strict=True)]

    async def put_back(self, shard: int, records: Sequence[CursorRecord]) -> None:
        """Mark cursors as not written after all."""
        if records:
            marks = (f"{record.room} {record.user}" for record in records)
            await self._redis.run("SADD", redis_keys.dirty_cursors(shard), *marks)

    async def restore(self, records: Iterable[CursorRecord]) -> None:
        """Bring back what Redis lost, for those who are members; nothing falls, and a newer mute stays."""
        await self._redis.many([_restore(record) for record in records])

    def _dirty(self, room: RoomId) -> str:
        return redis_keys.dirty_cursors(shard_of(room, self._shards))


def muted_until(text: str | None) -> MutedUntil:
    """Read a field of the hash of mutes."""
    if text is None:
        return None
    return "forever" if text == "forever" else int(text)


def _reads(room: RoomId, user: UserId) -> list[tuple[str, str, str]]:
    return [("HGET", redis_keys.room_cursors(room), user), ("HGET", redis_keys.room_mutes(room), user)]


def _cursor(seq: str | None, until: str | None) -> Cursor:
    return Cursor(None if seq is None else int(seq), muted_until(until))


def _restore(record: CursorRecord) -> ScriptCall:
    room = record.room
    keys = (redis_keys.room_members(room), redis_keys.room_cursors(room), redis_keys.room_mutes(room))
    seq = "" if record.seq is None else record.seq
    return _RESTORE.call(keys, (record.user, seq, "" if record.muted_until is None else record.muted_until))
