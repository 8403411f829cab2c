"""Rooms as a user sees them: her list with counts, one room, its members, the directory."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import orjson

from kaftalk_protocol import redis_keys
from kaftalk_protocol.ids import RoomId, UserId
from kaftalk_protocol.room_state import Member
from kaftalk_runtime.redis_client import RedisRefused
from kaftalk_views.annotations import Overlay, media_field, media_status
from kaftalk_views.cursors import MutedUntil, muted_until
from kaftalk_views.errors import ViewUnknown
from kaftalk_views.held import HeldRanges
from kaftalk_views.notes import Notes
from kaftalk_views.room_views import Access, Facts, RoomViews, access_reads, facts_of, unknown_room
from kaftalk_views.users import Users
from kaftalk_views.view_fields import Command, member_of

UNREAD_MAX = 1_000


class _Row(NamedTuple):
    """What one round trip says about a member's room."""

    facts: Facts
    member: Member
    read_seq: int
    muted: MutedUntil
    activity_ms: int
    last_item: dict[str, Any] | None


class RoomListing:
    """Builds Room, RoomEntry and Member objects.

    Those of a user in a hold (`hold_ms`: since when) tell a room's last event as of its floor, and all else as it is.
    All methods raise RedisAway, and ViewUnavailable where a view is missing; those that name a room raise Refused
    where the viewer may not know it.
    """

    def __init__(self, views: RoomViews, users: Users, notes: Notes, held: HeldRanges) -> None:
        self._views = views
        self._redis = views.redis
        self._users = users
        self._notes = notes
        self._held = held

    async def room(self, room: RoomId, viewer: UserId) -> dict[str, Any]:
        """Give a Room; strangers may see public ones."""
        access = await self._views.access(room, viewer)
        if access.facts.deleted or (access.member is None and access.facts.kind != "public"):
            raise unknown_room()
        return room_object(access, (await self._peers([access.facts], viewer)).get(room))

    async def entry(self, room: RoomId, user: UserId, hold_ms: int | None = None) -> dict[str, Any]:
        """Give a RoomEntry of one of the user's rooms."""
        access = await self._views.access(room, user)
        access.require_member()
        found = await self._entries([room], user, hold_ms)
        if not found:
            raise access.facts.refusal()
        return found[0]

    async def entries(self, user: UserId, hold_ms: int | None = None) -> list[dict[str, Any]]:
        """Give the RoomEntries of all of a user's rooms, newest activity first."""
        return await self._entries(sorted(await self._views.rooms_of(user)), user, hold_ms)

    async def members(
        self, room: RoomId, *, cursor: str | None = None, limit: int = 50
    ) -> tuple[list[dict[str, Any]], str | None]:
        """Give some Members in the order of joining, and the cursor of the rest."""
        members = sorted(
            (member.joined_seq, user, member) for user, member in (await self._views.members(room)).items()
        )
        chosen, rest = _slice(members, cursor, limit, lambda one: f"{one[0]:020d}{one[1]}")
        users = [user for _, user, _ in chosen]
        cursors = await self._redis.run("HMGET", redis_keys.room_cursors(room), *users) if users else []
        people = await self._users.get(users)
        return [
            {"user": people[user], "role": m.role, "joined_seq": m.joined_seq, "read_seq": _read_seq(m, read)}
            for (_, user, m), read in zip(chosen, cursors, strict=True)
        ], rest

    async def directory(
        self, query: str, viewer: UserId, *, cursor: str | None = None, limit: int = 50
    ) -> tuple[list[dict[str, Any]], str | None]:
        """Give some public Rooms whose name or topic has the query in it, by name, and the cursor of the rest."""
        listed: Mapping[str, str] = (await self._views.complete([("HGETALL", redis_keys.DIRECTORY)]))[0]
        wanted, found = folded(query), list[tuple[str, str]]()
        for room, text in listed.items():
            entry = orjson.loads(text)
            name = folded(entry["name"] or "")
            if wanted in name or wanted in folded(entry["topic"] or ""):
                found.append((name, room))
        chosen, rest = _slice(sorted(found), cursor, limit, lambda one: f"{one[0]}\0{one[1]}")
        accesses = await self._accesses([RoomId(room) for _, room in chosen], viewer)
        return [room_object(access, None) for access in accesses if not access.facts.deleted], rest

    async def _accesses(self, rooms: Sequence[RoomId], viewer: UserId) -> list[Access]:
        replies = await self._many([read for room in rooms for read in access_reads(room, viewer)])
        found = zip(rooms, replies[::2], replies[1::2], strict=True)
        accesses = ((facts_of(room, facts), member) for room, facts, member in found)
        return [Access(facts, member_of(member) if member else None) for facts, member in accesses if facts]

    async def _entries(self, rooms: Sequence[RoomId], user: UserId, hold_ms: int | None) -> list[dict[str, Any]]:
        rows = await self._rows(rooms, user)
        if any(row.facts.notes_from > row.facts.head.base for row in rows):
            await self._notes.ensure_all(row.facts for row in rows)
            rows = await self._rows(rooms, user)
        if hold_ms is not None:
            rows = await self._as_of_floors(rows, hold_ms)
        rows.sort(key=lambda row: (-row.activity_ms, row.facts.room))
        peers = await self._peers([row.facts for row in rows], user)
        replies = await self._many([read for row in rows for read in _count_reads(row)])
        replies.reverse()
        return [_entry(row, user, peers.get(row.facts.room), replies) for row in rows]

    async def _rows(self, rooms: Sequence[RoomId], user: UserId) -> list[_Row]:
        """Read the rooms in which the user is a member; the set of her rooms may be a moment ahead or behind."""
        replies = await self._many([read for room in rooms for read in _row_reads(room, user)])
        rows: list[_Row] = []
        for at, room in enumerate(rooms):
            facts, member, read, muted, (activity, last) = replies[5 * at : 5 * at + 5]
            found = facts_of(room, facts)
            if found is None:
                raise ViewUnknown(room)
            if member is None or found.deleted:
                continue
            mine = member_of(member)
            item = orjson.loads(last) if last else None
            until = muted_until(muted)
            rows.append(_Row(found, mine, _read_seq(mine, read), until, int(activity or found.created_ms), item))
        return rows

    async def _as_of_floors(self, rows: Sequence[_Row], hold_ms: int) -> list[_Row]:
        """Put the last item before the hold in the place of one that is held; none that the member may not read."""
        newer = [row.facts for row in rows if row.last_item is not None and row.last_item["ts"] >= hold_ms]
        if not newer:
            return list(rows)
        items = await self._held.last_items(newer, hold_ms)
        return [
            row._replace(last_item=_visible(items[row.facts.room], row)) if row.facts.room in items else row
            for row in rows
        ]

    async def _peers(self, rooms: Sequence[Facts], viewer: UserId) -> dict[RoomId, dict[str, Any]]:
        """Give the other one of each direct room; oneself where one talks to oneself."""
        direct = [facts.room for facts in rooms if facts.kind == "direct"]
        replies = await self._many([("HKEYS", redis_keys.room_members(room)) for room in direct])
        others = [next((user for user in users if user != viewer), viewer) for users in replies]
        people = await self._users.get(others)
        return {room: people[other] for room, other in zip(direct, others, strict=True)}

    async def _many(self, reads: Sequence[Command]) -> list[Any]:
        replies = await self._redis.many(reads)
        for reply in replies:
            if isinstance(reply, RedisRefused):
                raise reply
        return replies


