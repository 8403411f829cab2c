"""The views of rooms in Redis: read by all services, moved only by `project`."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import orjson

from kaftalk_protocol import redis_keys
from kaftalk_protocol.errors import Code, Refused
from kaftalk_protocol.ids import RoomId, StreamId, UserId
from kaftalk_protocol.records import HistoryPolicy, RoomKind
from kaftalk_protocol.room_state import InviteState, Member, RoomState
from kaftalk_protocol.stream_window import StreamWindow
from kaftalk_roomlog.shards import shard_of
from kaftalk_runtime.redis_client import Redis, RedisRefused
from kaftalk_views import generation
from kaftalk_views.compare_and_set import DONE, compare_and_set
from kaftalk_views.errors import ViewsLost, ViewUnavailable, ViewUnknown
from kaftalk_views.lost_rooms import Lost, lost_read, lost_since
from kaftalk_views.projection import Projection
from kaftalk_views.sendings import Sendings
from kaftalk_views.view_fields import (
    Command,
    invite_of,
    member_of,
    read_state,
    state_reads,
    stream_field,
    view_keys,
)

POLL_FIRST_S = 0.001
POLL_MAX_S = 0.02
ROOMS_A_ROUND = 100
KEYS_A_SCAN = 1_000

_FACTS = ("epoch", "base", "applied_seq", "shown_seq", "meta", "member_count", "notes_from")


class Head(NamedTuple):
    """Where a view stands. `shown_seq` is None while nothing of the epoch was shown."""

    epoch: int
    base: int
    applied_seq: int
    shown_seq: int | None

    @property
    def seq(self) -> int:
        """The head as clients know it: the last shown seq, or the epoch's base."""
        return self.base if self.shown_seq is None else self.shown_seq


@dataclass(frozen=True, slots=True)
class Facts:
    """What a room's view says about the room itself."""

    room: RoomId
    head: Head
    kind: RoomKind | None
    name: str | None
    topic: str | None
    history: HistoryPolicy
    members_invite: bool
    created_ms: int
    created_by: UserId
    archived: bool
    deleted: bool
    member_count: int
    notes_from: int

    def refusal(self) -> Refused:
        """Give what one who is not a member is answered where members only may go."""
        if self.kind == "public" and not self.deleted:
            return Refused(Code.NOT_MEMBER, "you are not a member of this room")
        return unknown_room()

    def floor(self, member: Member) -> int:
        """Give the first seq that a member may read."""
        return max(self.head.base, member.joined_seq) if self.history == "since_join" else self.head.base


@dataclass(frozen=True, slots=True)
class Access:
    """A room and what a user is in it."""

    facts: Facts
    member: Member | None

    def require_member(self) -> Member:
        """Give the membership.

        Raises Refused: `not_member` in a public room, else `not_found`.
        """
        if self.member is None or self.facts.deleted:
            raise self.facts.refusal()
        return self.member


def unknown_room() -> Refused:
    """Give the one answer for rooms that do not exist and rooms that one must not know of."""
    return Refused(Code.NOT_FOUND, "there is no such room")


