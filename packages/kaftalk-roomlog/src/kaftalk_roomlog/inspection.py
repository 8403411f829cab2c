"""What a cluster is like: its brokers' versions and settings, and the state of topics. Changes nothing."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from aiokafka.protocol.admin import ApiVersionRequest, DescribeConfigsRequest
from aiokafka.protocol.metadata import MetadataRequest

from kaftalk_roomlog.cluster import TOPICS_PER_REQUEST, Wire
from kaftalk_roomlog.topics import BROKER_RESOURCE, TOPIC_RESOURCE
from kaftalk_runtime.kafka import Kafka

_FETCH_API = 1
# Kafka 4.0 was the first to drop versions 0-3 of Fetch (KIP-896).
_FETCH_SINCE_4_0 = 4


@dataclass(frozen=True, slots=True)
class BrokerFacts:
    """One broker: whether it is Kafka 4.0 or later, and the settings that were asked for."""

    node: int
    is_4_0: bool
    settings: dict[str, str]


@dataclass(frozen=True, slots=True)
class TopicFacts:
    """One topic: `replicas` is the smallest number of a partition, the other two count partitions."""

    name: str
    partitions: int
    replicas: int
    under_replicated: int
    leaderless: int


class Inspection:
    """Asks a cluster about itself."""

    def __init__(self, kafka: Kafka) -> None:
        self._wire = Wire(kafka)

    async def start(self) -> None:
        """Connect.

        Raises:
            KafkaUnreachable: no broker answered.
        """
        await self._wire.start()

    async def stop(self) -> None:
        """Close the connections."""
        await self._wire.stop()

    async def brokers(self, settings: Collection[str]) -> list[BrokerFacts]:
        """Describe every broker.

        Raises:
            BrokerUnreachable: one did not answer.
        """
        return [
            BrokerFacts(node, await self._is_4_0(node), await self._settings(node, settings))
            for node in sorted(self._wire.nodes)
        ]

    async def topics(self, names: Iterable[str] | None = None) -> dict[str, TopicFacts]:
        """Describe these topics, or all; what does not exist is not in the answer.

        Raises:
            BrokerUnreachable: no broker answered.
        """
        wanted = None if names is None else list(names)
        if wanted is None:
            return await self._topics(None)
        found: dict[str, TopicFacts] = {}
        for first in range(0, len(wanted), TOPICS_PER_REQUEST):
            found |= await self._topics(wanted[first : first + TOPICS_PER_REQUEST])
        return found

    async def topic_settings(self, topic: str, settings: Collection[str]) -> dict[str, str]:
        """Read settings of a topic as they are in force.

        Raises:
            BrokerUnreachable: no broker answered.
        """
        request = DescribeConfigsRequest([(TOPIC_RESOURCE, topic, list(settings))], False)
        return _entries(await self._wire.ask_any(request))

    async def _topics(self, names: list[str] | None) -> dict[str, TopicFacts]:
        answer = await self._wire.ask_any(MetadataRequest(names, allow_auto_topic_creation=False))
        return {name: _facts(name, partitions) for error, name, _, partitions, *_ in answer.topics if not error}

    async def _is_4_0(self, node: int) -> bool:
        answer = await self._wire.ask(node, ApiVersionRequest(), group="any")
        lowest: dict[int, int] = {api: low for api, low, *_ in answer.api_versions}
        return lowest.get(_FETCH_API, 0) >= _FETCH_SINCE_4_0

    async def _settings(self, node: int, names: Collection[str]) -> dict[str, str]:
        request = DescribeConfigsRequest([(BROKER_RESOURCE, str(node), list(names))], False)
        return _entries(await self._wire.ask(node, request, group="any"))


def _facts(name: str, partitions: Sequence[Any]) -> TopicFacts:
    states = [(leader, len(replicas), len(in_sync)) for _, _, leader, replicas, in_sync, *_ in partitions]
    return TopicFacts(
        name,
        partitions=len(states),
        replicas=min((replicas for _, replicas, _ in states), default=0),
        under_replicated=sum(in_sync < replicas for _, replicas, in_sync in states),
        leaderless=sum(leader < 0 for leader, _, _ in states),
    )


def _entries(answer: Any) -> dict[str, str]:
    """Give the values of a DescribeConfigs answer about one resource."""
    return {name: value for *_, entries in answer.resources for name, value, *_ in entries}
