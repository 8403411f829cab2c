"""Move a view up to a seq, or make it again, from the room's log: what is done without, or before, the owner."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from kaftalk_protocol.ids import RoomId
from kaftalk_protocol.media import Sending
from kaftalk_protocol.room_state import RoomState
from kaftalk_protocol.topics import Placement
from kaftalk_roomlog.errors import OutOfRange, ReadError
from kaftalk_roomlog.records import LogRecord
from kaftalk_views import snapshots
from kaftalk_views.errors import HistoryUnavailable, ViewUnavailable, ViewUnknown
from kaftalk_views.log_range import CHUNK_RECORDS, LogRange, chunks, end_seq, stretch
from kaftalk_views.projection import Projection, fold, restore
from kaftalk_views.room_views import RoomViews

CONFLICTS_MAX = 20
CONCURRENT = 16


class CatchUp:
    """Folds logs into views by the same compare-and-set as the owner.

    All methods raise RedisAway, and ViewUnavailable where log and view cannot be brought together now.
    """

    def __init__(self, views: RoomViews, log: LogRange) -> None:
        self._views = views
        self._log = log

    async def settle(self, placement: Placement, seq: int, *, patience_s: float = 1.0) -> str | None:
        """Wait for the owner to apply `seq`, else do it; tell why that record is void, None if it is taken."""
        if not await self._views.wait_applied(placement.room, seq, patience_s):
            await self.project_to(placement, seq)
        return await self._views.verdict(placement.room, seq)

    async def project_to(self, placement: Placement, seq: int) -> RoomState:
        """Move a view to `seq` or beyond, together with whoever else does; give the state found or reached."""
        for _ in range(CONFLICTS_MAX):
            state = await self._standing(placement) or await self.rebuild_room(placement, None)
            if state.epoch == placement.epoch and state.applied_seq >= seq:
                return state
            await self._step(placement, state, seq)
        raise ViewUnavailable(placement.room)

    async def enter_copy(self, placement: Placement) -> RoomState:
        """Move a view into an epoch that begins as a copy of the one before, at the same seqs; give its state."""
        for _ in range(CONFLICTS_MAX):
            state = await self._standing(placement)
            if state is None:
                return await self.rebuild_room(placement, None)
            if state.epoch == placement.epoch:
                return state
            if placement.offset(state.applied_seq) < (placement.copied or 0):
                await self._views.rename_epoch(state, placement.epoch)
            else:
                # Somebody moved it on in the old log, which went on otherwise.
                await self._enter_anew(placement, state)
        raise ViewUnavailable(placement.room)

    async def _enter_anew(self, placement: Placement, before: RoomState) -> None:
        first = RoomState(placement.room, placement.epoch, placement.base)
        state, _ = await self._fold_only(placement, first, await end_seq(self._log, placement))
        projection = restore(state, shard=self._shard(placement))
        projection.expected = str(before.applied_seq)
        await self._views.project(projection)

    async def rebuild_room(self, placement: Placement, snapshot: bytes | None) -> RoomState:
        """Make the view of a room that has none, from its snapshot and what follows, else from its first record."""
        return await self._rebuild(placement, snapshot, await end_seq(self._log, placement))

    async def rebuild_many(
        self, placements: Sequence[Placement], snapshots: Mapping[RoomId, bytes]
    ) -> dict[RoomId, RoomState]:
        """Make many views again, some at a time; rooms whose log cannot be read now are missing."""
        try:
            ends = await self._log.end_offsets([placement.topic for placement in placements])
        except ReadError:
            ends = {}
        gate = asyncio.Semaphore(CONCURRENT)

        async def one(placement: Placement) -> RoomState | None:
            async with gate:
                try:
                    if placement.topic not in ends:
                        return await self.rebuild_room(placement, snapshots.get(placement.room))
                    end = placement.seq(ends[placement.topic])
                    return await self._rebuild(placement, snapshots.get(placement.room), end)
                except ViewUnavailable:
                    return None

        states = await asyncio.gather(*map(one, placements))
        return {state.room: state for state in states if state is not None}

    async def _standing(self, placement: Placement) -> RoomState | None:
        try:
            state = await self._views.load(placement.room)
        except ViewUnknown:
            return None
        if state.epoch > placement.epoch:
            raise ViewUnavailable(placement.room)
        return state

    async def _step(self, placement: Placement, state: RoomState, seq: int) -> None:
        """Fold some of what lies between the view and `seq`; a conflict shows when the view is loaded again."""
        expected = state.applied_seq
        if state.epoch < placement.epoch:
            state = RoomState(placement.room, placement.epoch, placement.base)
        first = max(state.applied_seq + 1, placement.base)
        last = min(seq, first + CHUNK_RECORDS - 1)
        records = await self._read(placement, first, last)
        await self._views.project(fold(state, placement, records, shard=self._shard(placement), expected=expected))

    async def _rebuild(self, placement: Placement, snapshot: bytes | None, end: int) -> RoomState:
        first = RoomState(placement.room, placement.epoch, placement.base)
        state = _remembered(placement, snapshot)
        if end - placement.base <= CHUNK_RECORDS or state is None:
            state = first
        if end - max(state.applied_seq + 1, placement.base) <= CHUNK_RECORDS:
            projection = await self._whole(placement, state, end)
        else:
            state, sendings = await self._fold_only(placement, state, end)
            projection = restore(state, shard=self._shard(placement))
            projection.sendings = sendings
        if not projection:
            raise ViewUnknown(placement.room)
        if await self._views.project(projection):
            return projection.state
        return await self._views.load(placement.room)

    async def _whole(self, placement: Placement, state: RoomState, end: int) -> Projection:
        """Fold the rest of the log with all its annotations, upon a snapshot's state or from the first record."""
        shard = self._shard(placement)
        start = None if state.applied_seq < 0 else restore(state, shard=shard)
        records = await self._read(placement, max(state.applied_seq + 1, placement.base), end - 1)
        tail = fold(state, placement, records, shard=shard)
        return tail if start is None else start.then(tail) if tail else start

    async def _fold_only(self, placement: Placement, state: RoomState, end: int) -> tuple[RoomState, list[Sending]]:
        """Fold a long log for its state and what it sends; its annotations are made at the first need."""
        first = max(state.applied_seq + 1, placement.base)
        sendings: list[Sending] = []
        try:
            async for records in chunks(self._log, placement, first, end - 1):
                sendings += fold(state, placement, records, shard=0).sendings
        except OutOfRange as error:
            raise ViewUnknown(placement.room) from error
        return state, sendings

    async def _read(self, placement: Placement, first: int, last: int) -> list[LogRecord]:
        try:
            return await stretch(self._log, placement, first, last)
        except OutOfRange as error:
            raise HistoryUnavailable(placement.room) from error

    def _shard(self, placement: Placement) -> int:
        return self._views.shard(placement.room)


def _remembered(placement: Placement, snapshot: bytes | None) -> RoomState | None:
    if snapshot is None:
        return None
    try:
        state = snapshots.decode(snapshot)
    except ValueError:
        return None
    return state if state.epoch == placement.epoch else None
