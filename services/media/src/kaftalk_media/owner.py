"""The owner of shards: follows what the log says of their media, and does what is due, each thing by itself."""

import asyncio
import contextlib
from collections.abc import Callable

from kaftalk_media.agenda import Agenda
from kaftalk_media.entries import Entries, Entry
from kaftalk_media.errors import StoreAway
from kaftalk_media.lifecycle import CLEARED_AFTER_MS, Step, next_step
from kaftalk_media.steps import Steps
from kaftalk_protocol.ids import MediaId
from kaftalk_protocol.topics import Placement
from kaftalk_roomlog.errors import AppendError
from kaftalk_roomlog.ownership import ShardOwnership
from kaftalk_roomlog.shards import shard_of
from kaftalk_roomlog.tail import TailReader
from kaftalk_runtime import metrics
from kaftalk_runtime.clock import Clock
from kaftalk_runtime.logs import get_logger
from kaftalk_runtime.redis_client import RedisError
from kaftalk_views.errors import ViewError

AT_ONCE = 16
A_ROUND = 32
LOOK_S = 0.2
RETRY_FIRST_MS = 500
RETRY_LAST_MS = 30_000

_log = get_logger(__name__)
_owned = metrics.gauge("kaftalk_media_owned_shards", "Shards of this instance, read to their end")
_known = metrics.gauge("kaftalk_media_owned_objects", "Media objects in the shards of this instance")
_failed = metrics.counter("kaftalk_media_steps_failed_total", "Steps that are to be done again", "step")


class Owner:
    """Media of the shards that the group gave us. `ready` is told of a shard when all of it was read.

    No fence: two owners at once do the same, and whatever they write merges.
    """

    def __init__(
        self,
        ownership: ShardOwnership,
        tail: TailReader,
        clock: Clock,
        *,
        shards: int,
        ready: Callable[[int], None],
    ) -> None:
        self._ownership = ownership
        self._tail = tail
        self._clock = clock
        self._count = shards
        self._told_ready = ready
        self._agenda = Agenda()
        self._wake = asyncio.Event()
        self._at_work: set[asyncio.Task[None]] = set()
        self.entries = Entries(self.changed)
        self.wanted: frozenset[int] = frozenset()
        self.ready: frozenset[int] = frozenset()

    def wire(self, steps: Steps) -> None:
        """Say what performs the steps."""
        self._steps = steps

    async def follow_ownership(self) -> None:
        """Take and give up shards as the group says, for ever."""
        async for owned in self._ownership.changes():
            _log.info("shards_changed", owned=len(owned))
            for shard in self.wanted - owned:
                self._tail.remove(shard)
                self.entries.drop_shard(shard)
            self.wanted = owned
            self.ready &= owned
            for shard in owned:
                await self._tail.add(shard)

    async def follow_log(self) -> None:
        """Take in what the log says, for ever."""
        while True:
            for record in await self._tail.poll():
                if record.partition in self.wanted and record.key is not None:
                    self.entries.read(record.partition, record.key.decode(), record.value, record.ts)
            for shard in self.wanted - self.ready:
                if self._tail.has_caught_up(shard):
                    self._take_over(shard)
            _owned.set(len(self.ready))
            _known.set(len(self.entries))

    async def work(self) -> None:
        """Do what is due, for ever."""
        while True:
            self._wake.clear()
            while len(self._at_work) < AT_ONCE and (due := self._agenda.take(self._clock.now_ms(), A_ROUND)):
                for media in due:
                    self._begin(media)
                # A shard that was taken over brings all its media at once.
                await asyncio.sleep(0)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_S):
                    await self._wake.wait()

    async def stop(self) -> None:
        """End what is being done: whoever owns it next does it again."""
        for task in self._at_work:
            task.cancel()
        await asyncio.gather(*self._at_work, return_exceptions=True)

    def changed(self, entry: Entry) -> None:
        """Look at an entry again."""
        self._agenda.put(entry.id, 0)
        self._wake.set()

    def placed(self, placement: Placement) -> None:
        """Look at what is in a room that moved or was deleted."""
        for entry in self.entries.of_room(placement.room):
            self.changed(entry)

    def _take_over(self, shard: int) -> None:
        self.ready |= {shard}
        self._told_ready(shard)
        for entry in self.entries.of_shard(shard):
            # The views of a shard are all written when it is taken over; a room is told of what Redis has already.
            entry.shown = entry.sending is None or entry.sending.told == entry.state
            entry.cleared = entry.created_ms + CLEARED_AFTER_MS < self._clock.now_ms()
            self.changed(entry)

    def _begin(self, media: MediaId) -> None:
        entry = self.entries.get(media)
        if entry is None or entry.busy or shard_of(entry.room, self._count) not in self.ready:
            return
        if self._next(entry) is None:
            return
        entry.busy = True
        task = asyncio.create_task(self._work_on(entry))
        self._at_work.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: "asyncio.Task[None]") -> None:
        self._at_work.discard(task)
        self._wake.set()

    async def _work_on(self, entry: Entry) -> None:
        try:
            while entry.owned and (step := self._next(entry)) is not None:
                if not await self._performed(step, entry):
                    self._again(entry)
                    return
            if entry.owned and entry.ended:
                self.entries.drop(shard_of(entry.room, self._count), entry.id)
        finally:
            entry.busy = False

    def _next(self, entry: Entry) -> Step | None:
        """Give the step that is due, or note when to ask again."""
        if entry.ended:
            return None
        step, at_ms = next_step(entry, self._clock.now_ms(), room_gone=self._steps.room_gone(entry.room))
        if at_ms is not None:
            self._agenda.put(entry.id, at_ms)
        return step

    async def _performed(self, step: Step, entry: Entry) -> bool:
        try:
            await self._steps.perform(step, entry)
        except (AppendError, RedisError, StoreAway, ViewError) as error:
            _log.info("step_failed", step=step, media=entry.id, error=repr(error))
        except Exception as error:  # noqa: BLE001 - the edge of a task loop
            _log.error("step_broken", step=step, media=entry.id, exc_info=error)
        else:
            entry.failures = 0
            return True
        _failed.labels(step).inc()
        return False

    def _again(self, entry: Entry) -> None:
        pause_ms = min(RETRY_FIRST_MS << min(entry.failures, 16), RETRY_LAST_MS)
        entry.failures += 1
        self._agenda.put(entry.id, self._clock.now_ms() + pause_ms)
