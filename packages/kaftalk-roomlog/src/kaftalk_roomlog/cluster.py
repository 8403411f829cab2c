"""Requests to brokers, and which broker leads which partition.

This is the typed seam to aiokafka's client, whose internals have no types.
"""

import asyncio
import logging
import time
from collections.abc import Collection, Hashable, Iterable
from typing import Any

from aiokafka.errors import KafkaError
from aiokafka.protocol.metadata import MetadataRequest

from kaftalk_roomlog import figures
from kaftalk_roomlog.errors import BrokerUnreachable
from kaftalk_roomlog.records import Partition
from kaftalk_runtime.kafka import Kafka

log = logging.getLogger(__name__)

REBOOTSTRAP_AFTER_S = 5.0
TOPICS_PER_REQUEST = 200


class Wire:
    """One Kafka client: sends requests, each group over a connection of its own."""

    def __init__(self, kafka: Kafka) -> None:
        self._kafka = kafka
        self._client: Any = None
        self._lost_since: float | None = None

    async def start(self) -> None:
        """Connect, once: a start of which another step failed is tried again.

        Raises:
            KafkaUnreachable: no broker answered.
        """
        if self._client is None:
            self._client = await self._kafka.client()

    async def stop(self, timeout_s: float = 5.0) -> None:
        """Close all connections."""
        if self._client is not None:
            await asyncio.wait([asyncio.ensure_future(self._client.close())], timeout=timeout_s)

    @property
    def alive(self) -> bool:
        """Whether the client's background task, which follows the brokers, still runs."""
        task = self._client and self._client._sync_task
        return task is not None and not task.done()

    @property
    def nodes(self) -> list[int]:
        """The ids of all known brokers."""
        return [broker.nodeId for broker in self._client.cluster.brokers()]

    async def ask(self, node: int, request: Any, *, group: Hashable) -> Any:
        """Send a request to a broker and return its answer.

        Raises:
            BrokerUnreachable: no connection, or no answer in time; the request may have been carried out.
        """
        try:
            # A connection that dies in between leaves a KeyError in aiokafka's table of connections.
            answer = await self._client.send(node, request, group=group)
        except (KafkaError, OSError, KeyError) as error:
            figures.unanswered.labels(str(group[0] if isinstance(group, tuple) else group)).inc()
            raise BrokerUnreachable(f"node {node}: {error!r}") from error
        self._lost_since = None
        return answer

    async def ask_any(self, request: Any) -> Any:
        """Send a request to any broker.

        Raises:
            BrokerUnreachable: no broker answered.
        """
        node = self._client.get_random_node()
        if node is None:
            raise BrokerUnreachable("no brokers known")
        try:
            return await self.ask(node, request, group="any")
        except BrokerUnreachable:
            await self._find_brokers_again()
            raise

    async def _find_brokers_again(self) -> None:
        """Start over from the bootstrap addresses: all known brokers may have been replaced (aiokafka#456)."""
        now = time.monotonic()
        if self._lost_since is None:
            self._lost_since = now
        if now - self._lost_since < REBOOTSTRAP_AFTER_S:
            return
        self._lost_since = now
        try:
            await self._client.bootstrap()
        except KafkaError as error:
            log.warning("no broker at the bootstrap addresses: %s", error)


class Leaders:
    """Which broker leads which partition, of the topics that were asked for.

    Only what is asked for is fetched: aiokafka's own metadata asks for every topic it ever saw at each new one, and
    allows the broker to create them.
    """

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._topics: dict[str, tuple[int, ...]] = {}

    def of(self, partition: Partition) -> int | None:
        """Return the node that leads a partition, None if unknown or without a leader."""
        nodes = self._topics.get(partition.topic, ())
        node = nodes[partition.partition] if partition.partition < len(nodes) else -1
        return node if node >= 0 else None

    def partitions(self, topic: str) -> int | None:
        """Return a topic's number of partitions, None if unknown."""
        nodes = self._topics.get(topic)
        return None if nodes is None else len(nodes)

    def forget(self, topics: Iterable[str]) -> None:
        """Ask again next time: a leader has moved or a topic is gone."""
        for topic in topics:
            self._topics.pop(topic, None)

    async def refresh(self, topics: Collection[str]) -> frozenset[str]:
        """Fetch these topics' leaders; return the topics that do not exist.

        Raises:
            BrokerUnreachable: no broker answered.
        """
        unknown: set[str] = set()
        names = list(topics)
        for first in range(0, len(names), TOPICS_PER_REQUEST):
            unknown |= await self._refresh(names[first : first + TOPICS_PER_REQUEST])
        return frozenset(unknown)

    async def _refresh(self, names: list[str]) -> set[str]:
        answer = await self._wire.ask_any(MetadataRequest(names, allow_auto_topic_creation=False))
        unknown = set()
        for error, topic, _, partitions in answer.topics:
            if error:
                unknown.add(topic)
                self._topics.pop(topic, None)
            else:
                nodes = {number: leader for _, number, leader, *_ in partitions}
                self._topics[topic] = tuple(nodes.get(number, -1) for number in range(max(nodes) + 1))
        return unknown