class RoomViews:
    """Reads the views of rooms and moves them; whoever moves them past media gives `sendings`.

    All methods raise RedisAway; those that need a view raise ViewUnknown if Redis has none.
    """

    def __init__(self, redis: Redis, *, shards: int, sendings: Sendings | None = None) -> None:
        self.redis = redis
        self.shards = shards
        self._sendings = sendings

    def shard(self, room: RoomId) -> int:
        """Give the shard of a room."""
        return shard_of(room, self.shards)

    # --- moving ---

    async def project(self, projection: Projection) -> bool:
        """Write a projection; False if the view stood elsewhere and nothing was written.

        Raises ViewUnavailable if Kafka cannot be told now what it sends.
        """
        return (await self.project_many([projection]))[0]

    async def project_many(self, projections: Sequence[Projection]) -> list[bool]:
        """Write projections of different rooms in few round trips; each takes effect whole or not at all.

        Raises ViewUnavailable if Kafka cannot be told now what they send.
        """
        if any(one.sendings for one in projections):
            await self.tell(projections)
        done: list[bool] = []
        for at in range(0, len(projections), ROOMS_A_ROUND):
            calls = [
                compare_and_set(redis_keys.room(one.room), one.expected, one.commands)
                for one in projections[at : at + ROOMS_A_ROUND]
            ]
            done += [_done(reply) for reply in await self.redis.many(calls)]
        return done

    async def tell(self, projections: Sequence[Projection]) -> None:
        """Tell Kafka which media they send and remove, once; their views may move then.

        Raises ViewUnavailable.
        """
        if self._sendings is None:
            raise ViewUnavailable(projections[0].room)
        await self._sendings.append([sending for one in projections for sending in one.sendings])
        for one in projections:
            one.sendings = []

    # --- whole states ---

    async def remove(self, room: RoomId) -> None:
        """Take away the whole view of a room that is gone for good."""
        cursor, keys = "0", view_keys(room)
        while True:
            # Nothing lists which messages have reactions; a room is removed rarely enough to look through all keys.
            pattern = redis_keys.room_reactions(room, 0)[:-1] + "*"
            cursor, found = await self.redis.run("SCAN", cursor, "MATCH", pattern, "COUNT", KEYS_A_SCAN)
            keys += found
            if int(cursor) == 0:
                break
        positions = redis_keys.shard_positions(self.shard(room))
        await self.redis.transaction([("DEL", *keys), ("HDEL", positions, room)])

    async def rename_epoch(self, state: RoomState, epoch: int) -> None:
        """Let a view be of another epoch whose log is the same up to there; nothing happens if it has moved on."""
        key = redis_keys.room(state.room)
        commands: list[Command] = [("HSET", key, "epoch", str(epoch))]
        last = await self.redis.run("HGET", key, "last_item")
        if last is not None:
            commands.append(("HSET", key, "last_item", orjson.dumps(orjson.loads(last) | {"epoch": epoch}).decode()))
        script = compare_and_set(key, str(state.applied_seq), commands)
        await self.redis.many([script])

    async def load(self, room: RoomId) -> RoomState:
        """Build a room's state from its view."""
        state = read_state(room, await self.redis.transaction(state_reads(room)))
        if state is None:
            raise ViewUnknown(room)
        return state

    async def load_many(self, rooms: Iterable[RoomId]) -> dict[RoomId, RoomState]:
        """Build the states of a few rooms side by side; rooms without a view are missing."""
        asked = list(rooms)
        replies = await asyncio.gather(*(self.redis.transaction(state_reads(room)) for room in asked))
        states = map(read_state, asked, replies)
        return {state.room: state for state in states if state is not None}

    # --- where views stand ---

    async def head(self, room: RoomId) -> Head:
        """Tell where a view stands."""
        found = await self.heads([room])
        if room not in found:
            raise ViewUnknown(room)
        return found[room]

    async def heads(self, rooms: Iterable[RoomId]) -> dict[RoomId, Head]:
        """Tell where views stand, thousands at once; rooms without a view are missing."""
        asked = list(rooms)
        replies = await self._each("HMGET", (redis_keys.room(room) for room in asked), *_FACTS[:4])
        return {room: _head(reply) for room, reply in zip(asked, replies, strict=True) if reply[2] is not None}

    async def wait_applied(self, room: RoomId, seq: int, timeout_s: float = 1.0) -> bool:
        """Wait until a view has reached `seq`; False if it has not in time. A missing view counts as behind."""
        return await self._wait(("HGET", redis_keys.room(room), "applied_seq"), seq, timeout_s)

    async def wait_position(self, room: RoomId, seq: int, timeout_s: float = 1.0) -> bool:
        """Wait until every subscribed gateway has a room up to `seq`, or is marked behind; False if not in time."""
        return await self._wait(("HGET", redis_keys.shard_positions(self.shard(room)), room), seq, timeout_s)

    # --- rooms and memberships ---

    async def facts(self, room: RoomId) -> Facts:
        """Tell what a room is."""
        found = facts_of(room, await self.redis.run(*facts_read(room)))
        if found is None:
            raise ViewUnknown(room)
        return found

    async def access(self, room: RoomId, user: UserId) -> Access:
        """Tell what a room is and what a user is in it, both of one moment."""
        found, member = await self.redis.transaction(access_reads(room, user))
        facts = facts_of(room, found)
        if facts is None:
            raise ViewUnknown(room)
        return Access(facts, member_of(member) if member else None)

    async def member(self, room: RoomId, user: UserId) -> Member | None:
        """Tell what a user is in a room."""
        return (await self.access(room, user)).member

    async def members(self, room: RoomId) -> dict[UserId, Member]:
        """Give all members of a room."""
        applied, members = await self.redis.transaction(
            [("HGET", redis_keys.room(room), "applied_seq"), ("HGETALL", redis_keys.room_members(room))]
        )
        if applied is None:
            raise ViewUnknown(room)
        return {UserId(user): member_of(text) for user, text in members.items()}

    async def memberships(self, user: UserId, rooms: Iterable[RoomId]) -> dict[RoomId, Member]:
        """Tell in which of many rooms a user is a member, and as what."""
        asked = list(rooms)
        replies = await self._each("HGET", (redis_keys.room_members(room) for room in asked), user)
        return {room: member_of(text) for room, text in zip(asked, replies, strict=True) if text}

    async def rooms_of(self, user: UserId) -> set[RoomId]:
        """Give the ids of a user's rooms.

        Raises ViewsLost while some may be missing.
        """
        return (await self.rooms_of_many([user]))[user]

    async def rooms_of_many(self, users: Iterable[UserId]) -> dict[UserId, set[RoomId]]:
        """Give the ids of the rooms of many users.

        Raises ViewsLost while some may be missing.
        """
        asked = list(users)
        replies = await self.complete([("SMEMBERS", redis_keys.user_rooms(user)) for user in asked])
        return dict(zip(asked, replies, strict=True))

    async def lost_by(self, users: Iterable[UserId], since_ms: int) -> dict[UserId, list[Lost]]:
        """Tell which rooms users lost since a time, and did not leave; of each the newest 100.

        Raises ViewsLost while some may be missing.
        """
        asked = list(users)
        replies = await self.complete([lost_read(user) for user in asked])
        return {user: lost_since(reply, since_ms) for user, reply in zip(asked, replies, strict=True)}

    async def complete(self, reads: Sequence[Command]) -> list[Any]:
        """Read what owners of different shards write together (users' rooms, the directory).

        Raises ViewsLost while some may be missing.
        """
        *replies, current, made = map(_checked, await self.redis.many([*reads, *generation.COMPLETENESS]))
        if not generation.is_complete(current, made, shards=self.shards):
            raise ViewsLost
        return replies

    async def is_banned(self, room: RoomId, user: UserId) -> bool:
        """Tell whether a user may not join a room."""
        return bool(await self.redis.run("SISMEMBER", redis_keys.room_bans(room), user))

    async def invite(self, room: RoomId, digest: str) -> InviteState | None:
        """Give an invite by the hash of its code."""
        text = await self.redis.run("HGET", redis_keys.room_invites(room), digest)
        return invite_of(text) if text else None

    async def invites(self, room: RoomId) -> dict[str, InviteState]:
        """Give all invites of a room by the hashes of their codes."""
        found = await self.redis.run("HGETALL", redis_keys.room_invites(room))
        return {digest: invite_of(text) for digest, text in found.items()}

    # --- records ---

    async def stream_state(self, room: RoomId, user: UserId, stream: StreamId) -> tuple[Head, StreamWindow | None]:
        """Give where a view stands, and which messages of a stream it has taken by then."""
        head, window = await self.redis.transaction(
            [
                ("HMGET", redis_keys.room(room), *_FACTS[:4]),
                ("HGET", redis_keys.room_streams(room), stream_field(user, stream)),
            ]
        )
        if head[2] is None:
            raise ViewUnknown(room)
        return _head(head), StreamWindow.decode(window) if window else None

    async def stream_window(self, room: RoomId, user: UserId, stream: StreamId) -> StreamWindow | None:
        """Tell which messages of a stream a room's view has taken."""
        return (await self.stream_state(room, user, stream))[1]

    async def verdict(self, room: RoomId, seq: int) -> str | None:
        """Tell why the applied record at `seq` is void; None if it is taken."""
        return (await self.voids(room, [seq])).get(seq)

    async def voids(self, room: RoomId, seqs: Sequence[int]) -> dict[int, str]:
        """Tell which of some applied seqs are void, and why."""
        if not seqs:
            return {}
        key = redis_keys.room_voids(room)
        chunks = [seqs[at : at + 1_000] for at in range(0, len(seqs), 1_000)]
        replies = await self.redis.many([("HMGET", key, *chunk) for chunk in chunks])
        reasons = (reason for reply in replies for reason in _checked(reply))
        return {seq: reason for seq, reason in zip(seqs, reasons, strict=True) if reason}

    async def _each(self, name: str, keys: Iterable[str], *args: str) -> list[Any]:
        return [_checked(reply) for reply in await self.redis.many([(name, key, *args) for key in keys])]

    async def _wait(self, read: Command, seq: int, timeout_s: float) -> bool:
        deadline = asyncio.get_running_loop().time() + timeout_s
        pause = POLL_FIRST_S
        while True:
            found = await self.redis.run(*read)
            if found is not None and int(found) >= seq:
                return True
            if asyncio.get_running_loop().time() + pause > deadline:
                return False
            await asyncio.sleep(pause)
            pause = min(2 * pause, POLL_MAX_S)


def access_reads(room: RoomId, user: UserId) -> list[Command]:
    """Give the reads of a room and a user's membership, for one transaction."""
    return [facts_read(room), ("HGET", redis_keys.room_members(room), user)]


def facts_read(room: RoomId) -> Command:
    """Give the read of what a room is."""
    return ("HMGET", redis_keys.room(room), *_FACTS)


def facts_of(room: RoomId, reply: Sequence[Any]) -> Facts | None:
    """Read the reply to `facts_read`; None if there is no view."""
    if reply[2] is None or reply[4] is None:
        return None
    return Facts(
        room, _head(reply), **orjson.loads(reply[4]), member_count=int(reply[5] or 0), notes_from=int(reply[6])
    )


def _head(reply: Sequence[Any]) -> Head:
    epoch, base, applied_seq, shown_seq = reply[:4]
    return Head(int(epoch), int(base), int(applied_seq), None if shown_seq is None else int(shown_seq))


def _done(reply: Any) -> bool:
    return bool(_checked(reply) == DONE)


def _checked(reply: Any) -> Any:
    if isinstance(reply, RedisRefused):
        raise reply
    return reply
