"""Make a room's annotations again from its log, when Redis lost them: one at a time, at the first need.

Along with them comes what a state does not say: who lost the room.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable

from kaftalk_protocol import redis_keys
from kaftalk_protocol.ids import RoomId
from kaftalk_protocol.room_state import RoomState
from kaftalk_protocol.topics import Placement
from kaftalk_roomlog.errors import OutOfRange
from kaftalk_runtime.logs import get_logger
from kaftalk_runtime.redis_client import RedisError, ScriptCall
from kaftalk_views.compare_and_set import DONE, compare_and_set, converge
from kaftalk_views.errors import HistoryUnavailable, NotesMissing, ViewUnavailable
from kaftalk_views.log_range import LogRange, chunks
from kaftalk_views.projection import Projection, fold
from kaftalk_views.retained import retained_from
from kaftalk_views.room_views import Facts, RoomViews
from kaftalk_views.view_fields import Command

LOCK_MS = 30_000
LOCK_TRIES = 1_200
SCRATCH_S = 600
CONCURRENT = 8
POLL_S = 0.05

_KINDS = frozenset({"HSET", "NOTE", "REMOVE", "REACT", "INDEX", "REMENTION"})
_LOSSES = frozenset({"LOST", "REGAINED"})

_log = get_logger(__name__)


class Notes:
    """Sees to it that voids, annotations and index of a room are complete before somebody reads them."""

    def __init__(self, views: RoomViews, log: LogRange) -> None:
        self._views = views
        self._log = log
        self._making: dict[RoomId, asyncio.Task[None]] = {}
        self._gate = asyncio.Semaphore(CONCURRENT)

    async def stop(self) -> None:
        """Give up what is being made."""
        tasks = list(self._making.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def complete(self, facts: Facts, timeout_s: float = 2.0) -> None:
        """Return when the annotations of a room are complete; at once if they are, as always but after a loss.

        Raises NotesMissing if they are not in time; they are made on in the background.
        """
        if facts.notes_from <= facts.head.base:
            return
        done, _ = await asyncio.wait([self._start(facts.room)], timeout=timeout_s)
        if not done or (await self._views.facts(facts.room)).notes_from > facts.head.base:
            raise NotesMissing(facts.room)

    async def ensure(self, room: RoomId, timeout_s: float = 2.0) -> None:
        """Return when the annotations of a room are complete.

        Raises NotesMissing, ViewUnknown, RedisAway.
        """
        await self.complete(await self._views.facts(room), timeout_s)

    async def ensure_all(self, rooms: Iterable[Facts], timeout_s: float = 2.0) -> None:
        """Return when the annotations of all these rooms are complete.

        Raises NotesMissing, ViewUnknown, RedisAway.
        """
        await asyncio.gather(*(self.complete(facts, timeout_s) for facts in rooms))

    def _start(self, room: RoomId) -> asyncio.Task[None]:
        if room not in self._making:
            task = self._making[room] = asyncio.create_task(self._make(room), name=f"notes of {room}")
            task.add_done_callback(lambda _: self._making.pop(room, None))
        return self._making[room]

    async def _make(self, room: RoomId) -> None:
        async with self._gate:
            try:
                await self._make_alone(room)
            except (ViewUnavailable, RedisError) as error:
                _log.warning("notes_not_made", room=room, error=repr(error))

    async def _make_alone(self, room: RoomId) -> None:
        lock = redis_keys.notes_lock(room)
        for _ in range(LOCK_TRIES):
            if await self._views.redis.run("SET", lock, "1", "NX", "PX", LOCK_MS):
                break
            await asyncio.sleep(POLL_S)
        else:
            raise NotesMissing(room)
        try:
            facts = await self._views.facts(room)
            if facts.notes_from > facts.head.base:
                await _Making(self._views, self._log, facts).run()
        finally:
            with contextlib.suppress(RedisError):
                await self._views.redis.run("DEL", lock)


class _Making:
    """One room's annotations being made: notes, reactions and voids in place (they converge with what the owner
    writes meanwhile), index and mentions beside and put in place by the compare-and-set."""

    def __init__(self, views: RoomViews, log: LogRange, facts: Facts) -> None:
        head, room = facts.head, facts.room
        self._redis = views.redis
        self._views = views
        self._log = log
        self._placement = Placement(room, epoch=head.epoch, base=head.base)
        self._state = RoomState(room, head.epoch, head.base)
        self._scratch = {key: f"{key}:making" for key in (redis_keys.room_index(room), redis_keys.room_mentions(room))}
        self._keys = {redis_keys.room_voids(room), redis_keys.room_notes(room), *self._scratch}
        self._last: list[str] = []

    async def run(self) -> None:
        room = self._placement.room
        await self._redis.run("DEL", *self._scratch.values())
        while True:
            head = await self._views.head(room)
            if head.epoch != self._placement.epoch:
                raise NotesMissing(room)
            await self._fold_to(head.applied_seq)
            if await self._redis.many([self._final(str(head.applied_seq))]) == [DONE]:
                return

    async def _fold_to(self, seq: int) -> None:
        first = max(self._state.applied_seq + 1, self._placement.base)
        try:
            async for records in chunks(self._log, self._placement, first, seq):
                await self._write(fold(self._state, self._placement, records, shard=0))
        except OutOfRange as error:
            start = self._placement.seq(error.start)
            if start <= first:
                raise HistoryUnavailable(self._placement.room) from error
            self._state = retained_from(await self._views.load(self._placement.room), start)
            await self._fold_to(seq)

    async def _write(self, projection: Projection) -> None:
        commands = [self._aside(command) for command in projection.commands if self._is_note(command)]
        commands += [("EXPIRE", key, str(SCRATCH_S)) for key in self._scratch.values()]
        commands.append(("PEXPIRE", redis_keys.notes_lock(self._placement.room), str(LOCK_MS)))
        await self._redis.many([converge(commands)])
        if projection.last_item is not None:
            self._last = ["last_item", projection.last_item, "activity_ms", str(projection.activity_ms)]

    def _is_note(self, command: Command) -> bool:
        return command[0] in _LOSSES or (command[0] in _KINDS and command[1] in self._keys)

    def _aside(self, command: Command) -> Command:
        return tuple(self._scratch.get(part, part) for part in command)

    def _final(self, applied_seq: str) -> ScriptCall:
        room = redis_keys.room(self._placement.room)
        replace: list[Command] = [("REPLACE", key, by) for key, by in self._scratch.items()]
        return compare_and_set(room, applied_seq, [*replace, ("HSET", room, "notes_from", "0", *self._last)])
