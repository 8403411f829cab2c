"""How a room's state lies in Redis: the facts of a state as fields, both ways. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from kaftalk_protocol import redis_keys
from kaftalk_protocol.ids import RoomId, UserId
from kaftalk_protocol.room_state import InviteState, Member, RoomState
from kaftalk_protocol.stream_window import StreamWindow

Command = tuple[str, ...]
"""A Redis command, or one of the script's own (see `compare_and_set`)."""

ARGS_MAX = 2_000
"""Arguments of one command; Lua's `unpack` ends near 8,000."""

META = (
    "kind", "name", "topic", "history", "members_invite", "created_ms", "created_by", "archived", "deleted",
)  # fmt: skip


@dataclass(slots=True)
class Touched:
    """Which facts a batch may have changed; their values are those after it."""

    members: set[UserId] = field(default_factory=set)
    bans: set[UserId] = field(default_factory=set)
    invites: set[str] = field(default_factory=set)
    streams: set[tuple[UserId, Any]] = field(default_factory=set)
    meta: bool = False
    whole: bool = False
    notes_from: int | None = None

    def everything(self, state: RoomState) -> None:
        """Touch all; what Redis holds and the state does not goes away."""
        self.members, self.bans = set(state.members), set(state.bans)
        self.invites, self.streams = set(state.invites), set(state.streams)
        self.meta = self.whole = True


def write_state(state: RoomState, touched: Touched, *, last_item: str | None, activity_ms: int | None) -> list[Command]:
    """Give the commands that bring the touched facts, and where the view stands, into Redis."""
    fields = _place(state, touched)
    if last_item is not None:
        fields["last_item"] = last_item
    if activity_ms is not None:
        fields["activity_ms"] = str(activity_ms)
    directory = [_directory(state)] if "meta" in fields else []
    return [*_facts(state, touched), *directory, *_hash(redis_keys.room(state.room), fields)]


def _facts(state: RoomState, touched: Touched) -> list[Command]:
    room = state.room
    members = {user: _spell(state.members.get(user)) for user in touched.members}
    streams = {stream_field(*key): _window(state, key) for key in touched.streams}
    invites = {digest: _invite(state.invites.get(digest)) for digest in touched.invites}
    return [
        *([("DEL", *_fact_keys(room))] if touched.whole else []),
        *_hash(redis_keys.room_members(room), members),
        *_hash(redis_keys.room_streams(room), streams),
        *_hash(redis_keys.room_invites(room), invites),
        *_set(redis_keys.room_bans(room), {user: user in state.bans for user in touched.bans}),
    ]


def _place(state: RoomState, touched: Touched) -> dict[str, str]:
    fields = {"applied_seq": str(state.applied_seq)}
    if state.shown_seq is not None:
        fields["shown_seq"] = str(state.shown_seq)
    if touched.members or touched.whole:
        fields["member_count"] = str(len(state.members))
    if touched.notes_from is not None:
        fields |= {"notes_from": str(touched.notes_from), "epoch": str(state.epoch), "base": str(state.base)}
    if touched.meta or touched.notes_from is not None:
        fields["meta"] = orjson.dumps({name: getattr(state, name) for name in META}).decode()
    return fields


def clear(room: RoomId) -> list[Command]:
    """Give the commands that take everything away that belongs to an older epoch; cursors and mutes stay."""
    keys = (redis_keys.room_voids(room), redis_keys.room_notes(room), redis_keys.room_index(room))
    return [
        ("DEL", *_fact_keys(room), *keys, redis_keys.room_mentions(room)),
        ("HDEL", redis_keys.room(room), "shown_seq", "last_item"),
    ]


def view_keys(room: RoomId) -> list[str]:
    """Name the keys of a room's view but those of reactions, cursors and mutes among them."""
    keys = (
        redis_keys.room, redis_keys.room_voids, redis_keys.room_notes, redis_keys.room_index, redis_keys.room_mentions,
        redis_keys.room_cursors, redis_keys.room_mutes,
    )  # fmt: skip
    return [*_fact_keys(room), *(key(room) for key in keys)]


def state_reads(room: RoomId) -> list[Command]:
    """Give the reads of a whole state, for one transaction."""
    return [
        ("HMGET", redis_keys.room(room), "epoch", "base", "applied_seq", "shown_seq", "meta"),
        ("HGETALL", redis_keys.room_members(room)),
        ("SMEMBERS", redis_keys.room_bans(room)),
        ("HGETALL", redis_keys.room_invites(room)),
        ("HGETALL", redis_keys.room_streams(room)),
    ]


def read_state(room: RoomId, replies: Sequence[Any]) -> RoomState | None:
    """Build the state from the replies to `state_reads`; None if there is no view."""
    (epoch, base, applied_seq, shown_seq, meta), members, bans, invites, streams = replies
    if applied_seq is None or meta is None:
        return None
    stored = {
        "room": room,
        "epoch": int(epoch),
        "base": int(base),
        "applied_seq": int(applied_seq),
        "shown_seq": None if shown_seq is None else int(shown_seq),
        "members": {user: member_of(text) for user, text in members.items()},
        "bans": bans,
        "invites": {code: orjson.loads(text) for code, text in invites.items()},
        "streams": [[*name.rpartition(":")[::2], text] for name, text in streams.items()],
        **orjson.loads(meta),
    }
    return RoomState.from_json(stored)


def member_of(text: str) -> Member:
    """Read a field of the members' hash."""
    role, _, joined_seq = text.partition(":")
    return Member(role, int(joined_seq))  # type: ignore[arg-type]


def invite_of(text: str) -> InviteState:
    """Read a field of the invites' hash."""
    return InviteState(**orjson.loads(text))


def stream_field(user: UserId, stream: str) -> str:
    """Name a stream in the streams' hash."""
    return f"{user}:{stream}"


def _fact_keys(room: RoomId) -> tuple[str, ...]:
    return (
        redis_keys.room_members(room), redis_keys.room_bans(room), redis_keys.room_invites(room),
        redis_keys.room_streams(room),
    )  # fmt: skip


def _spell(member: Member | None) -> str | None:
    return None if member is None else f"{member.role}:{member.joined_seq}"


def _invite(invite: InviteState | None) -> str | None:
    return None if invite is None else orjson.dumps(invite._asdict()).decode()


def _window(state: RoomState, key: tuple[UserId, Any]) -> str | None:
    window: StreamWindow | None = state.streams.get(key)
    return None if window is None else window.encode()


def _directory(state: RoomState) -> Command:
    if state.kind != "public" or state.deleted:
        return ("HDEL", redis_keys.DIRECTORY, state.room)
    entry = orjson.dumps({"name": state.name, "topic": state.topic}).decode()
    return ("HSET", redis_keys.DIRECTORY, state.room, entry)


def _hash(key: str, fields: Mapping[Any, str | None]) -> list[Command]:
    if not fields:
        return []
    put = [part for name, value in fields.items() if value is not None for part in (name, value)]
    gone = [name for name, value in fields.items() if value is None]
    return _chunks("HSET", key, put) + _chunks("HDEL", key, gone)


def _set(key: str, members: dict[UserId, bool]) -> list[Command]:
    if not members:
        return []
    there = [user for user, held in members.items() if held]
    gone = [user for user, held in members.items() if not held]
    return _chunks("SADD", key, there) + _chunks("SREM", key, gone)


def _chunks(name: str, key: str, args: Sequence[str]) -> list[Command]:
    return [(name, key, *args[at : at + ARGS_MAX]) for at in range(0, len(args), ARGS_MAX)]
