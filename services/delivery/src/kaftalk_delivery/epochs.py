"""A log that cannot be followed on: retention overtook us, or it lost its end and the room moves to a new epoch.

A truncated or restored log would give seqs out a second time. So the room goes on in a new topic, above every seq ever
given out, whose first record holds the whole state. Two owners meet in that topic: its record 0 settles who opened it.
"""

import asyncio
from collections.abc import Callable
from dataclasses import replace

from kaftalk_delivery.owned_rooms import OwnedRoom
from kaftalk_protocol.records import Room, encode, parse
from kaftalk_protocol.room_state import RoomState
from kaftalk_protocol.topics import ROOMS, Placement, next_base, room_topic
from kaftalk_roomlog.errors import RoomLogError
from kaftalk_roomlog.ranges import RoomLogRange
from kaftalk_roomlog.reader import LogTrouble, Trouble
from kaftalk_roomlog.records import LogRecord
from kaftalk_roomlog.snapshots import SNAPSHOT_BYTES_MAX
from kaftalk_roomlog.topics import Topics, TopicSpec
from kaftalk_roomlog.writer import RoomLogWriter
from kaftalk_runtime import metrics
from kaftalk_runtime.logs import get_logger
from kaftalk_runtime.redis_client import RedisError
from kaftalk_runtime.tasks import Tasks
from kaftalk_views import placements
from kaftalk_views.errors import ViewError
from kaftalk_views.room_views import RoomViews

OLD_TOPIC_READ_S = 600.0
_OLD_TOPIC_EVERY_S = 0.5
_RETRY_S = 2.0
# Seqs that gateways may have been given behind what is applied: no writer has more records pending.
_SEQS_IN_FLIGHT = 100_000
_UNCERTAIN_RECORDS = 1_000

_log = get_logger(__name__)
_bumps = metrics.counter("kaftalk_delivery_epochs_total", "Epochs opened because a log lost its end")


class Epochs:
    """Answers the reader's troubles. `again` makes a room live once more."""

    def __init__(
        self,
        views: RoomViews,
        ranges: RoomLogRange,
        topics: Topics,
        writer: RoomLogWriter,
        tasks: Tasks,
        *,
        again: Callable[[OwnedRoom], None],
    ) -> None:
        self._views = views
        self._ranges = ranges
        self._topics = topics
        self._writer = writer
        self._tasks = tasks
        self._again = again
        self._busy: set[str] = set()

    def troubled(self, room: OwnedRoom, trouble: LogTrouble) -> None:
        """Deal with a room whose log cannot be read on, in the background."""
        _log.error("log_trouble", room=room.id, kind=trouble.kind, position=trouble.position,
                   log_start=trouble.log_start, end=trouble.high_watermark)  # fmt: skip
        topic = room.placement.topic
        if topic in self._busy:
            return
        self._busy.add(topic)
        room.head = None
        self._tasks.run(f"trouble {topic}", lambda: self._settle(room, trouble))

    async def _settle(self, room: OwnedRoom, trouble: LogTrouble) -> None:
        lost_end = trouble.kind is Trouble.OUT_OF_RANGE and trouble.position > trouble.high_watermark >= 0
        try:
            if lost_end:
                await self._open(room, trouble.high_watermark)
                return
            await asyncio.sleep(_RETRY_S)
        except (RoomLogError, RedisError, ViewError) as error:
            _log.warning("epoch_not_opened", room=room.id, error=repr(error))
            await asyncio.sleep(_RETRY_S)
        finally:
            self._busy.discard(room.placement.topic)
        self._again(room)

    async def _open(self, room: OwnedRoom, end: int) -> None:
        """Open the next epoch; the placement, read back, makes the room live in it."""
        old = room.placement
        state = room.state or await self._views.load(room.id)
        wanted = replace(old, epoch=old.epoch + 1, base=next_base(state.applied_seq + _SEQS_IN_FLIGHT))
        new = await self._claim(wanted, state)
        await self._writer.append(ROOMS, placements.encode(new), key=room.id.encode(), partition=room.shard)
        _bumps.inc()
        _log.error("epoch_opened", room=room.id, epoch=new.epoch, base=new.base, applied_seq=state.applied_seq)
        self._tasks.run(f"old epoch {old.topic}", lambda: self.forward(old, new, end, state.log_ms))

    async def _claim(self, wanted: Placement, state: RoomState) -> Placement:
        """Write the first record of an epoch, or find that of another owner; give the placement that holds."""
        topic = room_topic(wanted.room, wanted.epoch)
        # The state of a large room is larger than any message.
        await self._topics.ensure_system_topics([TopicSpec(topic, record_bytes_max=SNAPSHOT_BYTES_MAX)])
        if await self._ranges.end_offset(topic) == 0:
            opening = Room(by=state.created_by, kind=state.kind, base=wanted.base, state=state.to_json())
            await self._writer.append(topic, encode(opening))
        first = parse((await self._ranges.read(topic, 0, 1))[0].value)
        base = first.base if isinstance(first, Room) and first.base is not None else wanted.base
        return replace(wanted, base=base)

    async def forward(self, old: Placement, new: Placement, end: int, applied_ms: int) -> None:
        """Append to the new topic what writers that do not know of it still append to the old one, for 10 minutes.

        That is what lies from offset `end` on, and below it what is later than `applied_ms`.
        """
        clock = asyncio.get_running_loop().time
        until = clock() + OLD_TOPIC_READ_S
        position = max((await self._ranges.bounds(old.topic)).start, end - _UNCERTAIN_RECORDS)
        while clock() < until:
            stop = await self._ranges.end_offset(old.topic)
            while position < stop:
                records = await self._ranges.read(old.topic, position, stop)
                for record in records:
                    if _is_new(record, end, applied_ms):
                        await self._writer.append(new.topic, record.value)
                    position = record.offset + 1
            await asyncio.sleep(_OLD_TOPIC_EVERY_S)


def _is_new(record: LogRecord, end: int, applied_ms: int) -> bool:
    """Whether a record was appended after the log lost its end: below the end that was seen only its time tells."""
    return record.offset >= end or record.ts > applied_ms
