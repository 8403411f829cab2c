"""What quiet hours hold back of rooms: `(floor, head]`, read from the logs as it is now; nothing is copied."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

import orjson

from kaftalk_protocol import redis_keys
from kaftalk_protocol.ids import RoomId, UserId
from kaftalk_protocol.records import is_item
from kaftalk_roomlog.errors import OutOfRange
from kaftalk_runtime.redis_client import RedisRefused
from kaftalk_views.annotations import media_field, media_status
from kaftalk_views.errors import HistoryUnavailable, ViewUnavailable, ViewUnknown
from kaftalk_views.held_batch import ITEMS_MAX, HeldRoom, RoomBatch, Standing
from kaftalk_views.held_counts import Bounds, CountRow, HeldCount, count_reads, count_row, counted
from kaftalk_views.held_range import HeldRange
from kaftalk_views.hold_starts import HoldStarts, Kept, placement_of
from kaftalk_views.log_range import LogRange
from kaftalk_views.notes import Notes
from kaftalk_views.projection import Shown
from kaftalk_views.room_views import Facts, RoomViews, facts_of, facts_read
from kaftalk_views.shown_log import PROBE_WINDOW, ShownLog
from kaftalk_views.view_fields import Command

RECORDS_MAX = 100_000
"""How many records of one room are looked at; older ones are held and released all the same, but not counted."""

CONCURRENT = 16
LATELY_S = 2.0

_Found = TypeVar("_Found")


class _Lately(NamedTuple):
    seq: int
    until: float


class HeldRanges:
    """Reads what is held of rooms. All methods raise RedisAway and ViewUnavailable.

    The head of a view is read first, and where the hold begins afterwards: so nothing lies between them unseen.
    """

    def __init__(self, views: RoomViews, log: LogRange, notes: Notes) -> None:
        self._views = views
        self._redis = views.redis
        self._log = log
        self._notes = notes
        self._starts = HoldStarts(views, log, notes)
        self._lately: Kept[_Lately] = Kept()
        self._last_items: Kept[dict[str, Any] | None] = Kept()

    # --- where a hold begins ---

    async def prefetch(self, rooms: Iterable[RoomId], start_ms: int) -> None:
        """Ask where a hold begins in many rooms at once, so that they need not be asked one by one."""
        await self._starts.ask(await self._facts(rooms), start_ms)

    async def first(self, room: RoomId, start_ms: int) -> int | None:
        """Give the first held seq of a room's epoch; None if nothing is held."""
        return await self._first(await self._views.facts(room), start_ms)

    async def floor(self, room: RoomId, start_ms: int) -> int:
        """Give the seq of the last shown event before the hold; the head if nothing is held.

        A floor stands until a room gets a new epoch: when many come at once it is not asked for each of them.
        """
        now, key = asyncio.get_running_loop().time(), (room, start_ms)
        lately = self._lately.get(key)
        if lately is not None and now < lately.until:
            return lately.seq
        facts = await self._views.facts(room)
        floor = await self._floor(facts, start_ms)
        if floor < facts.head.seq:
            self._lately[key] = _Lately(floor, now + LATELY_S)
        return floor

    async def floors(self, rooms: Iterable[RoomId], start_ms: int) -> dict[RoomId, int]:
        """Give the floors of many rooms; rooms without a view are missing."""
        found = await self._facts(rooms)
        await self._starts.ask(found, start_ms)
        floors = await _some_at_a_time(found, lambda facts: self._floor(facts, start_ms))
        return {facts.room: floor for facts, floor in zip(found, floors, strict=True)}

    async def last_items(self, rooms: Sequence[Facts], start_ms: int) -> dict[RoomId, dict[str, Any] | None]:
        """Give the last item of each room as of its floor, as it is stored; None if there is none, or none to be read.

        A room's annotations must be complete.
        """
        await self._starts.ask(rooms, start_ms)

        async def one(facts: Facts) -> dict[str, Any] | None:
            try:
                return await self._last_item(facts, await self._floor(facts, start_ms))
            except ViewUnavailable:
                return None

        return dict(zip((facts.room for facts in rooms), await _some_at_a_time(rooms, one), strict=True))

    # --- how much it holds ---

    async def counts(self, room: RoomId, bounds: Mapping[UserId, int]) -> dict[UserId, HeldCount]:
        """Count for many members what others said above each one's bound and what she has read; no others."""
        return (await self._counts({room: bounds}))[room] if bounds else {}

    async def counts_of(self, user: UserId, bounds: Mapping[RoomId, int]) -> dict[RoomId, HeldCount]:
        """Count for one user what others said in many rooms above each one's bound and what she has read.

        Rooms that she is no member of are missing.
        """
        found = await self._counts({room: {user: bound} for room, bound in bounds.items()})
        return {room: counts[user] for room, counts in found.items() if user in counts}

    # --- what it releases ---

    async def batch(self, room: RoomId, start_ms: int) -> RoomBatch | None:
        """Give what a room releases to all whose hold began at `start_ms`; None if it holds nothing, or is deleted."""
        facts, activity_ms = await self._facts_and_activity(room)
        if facts.deleted:
            return None
        await self._notes.complete(facts)
        first = await self._first(facts, start_ms)
        if first is not None:
            return await self._held(facts, start_ms, first)
        if activity_ms < start_ms:
            return None
        # Something was said since, but the log has nothing so late any more.
        held = HeldRoom(facts, facts.head.seq + 1, facts.head.base, expired_below=facts.head.seq)
        return await self._batch(held, HeldRange())

    async def _held(self, facts: Facts, start_ms: int, first: int) -> RoomBatch:
        """Fold what is held up to the head."""
        log, to = self._shown_log(facts), facts.head.seq
        floor = await self._starts.floor(facts, start_ms, first)
        low, prev = first, floor.prev
        if to - first >= RECORDS_MAX:
            low = to - RECORDS_MAX + 1
            prev = await log.before(low)
        expired_below = first if floor.cut else None
        try:
            range_ = await _folded(log.forward(low, to, prev=prev))
        except OutOfRange as error:
            expired_below = log.retained(error, above=low)
            range_ = await self._rest(log, expired_below, to)
        return await self._batch(HeldRoom(facts, first, floor.seq, expired_below), range_)

    async def _rest(self, log: ShownLog, low: int, to: int) -> HeldRange:
        try:
            return await _folded(log.forward(low, to, prev=None))
        except OutOfRange as error:
            raise HistoryUnavailable(log.placement.room) from error

    async def _batch(self, held: HeldRoom, range_: HeldRange) -> RoomBatch:
        room = held.facts.room
        media = await self._media(room, range_.media(ITEMS_MAX))
        standing = Standing(*await self._redis.transaction(_standing_reads(room)))
        return RoomBatch(held, range_, standing, media)

    async def _media(self, room: RoomId, media: Sequence[str]) -> dict[str, Any]:
        if not media:
            return {}
        notes = await self._redis.run("HMGET", redis_keys.room_notes(room), *map(media_field, media))
        return {name: media_status(note) for name, note in zip(media, notes, strict=True) if note}

    async def _first(self, facts: Facts, start_ms: int) -> int | None:
        first = await self._starts.first(facts, start_ms)
        return first if first is not None and first <= facts.head.seq else None

    async def _floor(self, facts: Facts, start_ms: int) -> int:
        first = await self._first(facts, start_ms)
        return facts.head.seq if first is None else (await self._starts.floor(facts, start_ms, first)).seq

    async def _last_item(self, facts: Facts, floor: int) -> dict[str, Any] | None:
        key = (placement_of(facts).topic, floor)
        if key not in self._last_items:
            found = await self._shown_log(facts).back(floor, _has_linked_item, window=PROBE_WINDOW)
            last = next((one for one in reversed(found.shown) if is_item(one.record)), None)
            self._last_items[key] = None if last is None else _stored(last, facts.head.epoch)
        return self._last_items[key]

    async def _counts(self, asked: Mapping[RoomId, Bounds]) -> dict[RoomId, dict[UserId, HeldCount]]:
        rows = await self._count_rows(asked)
        if any(row.facts.notes_from > row.facts.head.base for row in rows):
            await self._notes.ensure_all(row.facts for row in rows)
            rows = await self._count_rows(asked)
        return {row.facts.room: counted(row, asked[row.facts.room]) for row in rows}

    async def _count_rows(self, asked: Mapping[RoomId, Bounds]) -> list[CountRow]:
        replies = iter(await self._many([read for one in asked.items() for read in count_reads(*one)]))
        return [count_row(room, replies) for room in asked]

    async def _facts(self, rooms: Iterable[RoomId]) -> list[Facts]:
        """Read the facts of many rooms; those without a view are missing."""
        asked = list(rooms)
        replies = await self._many([facts_read(room) for room in asked])
        found = (facts_of(room, reply) for room, reply in zip(asked, replies, strict=True))
        return [facts for facts in found if facts is not None]

    async def _facts_and_activity(self, room: RoomId) -> tuple[Facts, int]:
        activity: Command = ("HGET", redis_keys.room(room), "activity_ms")
        reply, activity_ms = await self._redis.transaction([facts_read(room), activity])
        facts = facts_of(room, reply)
        if facts is None:
            raise ViewUnknown(room)
        return facts, int(activity_ms or 0)

    async def _many(self, reads: Sequence[Command]) -> list[Any]:
        replies = await self._redis.many(reads)
        for reply in replies:
            if isinstance(reply, RedisRefused):
                raise reply
        return replies

    def _shown_log(self, facts: Facts) -> ShownLog:
        return ShownLog(self._views, self._log, placement_of(facts))


async def _folded(chunks: AsyncIterator[list[Shown]]) -> HeldRange:
    range_ = HeldRange()
    async for shown in chunks:
        range_.take(shown)
    return range_


async def _some_at_a_time(given: Sequence[Facts], ask: Callable[[Facts], Awaitable[_Found]]) -> list[_Found]:
    gate = asyncio.Semaphore(CONCURRENT)

    async def one(facts: Facts) -> _Found:
        async with gate:
            return await ask(facts)

    return await asyncio.gather(*map(one, given))


def _standing_reads(room: RoomId) -> list[Command]:
    keys = (redis_keys.room_members(room), redis_keys.room_cursors(room), redis_keys.room_mutes(room))
    return [("HGETALL", key) for key in keys]


def _has_linked_item(shown: Sequence[Shown]) -> bool:
    """Tell whether there is an item whose `prev` is known: the first of a stretch does not know it."""
    return any(is_item(one.record) for one in shown[1:])


def _stored(one: Shown, epoch: int) -> dict[str, Any]:
    return {"epoch": epoch, "seq": one.seq, "prev": one.prev, "ts": one.ts, "e": orjson.loads(one.value)}
