"""What rooms release, read once for all whose hold began together and is over."""

import asyncio
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from kaftalk_dnd_batch.payloads import ReleasedRoom
from kaftalk_protocol.ids import RoomId
from kaftalk_runtime import metrics
from kaftalk_runtime.clock import Clock
from kaftalk_runtime.logs import get_logger
from kaftalk_views.errors import ViewUnavailable
from kaftalk_views.held import HeldRanges
from kaftalk_views.room_views import RoomViews

KEPT_MS = 90_000
AT_ONCE = 16
AHEAD_AT_ONCE = 4
"""Rooms that are read at once ahead of the end, where others' messages go first at Redis and Kafka, too."""
PREFETCH_ROOMS = 100

_log = get_logger(__name__)
_read = metrics.counter("kaftalk_dnd_batch_room_batches_total", "Rooms whose held range was read for releases")
_left_out = metrics.counter(
    "kaftalk_dnd_batch_rooms_left_out_total", "Rooms left to resuming: their log did not answer"
)


class _Kept(NamedTuple):
    """What a room released as of `read_ms`."""

    read_ms: int
    room: ReleasedRoom | None


class RoomBatches:
    """Reads the held ranges of rooms, once for all who wait: what was read after somebody's end is right for her.

    What happens later reaches her live, after the release.
    """

    def __init__(self, held: HeldRanges, views: RoomViews, clock: Clock) -> None:
        self._held = held
        self._views = views
        self._clock = clock
        self._kept: dict[tuple[RoomId, int], _Kept] = {}
        self._turn = asyncio.Lock()

    async def of(
        self, rooms: Iterable[RoomId], start_ms: int, *, ends_ms: int, patient: bool
    ) -> dict[RoomId, ReleasedRoom]:
        """Give what rooms hold since `start_ms`, as of `ends_ms` or later; those that hold nothing are missing.

        Out of patience, a room that cannot be read is left out too: gateways catch it up from its log.
        Raises RedisAway, ViewUnavailable.
        """
        asked = list(rooms)
        async with self._turn:
            self._drop_old()
            await self._look_again(self._old(asked, start_ms, ends_ms), start_ms)
            await self._read(self._old(asked, start_ms, ends_ms), start_ms, at_once=AT_ONCE, patient=patient)
            return self._parts(asked, start_ms)

    async def warm(self, rooms: Iterable[RoomId], start_ms: int) -> dict[RoomId, ReleasedRoom]:
        """Read what rooms hold so far: where nothing is said until the end, it need not be read again.

        Raises RedisAway, ViewUnavailable.
        """
        asked = list(rooms)
        async with self._turn:
            missing = [room for room in asked if (room, start_ms) not in self._kept]
            await self._read(missing, start_ms, at_once=AHEAD_AT_ONCE, patient=False)
            return self._parts(asked, start_ms)

    def _parts(self, rooms: Iterable[RoomId], start_ms: int) -> dict[RoomId, ReleasedRoom]:
        kept = ((room, self._kept.get((room, start_ms))) for room in rooms)
        return {room: found.room for room, found in kept if found is not None and found.room is not None}

    def _old(self, rooms: Iterable[RoomId], start_ms: int, ends_ms: int) -> list[RoomId]:
        """Give the rooms of which nothing is kept that was read late enough."""
        kept = ((room, self._kept.get((room, start_ms))) for room in rooms)
        return [room for room, found in kept if found is None or found.read_ms < ends_ms]

    async def _look_again(self, rooms: Iterable[RoomId], start_ms: int) -> None:
        """Keep on what was read ahead, where the room's head has not moved since."""
        ahead = [room for room in rooms if (kept := self._kept.get((room, start_ms))) and kept.room]
        now_ms = self._clock.now_ms()
        heads = await self._views.heads(ahead) if ahead else {}
        for room, head in heads.items():
            read = self._kept[room, start_ms].room
            if read is not None and (head.epoch, head.seq) == (read.batch.epoch, read.batch.to):
                self._kept[room, start_ms] = _Kept(now_ms, read)

    async def _read(self, rooms: Sequence[RoomId], start_ms: int, *, at_once: int, patient: bool) -> None:
        gate = asyncio.Semaphore(at_once)

        async def read(room: RoomId) -> None:
            async with gate:
                await self._read_one(room, start_ms, patient=patient)

        for start in range(0, len(rooms), PREFETCH_ROOMS):
            some = rooms[start : start + PREFETCH_ROOMS]
            await self._held.prefetch(some, start_ms)
            await asyncio.gather(*map(read, some))
        _read.inc(len(rooms))

    async def _read_one(self, room: RoomId, start_ms: int, *, patient: bool) -> None:
        read_ms = self._clock.now_ms()
        try:
            batch = await self._held.batch(room, start_ms)
        except ViewUnavailable as error:
            if patient:
                raise
            _left_out.inc()
            _log.warning("room_left_to_resuming", room=room, error=repr(error))
        else:
            self._kept[room, start_ms] = _Kept(read_ms, ReleasedRoom(batch) if batch is not None else None)

    def _drop_old(self) -> None:
        since_ms = self._clock.now_ms() - KEPT_MS
        for key in [key for key, kept in self._kept.items() if kept.read_ms < since_ms]:
            del self._kept[key]
