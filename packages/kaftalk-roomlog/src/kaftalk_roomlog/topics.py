"""Creating and deleting topics, and refusing brokers that would lose messages."""

import asyncio
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from aiokafka.errors import for_code
from aiokafka.protocol.admin import (
    AlterConfigsRequest,
    CreateTopicsRequest,
    DeleteTopicsRequest,
    DescribeConfigsRequest,
)

from kaftalk_roomlog.cluster import Leaders, Wire
from kaftalk_roomlog.errors import BrokerUnreachable, TopicsRefused, UnknownTopic, UnsafeBroker
from kaftalk_roomlog.records import Partition
from kaftalk_runtime.kafka import Kafka

TOPICS_PER_REQUEST = 250
ROOM_RECORD_BYTES_MAX = 128 << 10
INDEX_BYTES = 64 << 10
COMPACTED_SEGMENT_BYTES = 16 << 20
VISIBLE_POLL_S = 0.02
TOPIC_RESOURCE = 2
BROKER_RESOURCE = 4

TOPIC_ALREADY_EXISTS = 36
UNKNOWN_TOPIC = 3
PASSING_ERRORS = frozenset({5, 7, 41, 89})  # no leader, timed out, not the controller, throttled

SAFE_SETTINGS = {"auto.create.topics.enable": "false", "unclean.leader.election.enable": "false"}


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """A topic to be created; `retention_ms` -1 keeps records for ever and has no meaning if `compacted`.

    `times_given`: records keep the times that they are written with, which only restoring a log may choose.
    """

    name: str
    partitions: int = 1
    compacted: bool = False
    retention_ms: int = -1
    record_bytes_max: int = ROOM_RECORD_BYTES_MAX
    times_given: bool = False

    def settings(self, replication: int) -> dict[str, str]:
        """Return the topic's configuration; what a broker's defaults might say otherwise is said here."""
        settings = {
            "message.timestamp.type": "CreateTime" if self.times_given else "LogAppendTime",
            "max.message.bytes": str(self.record_bytes_max),
            # Every log keeps two index files mapped; Kafka's default of 10 MiB each is for few large logs.
            "segment.index.bytes": str(INDEX_BYTES),
            "min.insync.replicas": "2" if replication >= 3 else "1",
        }
        if self.compacted:
            # The segment that is written to is never compacted, so it has to be small.
            return settings | {"cleanup.policy": "compact", "segment.bytes": str(COMPACTED_SEGMENT_BYTES)}
        return settings | {"cleanup.policy": "delete", "retention.ms": str(self.retention_ms)}


