"""One stream of produce requests: one request in flight per broker, over a connection of its own.

Several lanes, with rooms hashed over them, so that one slow request holds up a fraction of the rooms.
"""

import asyncio
import logging
import time
from collections import defaultdict
from typing import Any, Protocol

from aiokafka.protocol.produce import ProduceRequest

from kaftalk_roomlog.cluster import Wire
from kaftalk_roomlog.errors import BrokerUnreachable
from kaftalk_roomlog.partition_queue import Fate, PartitionQueue, ProducerId, Resolution, fate
from kaftalk_roomlog.records import Partition

log = logging.getLogger(__name__)

ACKS_ALL = -1
BACKOFF_S = 0.1
PARTITIONS_PER_REQUEST = 100


class Owner(Protocol):
    """Whoever owns the queues: the writer."""

    async def producer_id(self) -> ProducerId:
        """Return the producer id for partitions that have none."""

    def settled(self, queue: PartitionQueue, outcome: Fate, resolved: list[Resolution]) -> None:
        """Take a queue back after an answer."""

    def unanswered(self, queue: PartitionQueue) -> None:
        """Take a queue back whose broker gave no answer."""


class Lane:
    """Sends the batches of the queues it is offered."""

    def __init__(self, number: int, wire: Wire, owner: Owner, *, batch_bytes_max: int, acks_timeout_ms: int) -> None:
        self._group = ("produce", number)
        self._wire = wire
        self._owner = owner
        self._batch_bytes_max = batch_bytes_max
        self._acks_timeout_ms = acks_timeout_ms
        self._ready: defaultdict[int, dict[PartitionQueue, None]] = defaultdict(dict)
        self._in_flight: dict[int, asyncio.Task[None]] = {}

    def offer(self, queue: PartitionQueue, node: int) -> None:
        """Send this queue's next batch to a broker as soon as no request to it is in flight."""
        self._ready[node][queue] = None
        if node not in self._in_flight:
            self._in_flight[node] = asyncio.create_task(self._drain(node))

    async def stop(self) -> None:
        """Abandon the requests in flight."""
        tasks = list(self._in_flight.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _drain(self, node: int) -> None:
        try:
            while self._ready[node]:
                await self._send(node, self._take(node))
        finally:
            del self._in_flight[node]

    def _take(self, node: int) -> list[PartitionQueue]:
        ready = self._ready[node]
        taken = list(ready)[:PARTITIONS_PER_REQUEST]
        for queue in taken:
            del ready[queue]
        return taken

    async def _send(self, node: int, queues: list[PartitionQueue]) -> None:
        waiting = set(queues)
        try:
            request = self._request(queues, await self._owner.producer_id())
            answer = await self._wire.ask(node, request, group=self._group)
            self._settle(answer, waiting)
        except BrokerUnreachable as error:
            log.warning("no answer to a produce request: %s", error)
            await asyncio.sleep(BACKOFF_S)
        except Exception:
            log.exception("produce request failed")
            await asyncio.sleep(BACKOFF_S)
        for queue in waiting:
            queue.lost_contact()
            self._owner.unanswered(queue)

    def _request(self, queues: list[PartitionQueue], producer: ProducerId) -> ProduceRequest:
        now_ms = time.time_ns() // 1_000_000
        topics: defaultdict[str, list[tuple[int, bytes]]] = defaultdict(list)
        for queue in queues:
            payload = queue.seal(producer, now_ms, self._batch_bytes_max)
            topics[queue.partition.topic].append((queue.partition.partition, payload))
        return ProduceRequest(None, ACKS_ALL, self._acks_timeout_ms, list(topics.items()))

    def _settle(self, answer: Any, waiting: set[PartitionQueue]) -> None:
        by_partition = {queue.partition: queue for queue in waiting}
        for topic, partitions in answer.topics:
            for number, error_code, base_offset, ts, *_ in partitions:
                queue = by_partition.get(Partition(topic, number))
                if queue is not None:
                    waiting.discard(queue)
                    outcome = fate(error_code)
                    self._owner.settled(queue, outcome, queue.settle(outcome, base_offset, ts))
