"""How a room becomes live: find where its view stands, or make one, and follow the log from there."""

import asyncio
from collections.abc import Callable, Sequence

from kaftalk_delivery.owned_rooms import OwnedRoom, OwnedRooms
from kaftalk_protocol.ids import RoomId
from kaftalk_protocol.room_state import RoomState
from kaftalk_roomlog.errors import ReadError, RoomLogError
from kaftalk_roomlog.ranges import RoomLogRange
from kaftalk_roomlog.reader import RoomLogReader
from kaftalk_roomlog.snapshots import SnapshotLog
from kaftalk_runtime import metrics
from kaftalk_runtime.logs import get_logger
from kaftalk_runtime.redis_client import RedisError
from kaftalk_views.catch_up import CatchUp
from kaftalk_views.errors import ViewUnavailable
from kaftalk_views.room_views import Head, RoomViews

_ROOMS_A_ROUND = 2_000
_INTAKE_ROOMS_MAX = 64
_LOG_WITHOUT_SNAPSHOT = 1_000
_RETRY_S = 0.2

_log = get_logger(__name__)
_live = metrics.gauge("kaftalk_delivery_live_rooms", "Rooms whose log is followed")
_rebuilt = metrics.counter("kaftalk_delivery_rebuilt_views_total", "Views made again from snapshot and log")


class Adoption:
    """The rooms that wait to become live, and the loop that makes them so. `live` is told of each that is."""

    def __init__(
        self,
        rooms: OwnedRooms,
        reader: RoomLogReader,
        ranges: RoomLogRange,
        views: RoomViews,
        catch_up: CatchUp,
        snapshots: SnapshotLog,
        *,
        live: Callable[[Sequence[OwnedRoom]], None],
    ) -> None:
        self._rooms = rooms
        self._reader = reader
        self._ranges = ranges
        self._views = views
        self._catch_up = catch_up
        self._snapshots = snapshots
        self._live = live
        self._waiting: dict[str, OwnedRoom] = {}
        self._wake = asyncio.Event()

    def unfinished(self) -> frozenset[int]:
        """Give the shards that have a room which is not live yet."""
        return frozenset(room.shard for room in self._waiting.values())

    def want(self, room: OwnedRoom) -> None:
        """Make a room live, or live again from where its view stands."""
        self._reader.remove(room.placement.topic)
        room.start_anew()
        self._waiting[room.id] = room
        self._wake.set()

    def forget(self, room: OwnedRoom) -> None:
        """Let go of a room."""
        self._waiting.pop(room.id, None)
        if room.behind is not None:
            room.start_anew()
        self._reader.remove(room.placement.topic)

    async def run(self) -> None:
        """Adopt whatever waits, for ever."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._waiting:
                batch = list(self._waiting.values())[:_ROOMS_A_ROUND]
                try:
                    left = await self._adopt(batch)
                except RedisError:
                    left = True
                _live.set(sum(1 for room in self._rooms if room.head is not None))
                if left:
                    await asyncio.sleep(_RETRY_S)

    async def _adopt(self, batch: Sequence[OwnedRoom]) -> bool:
        """Adopt rooms; True if some must be tried again."""
        heads = await self._views.heads([room.id for room in batch])
        intake = len(batch) <= _INTAKE_ROOMS_MAX
        known = [(room, heads[room.id]) for room in batch if _is_current(room, heads.get(room.id))]
        self._follow(known, intake=intake)
        older = [room for room in batch if room.id in heads and heads[room.id].epoch < room.placement.epoch]
        self._follow([found for room in older for found in await self._open_epoch(room)], intake=intake)
        missing = [room for room in batch if room.id not in heads]
        if missing:
            self._follow(await self._rebuild(missing), intake=intake)
        return any(room.id in self._waiting for room in batch)

    def _follow(self, found: Sequence[tuple[OwnedRoom, Head]], *, intake: bool) -> None:
        followed: list[OwnedRoom] = []
        for room, head in found:
            # The room may have been taken away, or moved to another epoch, while we looked.
            if self._waiting.get(room.id) is not room:
                continue
            del self._waiting[room.id]
            room.stand_at(head.applied_seq, head.shown_seq)
            offset = room.placement.offset(head.applied_seq + 1)
            self._reader.add(room.placement.topic, max(offset, 0), shard=room.shard, intake=intake)
            followed.append(room)
        self._live(followed)

    async def _open_epoch(self, room: OwnedRoom) -> list[tuple[OwnedRoom, Head]]:
        """Move the view of an older epoch to the room's new one."""
        try:
            if room.placement.copied is not None:
                state = await self._catch_up.enter_copy(room.placement)
            else:
                state = await self._catch_up.project_to(room.placement, room.placement.base)
        except ViewUnavailable as error:
            _log.warning("epoch_not_opened", room=room.id, error=repr(error))
            return []
        return [(room, _head(state))]

    async def _rebuild(self, rooms: Sequence[OwnedRoom]) -> list[tuple[OwnedRoom, Head]]:
        snapshots = await self._load_snapshots(rooms)
        states = await self._catch_up.rebuild_many([room.placement for room in rooms], snapshots)
        _rebuilt.inc(len(states))
        return [(room, _head(states[room.id])) for room in rooms if room.id in states]

    async def _load_snapshots(self, rooms: Sequence[OwnedRoom]) -> dict[RoomId, bytes]:
        """Read the snapshots of the shards where a log is long; a new room's few records are read at once instead."""
        try:
            ends = await self._ranges.end_offsets([room.placement.topic for room in rooms])
        except ReadError:
            ends = {}
        long = {room.shard for room in rooms if ends.get(room.placement.topic, 0) > _LOG_WITHOUT_SNAPSHOT}
        found: dict[RoomId, bytes] = {}
        for shard in long:
            try:
                found |= {RoomId(room): value for room, value in (await self._snapshots.read_shard(shard)).items()}
            except RoomLogError as error:
                _log.warning("snapshots_not_read", shard=shard, error=repr(error))
        return found


def _is_current(room: OwnedRoom, head: Head | None) -> bool:
    """A view of a later epoch is one whose placement is still on its way to us."""
    return head is not None and head.epoch == room.placement.epoch


def _head(state: RoomState) -> Head:
    return Head(state.epoch, state.base, state.applied_seq, state.shown_seq)
