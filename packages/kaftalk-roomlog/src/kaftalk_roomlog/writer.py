"""Appending to room logs: acknowledged by all replicas, in order a topic, bounded, never silently dropped."""

import asyncio
import logging
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial

from aiokafka.protocol.transaction import InitProducerIdRequest

from kaftalk_roomlog import figures
from kaftalk_roomlog.cluster import Leaders, Wire
from kaftalk_roomlog.errors import AppendError, AppendRefused, AppendUnknown, BrokerUnreachable, Reason
from kaftalk_roomlog.lanes import Lane
from kaftalk_roomlog.partition_queue import (
    RECORD_OVERHEAD_BYTES,
    Appended,
    Fate,
    OnResult,
    PartitionQueue,
    Pending,
    ProducerId,
    Resolution,
)
from kaftalk_roomlog.placing import place_forever
from kaftalk_roomlog.records import Partition
from kaftalk_roomlog.shards import shard_of
from kaftalk_runtime import traces
from kaftalk_runtime.kafka import Kafka

log = logging.getLogger(__name__)

BATCH_BYTES_MAX = 64 << 10
RECORD_BYTES_MAX = (128 << 10) - RECORD_OVERHEAD_BYTES
ACKS_TIMEOUT_MS = 5_000
# A new topic's leader may not have made its log yet: that takes some 10 ms.
RETRY_S = 0.03
QUEUES_MAX = 50_000
PRODUCER_ID_TIMEOUT_S = 10.0


@dataclass(slots=True)
class WriterCounts:
    """Counters since the start, for metrics."""

    appended: int = 0
    resent: int = 0
    refused: int = 0
    unknown: int = 0
    unanswered: int = 0
    producer_ids: int = 0