class Topics:
    """The cluster's topics."""

    def __init__(self, kafka: Kafka, *, replication: int = 1, room_retention_ms: int = -1) -> None:
        self._wire = Wire(kafka)
        self._leaders = Leaders(self._wire)
        self._replication = replication
        self._room_retention_ms = room_retention_ms

    async def start(self) -> None:
        """Connect.

        Raises:
            KafkaUnreachable: no broker answered.
        """
        await self._wire.start()

    async def stop(self) -> None:
        """Close the connections."""
        await self._wire.stop()

    async def check_brokers(self) -> None:
        """Refuse a cluster whose settings would lose messages.

        Raises:
            UnsafeBroker: names the setting.
            BrokerUnreachable: a broker did not answer.
        """
        for node in self._wire.nodes:
            request = DescribeConfigsRequest([(BROKER_RESOURCE, str(node), list(SAFE_SETTINGS))], False)
            answer = await self._wire.ask(node, request, group="any")
            for _, _, _, _, entries in answer.resources:
                for name, value, *_ in entries:
                    if value != SAFE_SETTINGS.get(name, value):
                        raise UnsafeBroker(name, value, SAFE_SETTINGS[name])

    async def create_room_topics(self, names: Iterable[str]) -> frozenset[str]:
        """Create topics of one partition; return those that did not exist before.

        Raises:
            TopicsRefused, BrokerUnreachable
        """
        return await self._create([TopicSpec(name, retention_ms=self._room_retention_ms) for name in names])

    async def ensure_system_topics(self, specs: Iterable[TopicSpec], *, visible_timeout_s: float = 30.0) -> None:
        """Create what is missing of these topics and wait until all can be used.

        Raises:
            TopicsRefused, BrokerUnreachable, UnknownTopic
        """
        wanted = list(specs)
        await self._create(wanted)
        for spec in wanted:
            await self.await_visible(spec.name, timeout_s=visible_timeout_s)

    async def begin_restoring(self, name: str, *, record_bytes_max: int = ROOM_RECORD_BYTES_MAX) -> bool:
        """Create one room's topic whose records keep the times that they are written with; tells whether it is new.

        Raises:
            TopicsRefused, BrokerUnreachable
        """
        return bool(await self._create([self._restored(name, record_bytes_max, times_given=True)]))

    async def end_restoring(self, name: str, *, record_bytes_max: int = ROOM_RECORD_BYTES_MAX) -> None:
        """Let the broker give the times from now on, as in every other room's topic.

        Raises:
            TopicsRefused, BrokerUnreachable
        """
        settings = self._restored(name, record_bytes_max, times_given=False).settings(self._replication)
        request = AlterConfigsRequest([(TOPIC_RESOURCE, name, list(settings.items()))], False)
        answer = await self._wire.ask_any(request)
        _raise_unless({topic: code for code, _, _, topic in answer.resources}, 0)

    def _restored(self, name: str, record_bytes_max: int, *, times_given: bool) -> TopicSpec:
        return TopicSpec(
            name, retention_ms=self._room_retention_ms, record_bytes_max=record_bytes_max, times_given=times_given
        )

    async def delete_topics(self, names: Collection[str]) -> None:
        """Delete topics; what does not exist is fine.

        Raises:
            TopicsRefused, BrokerUnreachable
        """
        remaining = list(names)
        for first in range(0, len(remaining), TOPICS_PER_REQUEST):
            request = DeleteTopicsRequest(remaining[first : first + TOPICS_PER_REQUEST], 10_000)
            answer = await self._wire.ask_any(request)
            _raise_unless(dict(answer.topic_error_codes), UNKNOWN_TOPIC)
        self._leaders.forget(remaining)

    async def await_visible(self, topic: str, *, timeout_s: float = 10.0) -> None:
        """Wait until every partition of a new topic has a leader: behind many others that takes seconds.

        Raises:
            UnknownTopic: it did not come in time.
        """
        try:
            async with asyncio.timeout(timeout_s):
                while True:
                    if await self._usable(topic):
                        return
                    await asyncio.sleep(VISIBLE_POLL_S)
        except TimeoutError as error:
            raise UnknownTopic(topic) from error

    async def _usable(self, topic: str) -> bool:
        try:
            await self._leaders.refresh([topic])
        except BrokerUnreachable:
            return False
        partitions = self._leaders.partitions(topic) or 0
        return partitions > 0 and all(self._leaders.of(Partition(topic, n)) is not None for n in range(partitions))

    async def _create(self, specs: list[TopicSpec]) -> frozenset[str]:
        created: set[str] = set()
        for first in range(0, len(specs), TOPICS_PER_REQUEST):
            wanted = [self._wanted(spec) for spec in specs[first : first + TOPICS_PER_REQUEST]]
            answer = await self._wire.ask_any(CreateTopicsRequest(wanted, 10_000, False))  # type: ignore[arg-type]
            errors = {topic: code for topic, code, *_ in answer.topic_errors}
            _raise_unless(errors, TOPIC_ALREADY_EXISTS)
            created |= {topic for topic, code in errors.items() if not code}
        return frozenset(created)

    def _wanted(self, spec: TopicSpec) -> tuple[object, ...]:
        settings = list(spec.settings(self._replication).items())
        return (spec.name, spec.partitions, self._replication, [], settings)


def _raise_unless(errors: dict[str, int], harmless: int) -> None:
    bad = {topic: code for topic, code in errors.items() if code not in (0, harmless)}
    if bad and PASSING_ERRORS.issuperset(bad.values()):
        raise BrokerUnreachable(f"topics not changed: {bad}")
    if bad:
        raise TopicsRefused({topic: for_code(code).__name__ for topic, code in bad.items()})
