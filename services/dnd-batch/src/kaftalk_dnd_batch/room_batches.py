"""What rooms release, read once for all who are released within the same few seconds."""

import asyncio
from collections.abc import Collection, Iterable

from kaftalk_dnd_batch.payloads import ReleasedRoom
from kaftalk_protocol.ids import RoomId
from kaftalk_runtime import metrics
from kaftalk_runtime.clock import Clock
from kaftalk_runtime.logs import get_logger
from kaftalk_views.errors import ViewUnavailable
from kaftalk_views.held import HeldRanges

KEPT_S = 5.0
AT_ONCE = 16
PREFETCH_ROOMS = 500

_log = get_logger(__name__)
_read = metrics.counter("kaftalk_dnd_batch_room_batches_total", "Rooms whose held range was read for releases")
_left_out = metrics.counter(
    "kaftalk_dnd_batch_rooms_left_out_total", "Rooms left to resuming: their log did not answer"
)


class RoomBatches:
    """Reads and keeps the held ranges of rooms for 5 s; what happens meanwhile reaches everybody live, afterwards."""

    def __init__(self, held: HeldRanges, clock: Clock) -> None:
        self._held = held
        self._clock = clock
        self._kept: dict[tuple[RoomId, int], tuple[float, ReleasedRoom | None]] = {}
        self._gate = asyncio.Semaphore(AT_ONCE)
        self._turn = asyncio.Lock()

    async def of(self, rooms: Iterable[RoomId], start_ms: int, *, patient: bool) -> dict[RoomId, ReleasedRoom]:
        """Give what rooms hold since `start_ms`; those that hold nothing are missing.

        Out of patience, a room that cannot be read is left out too: gateways catch it up from its log.
        Raises RedisAway, ViewUnavailable.
        """
        asked = list(rooms)
        async with self._turn:
            self._drop_old()
            missing = [room for room in asked if (room, start_ms) not in self._kept]
            for start in range(0, len(missing), PREFETCH_ROOMS):
                await self._read(missing[start : start + PREFETCH_ROOMS], start_ms, patient=patient)
            kept = ((room, self._kept.get((room, start_ms))) for room in asked)
            return {room: found[1] for room, found in kept if found is not None and found[1] is not None}

    async def _read(self, rooms: Collection[RoomId], start_ms: int, *, patient: bool) -> None:
        await self._held.prefetch(rooms, start_ms)
        read_s = self._clock.monotonic()

        async def one(room: RoomId) -> None:
            async with self._gate:
                try:
                    batch = await self._held.batch(room, start_ms)
                except ViewUnavailable as error:
                    if patient:
                        raise
                    _left_out.inc()
                    _log.warning("room_left_to_resuming", room=room, error=repr(error))
                    return
            self._kept[room, start_ms] = (read_s, ReleasedRoom(batch) if batch is not None else None)

        async with asyncio.TaskGroup() as group:
            for room in rooms:
                group.create_task(one(room))
        _read.inc(len(rooms))

    def _drop_old(self) -> None:
        since_s = self._clock.monotonic() - KEPT_S
        for key in [key for key, (read_s, _) in self._kept.items() if read_s < since_s]:
            del self._kept[key]
