"""Which shards this process owns: its share of a topic's partitions in a consumer group.

The group is used for nothing else. Nothing is fetched or committed through it, and an owner keeps reading its shards
through a rebalance; who owned a shard before may do so for a moment longer, which is harmless.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable
from typing import Any

from aiokafka import ConsumerRebalanceListener
from aiokafka.errors import KafkaError

from kaftalk_runtime.kafka import Kafka

log = logging.getLogger(__name__)

SESSION_MS = 6_000
POLL_MS = 1_000
RETRY_S = 1.0


class ShardOwnership(ConsumerRebalanceListener):
    """This process's membership in the group that shares out the shards."""

    def __init__(self, kafka: Kafka, topic: str, *, group_id: str, session_timeout_ms: int = SESSION_MS) -> None:
        self._kafka = kafka
        self._topic = topic
        self._group_id = group_id
        self._session_timeout_ms = session_timeout_ms
        self._member: Any = None
        self._task: asyncio.Task[None] | None = None
        self._owned: frozenset[int] = frozenset()
        self._generation = 0
        self._changed = asyncio.Event()

    @property
    def owned(self) -> frozenset[int]:
        """The shards that were assigned last; kept while the group cannot be reached."""
        return self._owned

    @property
    def healthy(self) -> bool:
        """Whether the background tasks run, aiokafka's included, which die with no more than a line in the log."""
        if self._task is None or self._task.done():
            return False
        return not self._member._coordinator._coordination_task.done()

    async def start(self) -> None:
        """Join the group; the topic has to exist.

        Raises:
            KafkaUnreachable: no broker answered.
        """
        self._member = await self._kafka.member(
            self._topic, group_id=self._group_id, session_timeout_ms=self._session_timeout_ms, listener=self
        )
        self._task = asyncio.create_task(self._stay(), name="shard-ownership")

    async def stop(self, timeout_s: float = 5.0) -> None:
        """Leave the group, so that the others take over at once; give up after `timeout_s` if Kafka is away."""
        if self._task is None:
            return
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        leaving = asyncio.create_task(self._member.stop())
        _, late = await asyncio.wait([leaving], timeout=timeout_s)
        for task in late:
            task.cancel()

    async def changes(self) -> AsyncIterator[frozenset[int]]:
        """Yield the owned shards, first as they are and then after each change; skips what was overtaken."""
        seen: frozenset[int] | None = None
        while True:
            self._changed.clear()
            if self._owned != seen:
                seen = self._owned
                yield seen
            else:
                await self._changed.wait()

    def on_partitions_revoked(self, revoked: Iterable[Any]) -> None:
        """Keep everything until the new assignment is known (aiokafka sends no heartbeats while this is awaited)."""

    def on_partitions_assigned(self, assigned: Iterable[Any]) -> None:
        """Note the new assignment."""
        self._owned = frozenset(place.partition for place in assigned)
        self._changed.set()

    async def _stay(self) -> None:
        """Poll for ever: a member that does not is put out of the group."""
        while True:
            try:
                # Paused, nothing is fetched; what comes before that is dropped.
                self._member.pause(*self._member.assignment())
                await self._member.getmany(timeout_ms=POLL_MS)
            except KafkaError as error:
                log.warning("polling the group failed: %s", error)
                await asyncio.sleep(RETRY_S)