class RoomLogWriter:
    """Appends records. Order is kept per topic, whatever happens to brokers and connections.

    A record stays with the writer until it is resolved: stored, refused, or unknown. What was never sent is refused
    after `unsent_timeout_s`; what was sent is sent again until Kafka answers, and nothing behind it goes before it.
    At `pending_max` records or `pending_bytes_max` bytes new ones are refused.
    """

    def __init__(
        self,
        kafka: Kafka,
        *,
        producers: int = 4,
        pending_max: int = 10_000,
        pending_bytes_max: int = 64 << 20,
        record_bytes_max: int = RECORD_BYTES_MAX,
        unsent_timeout_s: float = 10.0,
    ) -> None:
        self._wire = Wire(kafka)
        self._leaders = Leaders(self._wire)
        self._lanes = [
            Lane(number, self._wire, self, batch_bytes_max=BATCH_BYTES_MAX, acks_timeout_ms=ACKS_TIMEOUT_MS)
            for number in range(producers)
        ]
        self._pending_max = pending_max
        self._pending_bytes_max = pending_bytes_max
        self._record_bytes_max = record_bytes_max
        self._unsent_timeout_s = unsent_timeout_s
        self._queues: dict[Partition, PartitionQueue] = {}
        self._moving: set[PartitionQueue] = set()
        self._unplaced: set[PartitionQueue] = set()
        self._wake_placer = asyncio.Event()
        self._placer: asyncio.Task[None] | None = None
        self._producer: ProducerId | None = None
        self._producer_lock = asyncio.Lock()
        self._idle = asyncio.Event()
        self._idle.set()
        self._accepting = False
        self.pending: int = 0
        self.pending_bytes: int = 0
        self.counts = WriterCounts()
        figures.writers.add(self)

    async def start(self) -> None:
        """Connect to Kafka, ready to append.

        Raises:
            KafkaUnreachable: no broker answered.
        """
        await self._wire.start()
        try:
            await self.producer_id()
        except BrokerUnreachable as error:
            log.warning("started without a producer id: %s", error)
        self._placer = asyncio.create_task(
            place_forever(self._unplaced, self._wake_placer, self._place), name="roomlog-writer"
        )
        self._accepting = True

    async def stop(self, timeout_s: float = 5.0) -> None:
        """Wait for what is pending, at most `timeout_s`; resolve the rest as unknown or refused; close."""
        self._accepting = False
        if self._placer is None:
            return
        try:
            async with asyncio.timeout(timeout_s):
                await self._idle.wait()
        except TimeoutError:
            log.warning("writer stopped with %d records unresolved", self.pending)
        self._placer.cancel()
        await asyncio.gather(self._placer, *(lane.stop() for lane in self._lanes), return_exceptions=True)
        for queue in self._moving:
            self._resolve(queue.abandon())
        await self._wire.stop()

    @property
    def healthy(self) -> bool:
        """Whether all background tasks run; False is for good, so restart the process."""
        return self._placer is not None and not self._placer.done() and self._wire.alive

    async def prepare(self, topics: Iterable[str]) -> None:
        """Learn the leaders of topics, so that their first record need not wait for it.

        Raises:
            BrokerUnreachable: no broker answered.
        """
        await self._leaders.refresh([topic for topic in topics if self._leaders.partitions(topic) is None])

    def submit(
        self, topic: str, value: bytes | None, on_result: OnResult, *, key: bytes | None = None, partition: int = 0
    ) -> None:
        """Append to a partition of a topic; `on_result` is called once, from the event loop.

        Raises:
            AppendRefused: too large, or too much pending; `on_result` is not called.
        """
        self._enqueue(Partition(topic, partition), value, key, on_result)

    async def append(
        self,
        topic: str,
        value: bytes | None,
        *,
        key: bytes | None = None,
        partition: int | None = 0,
        timeout_s: float = 10.0,
    ) -> Appended:
        """Append a record and wait for its place; `partition` None chooses it by the key, as Kafka's clients do.

        Raises:
            AppendUnknown: it may be stored, now or later.
            AppendRefused: it is not stored.
        """
        place = Partition(topic, await self._partition_of(topic, key) if partition is None else partition)
        future: asyncio.Future[Appended | AppendError] = asyncio.get_running_loop().create_future()
        record = self._enqueue(place, value, key, partial(_set_once, future))
        try:
            async with asyncio.timeout(timeout_s):
                result = await future
        except TimeoutError as error:
            raise self._timed_out(place, record) from error
        if isinstance(result, AppendError):
            raise result
        return result

    def _timed_out(self, place: Partition, record: Pending) -> AppendError:
        if not self._queues[place].withdraw(record):
            return AppendUnknown(place.topic, Reason.TIMED_OUT)
        refusal = AppendRefused(place.topic, Reason.UNAVAILABLE)
        self._resolve([Resolution(record, refusal)])
        return refusal

    async def _partition_of(self, topic: str, key: bytes | None) -> int:
        if self._leaders.partitions(topic) is None:
            try:
                await self._leaders.refresh([topic])
            except BrokerUnreachable as error:
                raise AppendRefused(topic, Reason.UNAVAILABLE) from error
        count = self._leaders.partitions(topic)
        if count is None or key is None:
            raise AppendRefused(topic, Reason.UNKNOWN_TOPIC)
        return shard_of(key.decode(), count)

    def _enqueue(self, place: Partition, value: bytes | None, key: bytes | None, on_result: OnResult) -> Pending:
        record = Pending(value, key, on_result, asyncio.get_running_loop().time(), trace=traces.current())
        self._check(place.topic, record)
        queue = self._queues.get(place)
        if queue is None:
            self._drop_idle_queues()
            queue = self._queues[place] = PartitionQueue(place)
        queue.add(record)
        self.pending += 1
        self.pending_bytes += record.size
        self._idle.clear()
        if queue not in self._moving:
            self._moving.add(queue)
            self._route(queue)
        return record

    def _check(self, topic: str, record: Pending) -> None:
        if not self._accepting:
            raise AppendRefused(topic, Reason.STOPPED)
        if record.size > self._record_bytes_max + RECORD_OVERHEAD_BYTES:
            raise AppendRefused(topic, Reason.TOO_LARGE)
        if self.pending >= self._pending_max or self.pending_bytes + record.size > self._pending_bytes_max:
            raise AppendRefused(topic, Reason.BACKLOG)

    def _drop_idle_queues(self) -> None:
        """Forget the queues at rest once there are very many; their partitions go on under a new producer id."""
        if len(self._queues) >= QUEUES_MAX:
            self._queues = {queue.partition: queue for queue in self._moving}
            self._producer = None

    def _route(self, queue: PartitionQueue) -> None:
        node = self._leaders.of(queue.partition)
        if node is None:
            self._unplace(queue)
        else:
            self._lanes[zlib.crc32(queue.partition.topic.encode()) % len(self._lanes)].offer(queue, node)

    def _unplace(self, queue: PartitionQueue) -> None:
        self._unplaced.add(queue)
        self._wake_placer.set()

    async def producer_id(self) -> ProducerId:
        """Return the producer id for partitions that have none.

        Raises:
            BrokerUnreachable: no broker gave one in time.
        """
        async with self._producer_lock:
            try:
                async with asyncio.timeout(PRODUCER_ID_TIMEOUT_S):
                    while self._producer is None:
                        self._producer = await self._new_producer_id()
            except TimeoutError as error:
                raise BrokerUnreachable("no producer id in time") from error
            return self._producer

    async def _new_producer_id(self) -> ProducerId | None:
        answer = await self._wire.ask_any(InitProducerIdRequest(None, 0x7FFFFFFF))  # type: ignore[arg-type]
        if answer.error_code:
            # For a moment after its start a broker has none to give (14, COORDINATOR_LOAD_IN_PROGRESS).
            await asyncio.sleep(RETRY_S)
            return None
        self.counts.producer_ids += 1
        return ProducerId(answer.producer_id, answer.producer_epoch)

    def settled(self, queue: PartitionQueue, outcome: Fate, resolved: list[Resolution]) -> None:
        """Take a queue back after an answer."""
        self._resolve(resolved)
        if outcome is Fate.MOVED:
            self._leaders.forget([queue.partition.topic])
        if queue.needs_producer and outcome is not Fate.STORED:
            self._producer = None
        if queue.empty:
            self._moving.discard(queue)
        elif outcome in (Fate.MOVED, Fate.AGAIN, Fate.UNCERTAIN, Fate.POISONED):
            asyncio.get_running_loop().call_later(RETRY_S, self._unplace, queue)
        else:
            self._route(queue)

    def unanswered(self, queue: PartitionQueue) -> None:
        """Take a queue back whose broker gave no answer."""
        self.counts.unanswered += 1
        self._leaders.forget([queue.partition.topic])
        self._unplace(queue)

    def _resolve(self, resolved: list[Resolution]) -> None:
        """Tell at once: what is appended between a refusal and its news would overtake what is appended again."""
        for record, result in resolved:
            self.pending -= 1
            self.pending_bytes -= record.size
            self._count(result)
            try:
                record.on_result(result)
            except Exception as error:  # noqa: BLE001 - an error in the caller's code must not stop a lane
                log.error("an answer was not taken", exc_info=error)
        if not self.pending:
            self._idle.set()

    def _count(self, result: Appended | AppendError) -> None:
        if isinstance(result, Appended):
            self.counts.appended += 1
            self.counts.resent += result.resent
        elif isinstance(result, AppendUnknown):
            self.counts.unknown += 1
        else:
            self.counts.refused += 1

    async def _place(self) -> None:
        missing = {queue.partition.topic for queue in self._unplaced if self._leaders.of(queue.partition) is None}
        unknown: frozenset[str] = frozenset()
        try:
            unknown = await self._leaders.refresh(missing)
        finally:
            self._expire(unknown)
        for queue in [queue for queue in self._unplaced if self._leaders.of(queue.partition) is not None]:
            self._unplaced.discard(queue)
            self._route(queue)

    def _expire(self, unknown: frozenset[str]) -> None:
        queued_before = asyncio.get_running_loop().time() - self._unsent_timeout_s
        for queue in list(self._unplaced):
            self._resolve(queue.expire(queued_before, topic_unknown=queue.partition.topic in unknown))
            if queue.empty:
                self._unplaced.discard(queue)
                self._moving.discard(queue)


def _set_once(future: "asyncio.Future[Appended | AppendError]", result: Appended | AppendError) -> None:
    if not future.done():
        future.set_result(result)
