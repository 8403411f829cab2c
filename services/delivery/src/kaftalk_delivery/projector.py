"""The hot loop: what is new in the logs becomes the views in Redis, and then what gateways are sent."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from kaftalk_delivery.lag import ShardLag
from kaftalk_delivery.media_lane import MediaLane
from kaftalk_delivery.owned_rooms import OwnedRoom, OwnedRooms
from kaftalk_delivery.view_writer import ViewWriter
from kaftalk_roomlog.reader import LogBatch, LogTrouble, RoomLogReader
from kaftalk_roomlog.records import LogRecord
from kaftalk_runtime import metrics, traces
from kaftalk_runtime.redis_client import RedisError
from kaftalk_views.projection import Projection, fold
from kaftalk_views.room_views import RoomViews

_LOADS_AT_ONCE = 16

Folded = Sequence[tuple[OwnedRoom, Projection]]

_records = metrics.counter("kaftalk_delivery_records_total", "Records taken from the logs of owned rooms")
_voids = metrics.counter("kaftalk_delivery_voids_total", "Records that nobody sees", "reason")
_push_seconds = metrics.histogram(
    "kaftalk_delivery_append_to_push_seconds", "From Kafka's time of a room's oldest new record to its push"
)


class Outlet(Protocol):
    """Where what was folded goes when it is in the view."""

    def push(self, folded: Folded) -> None:
        """Send what is shown to whoever subscribed."""


class Projector:
    """Polls the reader. A room that cannot be folded on is not followed any more and handed to `recover`."""

    def __init__(  # noqa: PLR0913 - the hot loop goes through all of them
        self,
        rooms: OwnedRooms,
        reader: RoomLogReader,
        views: RoomViews,
        writer: ViewWriter,
        outlet: Outlet,
        *,
        media: MediaLane,
        lag: ShardLag,
        recover: Callable[[OwnedRoom], None],
        troubled: Callable[[OwnedRoom, LogTrouble], None],
    ) -> None:
        self._rooms = rooms
        self._reader = reader
        self._views = views
        self._writer = writer
        self._outlet = outlet
        self._media = media
        self._lag = lag
        self._recover = recover
        self._troubled = troubled

    async def run(self) -> None:
        """Take what is new, for ever."""
        while True:
            news = await self._reader.poll()
            batches = self._sort(news)
            try:
                await self._take(batches)
            except Exception:
                # What was polled will not come again: a room must never be folded on with a hole in it.
                for room in batches:
                    self._recover(room)
                raise

    def _sort(self, news: Sequence[LogBatch | LogTrouble]) -> dict[OwnedRoom, list[LogRecord]]:
        batches: dict[OwnedRoom, list[LogRecord]] = {}
        for item in news:
            room = self._rooms.by_topic(item.topic)
            if room is None:
                self._reader.remove(item.topic)
            elif isinstance(item, LogTrouble):
                self._troubled(room, item)
            else:
                self._lag.note(room, item.high_watermark)
                batches.setdefault(room, []).extend(item.records)
        return batches

    async def _take(self, batches: dict[OwnedRoom, list[LogRecord]]) -> None:
        if not batches:
            return
        await self._load([room for room in batches if room.state is None])
        folded: list[tuple[OwnedRoom, Projection]] = []
        now_s = asyncio.get_running_loop().time()
        for room, records in batches.items():
            if room.state is None:
                self._recover(room)
                continue
            projection = fold(room.state, room.placement, records, shard=room.shard)
            room.touched_s = now_s
            room.since_snapshot += len(records)
            _records.inc(len(records))
            for void in projection.voids:
                _voids.labels(void.reason).inc()
            if projection and not self._media.takes(room, projection, self._finish):
                folded.append((room, projection))
        await self._finish(folded)

    async def _finish(self, folded: Folded) -> None:
        """Write the views, then push."""
        begun_ns = time.time_ns()
        await self._writer.write(folded)
        for room, projection in folded:
            room.stand_at(projection.applied_seq, projection.shown_seq)
        self._outlet.push(folded)
        now_s = time.time()
        for _, projection in folded:
            if projection.events:
                _push_seconds.observe(max(0.0, now_s - projection.events[0].ts / 1000))
        if traces.enabled():
            _trace(folded, begun_ns)

    async def _load(self, rooms: Sequence[OwnedRoom]) -> None:
        """Load the states that were not needed until now; a room whose view went elsewhere meanwhile stays without.

        Those that could be loaded count though others could not: hundreds of large ones never come all at once.
        """
        for start in range(0, len(rooms), _LOADS_AT_ONCE):
            with contextlib.suppress(RedisError):
                await self._load_some(rooms[start : start + _LOADS_AT_ONCE])

    async def _load_some(self, rooms: Sequence[OwnedRoom]) -> None:
        states = await self._views.load_many([room.id for room in rooms])
        for room in rooms:
            state = states.get(room.id)
            # A view that others moved past us shows events that we would not push: start anew at its head.
            if state is not None and room.head is not None and state.applied_seq == room.head.applied_seq:
                room.state = state


def _trace(folded: Folded, begun_ns: int) -> None:
    """Note how long traced records took into the view and to the links to the gateways."""
    for room, projection in folded:
        for shown in projection.events:
            if shown.trace is None:
                continue
            span = traces.begin("project", parent=shown.trace, start_ns=begun_ns, room=room.id, seq=shown.seq)
            if span is not None:
                span.end()
