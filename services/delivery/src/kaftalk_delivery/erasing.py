"""Takes out of Kafka what was deleted: the room's log is written again without it, into the next epoch.

Every record keeps its seq and its time; a deleted message and its edits keep their identity and lose their content. So
nothing that points at a seq changes: members, read cursors, replies, windows of streams. Clients load a page, as after
every change of the epoch.
"""

from collections.abc import AsyncIterator
from dataclasses import replace

from pydantic import BaseModel

from kaftalk_delivery.epochs import Epochs
from kaftalk_delivery.owned_rooms import OwnedRoom, OwnedRooms
from kaftalk_protocol.ids import RoomId
from kaftalk_protocol.records import AnyRecord, Delete, Edit, Media, Message, parse
from kaftalk_protocol.room_state import RoomState
from kaftalk_protocol.topics import Placement, room_topic
from kaftalk_roomlog.errors import TopicsRefused
from kaftalk_roomlog.ranges import RoomLogRange
from kaftalk_roomlog.records import LogRecord
from kaftalk_roomlog.restoring import LogRestorer
from kaftalk_roomlog.snapshots import SNAPSHOT_BYTES_MAX
from kaftalk_roomlog.writer import RoomLogWriter
from kaftalk_runtime.clock import Clock
from kaftalk_runtime.logs import get_logger
from kaftalk_runtime.tasks import Tasks
from kaftalk_views import placements
from kaftalk_views.annotations import blank

_EPOCHS_TRIED = 5
_NEVER_MS = 1 << 62

_log = get_logger(__name__)


class Erased(BaseModel):
    """What was done to a room: how many records its log has, and how many of them lost their content."""

    room: RoomId
    epoch: int
    records: int
    erased: int


class CannotErase(Exception):
    """The room cannot be written again now; says why."""


class Erasing:
    """Erases rooms that are ours."""

    def __init__(
        self,
        restorer: LogRestorer,
        rooms: OwnedRooms,
        ranges: RoomLogRange,
        writer: RoomLogWriter,
        epochs: Epochs,
        tasks: Tasks,
        clock: Clock,
    ) -> None:
        self._restorer = restorer
        self._rooms = rooms
        self._ranges = ranges
        self._writer = writer
        self._epochs = epochs
        self._tasks = tasks
        self._clock = clock
        self._busy: set[RoomId] = set()

    async def erase(self, id_: RoomId) -> Erased | None:
        """Write a room again without what is deleted by now; None if it is not ours.

        Raises CannotErase, RoomLogError, KafkaUnreachable.
        """
        room = self._rooms.get(id_)
        if room is None:
            return None
        if id_ in self._busy or room.head is None or room.placement.status == "deleted":
            raise CannotErase("the room is being moved, or is deleted")
        self._busy.add(id_)
        try:
            return await self._rewrite(room)
        finally:
            self._busy.discard(id_)

    async def _rewrite(self, room: OwnedRoom) -> Erased:
        old = room.placement
        if (await self._ranges.bounds(old.topic)).start > 0:
            raise CannotErase("the log begins after the room did: what is old leaves it by retention")
        hidden = await self._hidden(old)
        copy = _Copy(self._ranges, old, hidden)
        epoch = await self._write(old, copy)
        new = replace(old, epoch=epoch, copied=copy.position, erased_ms=self._clock.now_ms())
        await placements.publish(self._writer, new)
        self._tasks.run(f"old epoch {old.topic}", lambda: self._epochs.forward(old, new, copy.position, _NEVER_MS))
        _log.warning("room_erased", room=room.id, epoch=epoch, records=copy.position, erased=copy.erased)
        return Erased(room=room.id, epoch=epoch, records=copy.position, erased=copy.erased)

    async def _hidden(self, placement: Placement) -> frozenset[int]:
        """Fold the log, and give the seqs of the messages that are deleted."""
        state = RoomState(placement.room, placement.epoch, placement.base)
        hidden: set[int] = set()
        end = await self._ranges.end_offset(placement.topic)
        async for records in self._ranges.walk_forward(placement.topic, 0, stop=end):
            for stored in records:
                record = parse(stored.value)
                verdict = state.apply(placement.seq(stored.offset), stored.ts, record)
                if verdict.taken and isinstance(record, Delete):
                    hidden.add(record.target)
        return frozenset(hidden)

    async def _write(self, old: Placement, copy: "_Copy") -> int:
        """Write the copy into the next epoch whose topic is free: a try that failed may have left one."""
        for epoch in range(old.epoch + 1, old.epoch + 1 + _EPOCHS_TRIED):
            try:
                topic = room_topic(old.room, epoch)
                await self._restorer.restore(topic, copy.records(), record_bytes_max=SNAPSHOT_BYTES_MAX)
            except TopicsRefused:
                if copy.position:
                    raise
                continue
            return epoch
        raise CannotErase("no free topic was found")


class _Copy:
    """The records of a log, without the content of what is deleted, until the log has no more."""

    def __init__(self, ranges: RoomLogRange, placement: Placement, hidden: frozenset[int]) -> None:
        self._ranges = ranges
        self._placement = placement
        self._hidden = hidden
        self.position = 0
        self.erased = 0

    async def records(self) -> AsyncIterator[tuple[int, bytes]]:
        """Give time and value of each."""
        topic = self._placement.topic
        while self.position < (end := await self._ranges.end_offset(topic)):
            async for records in self._ranges.walk_forward(topic, self.position, stop=end):
                for stored in records:
                    yield stored.ts, self._kept(stored)
                    self.position = stored.offset + 1

    def _kept(self, stored: LogRecord) -> bytes:
        if not self._is_hidden(self._placement.seq(stored.offset), parse(stored.value)):
            return stored.value
        self.erased += 1
        return blank(stored.value)

    def _is_hidden(self, seq: int, record: AnyRecord) -> bool:
        """Whether it is a deleted message, or was laid over one."""
        at = seq if isinstance(record, Message) else record.target if isinstance(record, Edit | Media) else None
        return at in self._hidden
