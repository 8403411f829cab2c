"""Snapshots of the rooms that changed: after 1,000 records, after 5 idle minutes, and when a shard is handed over."""

import asyncio
from collections.abc import Iterable, Sequence

from kaftalk_delivery.owned_rooms import OwnedRoom, OwnedRooms
from kaftalk_roomlog.errors import RoomLogError
from kaftalk_roomlog.snapshots import SnapshotLog
from kaftalk_runtime import metrics
from kaftalk_runtime.logs import get_logger
from kaftalk_views.snapshots import encode

RECORDS_MAX = 1_000
IDLE_S = 300.0
UNLOAD_S = 900.0
_EVERY_S = 2.0
_A_ROUND = 40
_AT_ONCE = 8
_HAND_OVER_S = 5.0
_LARGE_STATE = 200

_log = get_logger(__name__)
_written = metrics.counter("kaftalk_delivery_snapshots_total", "Snapshots written")


class SnapshotWriter:
    """Writes them at a bounded rate, and unloads states that nobody needed for 15 minutes."""

    def __init__(self, rooms: OwnedRooms, log: SnapshotLog) -> None:
        self._rooms = rooms
        self._log = log

    async def run(self) -> None:
        """Look for what is due, for ever."""
        while True:
            await asyncio.sleep(_EVERY_S)
            now_s = asyncio.get_running_loop().time()
            await self._write_all([room for room in self._rooms if _is_due(room, now_s)][:_A_ROUND])
            for room in self._rooms:
                if not room.since_snapshot and room.is_written and now_s - room.touched_s > UNLOAD_S:
                    room.state = None

    async def hand_over(self, rooms: Sequence[OwnedRoom]) -> None:
        """Write what changed of rooms that another owner takes, as far as 5 s suffice."""
        try:
            async with asyncio.timeout(_HAND_OVER_S):
                await self._write_all([room for room in rooms if room.since_snapshot and room.behind is None])
        except TimeoutError:
            _log.warning("hand_over_took_too_long", rooms=len(rooms))

    async def _write_all(self, rooms: Iterable[OwnedRoom]) -> None:
        gate = asyncio.Semaphore(_AT_ONCE)

        async def one(room: OwnedRoom) -> None:
            async with gate:
                await self._write(room)

        await asyncio.gather(*map(one, rooms))

    async def _write(self, room: OwnedRoom) -> None:
        state, count = room.state, room.since_snapshot
        if state is None:
            room.since_snapshot = 0
            return
        large = len(state.members) + len(state.streams) > _LARGE_STATE
        value = await asyncio.to_thread(encode, state.copy()) if large else encode(state)
        try:
            await self._log.write(room.id, value)
        except RoomLogError as error:
            _log.warning("snapshot_not_written", room=room.id, error=repr(error))
            return
        _written.inc()
        room.since_snapshot -= count


def _is_due(room: OwnedRoom, now_s: float) -> bool:
    if room.behind is not None:
        return False
    return room.since_snapshot >= RECORDS_MAX or (room.since_snapshot > 0 and now_s - room.touched_s > IDLE_S)