def room_object(access: Access, peer: dict[str, Any] | None) -> dict[str, Any]:
    """Give a Room as JSON has it."""
    facts, member = access.facts, access.member
    direct = facts.kind == "direct"
    return {
        "id": facts.room,
        "name": None if direct else facts.name,
        "kind": facts.kind,
        "topic": facts.topic,
        "history": facts.history,
        "members_invite": facts.members_invite,
        "created_at": rfc3339(facts.created_ms),
        "created_by": facts.created_by,
        "member_count": facts.member_count,
        "archived": facts.archived,
        "peer": peer if direct else None,
        "me": None if member is None else {"role": member.role, "joined_seq": member.joined_seq},
    }


def rfc3339(ms: int) -> str:
    """Write a time in ms as REST objects have it."""
    at = datetime.fromtimestamp(ms / 1000, UTC)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def folded(text: str) -> str:
    """Fold a text for searching: NFC, so that Korean syllables are whole, and without case."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())


def _row_reads(room: RoomId, user: UserId) -> list[Command]:
    return [
        *access_reads(room, user),
        ("HGET", redis_keys.room_cursors(room), user),
        ("HGET", redis_keys.room_mutes(room), user),
        ("HMGET", redis_keys.room(room), "activity_ms", "last_item"),
    ]


def _count_reads(row: _Row) -> list[Command]:
    """Give the reads of the counts, and of what lies over the last item if that is a message."""
    room, above = row.facts.room, f"({row.read_seq}"
    mentions = redis_keys.room_mentions(room)
    reads: list[Command] = [
        ("ZCOUNT", redis_keys.room_index(room), above, "+inf"),
        ("ZRANGEBYSCORE", mentions, above, "+inf"),
    ]
    if (last := _last_message(row)) is not None:
        media = [media_field(part["id"]) for part in last["e"]["media"]]
        reads.append(("HMGET", redis_keys.room_notes(room), str(last["seq"]), *media))
        reads.append(("HGETALL", redis_keys.room_reactions(room, last["seq"])))
    return reads


def _entry(row: _Row, user: UserId, peer: dict[str, Any] | None, replies: list[Any]) -> dict[str, Any]:
    """Build a RoomEntry; takes the replies to its `_count_reads` from the end of `replies`."""
    unread, named = replies.pop(), replies.pop()
    seqs = {seq for seq, _, who in (text.partition(":") for text in named) if who in (user, "*")}
    last = row.last_item
    if last is not None and _last_message(row) is not None:
        note, *media = replies.pop()
        overlay = Overlay.read(note, replies.pop())
        parts = [part["id"] for part in last["e"]["media"]]
        status = {part: media_status(text) for part, text in zip(parts, media, strict=True) if text}
        last = last | {"e": overlay.lay_over(last["e"], user, status)}
    until = row.muted
    return room_object(Access(row.facts, row.member), peer) | {
        "unread": min(unread, UNREAD_MAX),
        "mentions": min(len(seqs), UNREAD_MAX),
        "last_event": last,
        "head": row.facts.head.seq,
        "read_seq": row.read_seq,
        "muted_until": rfc3339(until) if isinstance(until, int) else until,
    }


def _visible(item: dict[str, Any] | None, row: _Row) -> dict[str, Any] | None:
    return item if item is not None and item["seq"] >= row.facts.floor(row.member) else None


def _last_message(row: _Row) -> dict[str, Any] | None:
    last = row.last_item
    return last if last is not None and last["e"]["k"] == "message" else None


def _read_seq(member: Member, stored: str | None) -> int:
    return member.joined_seq if stored is None else max(int(stored), member.joined_seq)


def _slice(rows: Sequence[Any], cursor: str | None, limit: int, key: Any) -> tuple[list[Any], str | None]:
    """Cut a page from sorted rows: those whose key is above the cursor's."""
    rest = [row for row in rows if cursor is None or key(row) > cursor]
    return rest[:limit], key(rest[limit - 1]) if len(rest) > limit else None
