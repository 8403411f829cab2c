"""Brokers and topics: nothing that was acknowledged may be lost."""

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager

from kaftalk_cli.findings import Finding, good, weak, wrong
from kaftalk_protocol import topics
from kaftalk_roomlog.inspection import BrokerFacts, Inspection, TopicFacts
from kaftalk_runtime.kafka import Kafka

SYSTEM_TOPICS = (
    topics.ACCOUNTS, topics.NAMES, topics.ROOMS, topics.SNAPSHOTS, topics.CURSORS, topics.QUIET_HOURS, topics.MEDIA,
)  # fmt: skip
OF_SHARDS = frozenset({topics.ROOMS, topics.SNAPSHOTS, topics.CURSORS, topics.QUIET_HOURS, topics.MEDIA})
COMPACTED = frozenset(SYSTEM_TOPICS) - {topics.NAMES}
MESSAGE_BYTES = 131_072
TOPICS_A_BROKER = 30_000

_SETTINGS = (
    "auto.create.topics.enable", "unclean.leader.election.enable", "message.max.bytes",
)  # fmt: skip


@asynccontextmanager
async def inspecting(kafka: Kafka) -> AsyncIterator[Inspection]:
    """Connect for some checks. Raises KafkaUnreachable."""
    inspection = Inspection(kafka)
    await inspection.start()
    try:
        yield inspection
    finally:
        await inspection.stop()


async def check_kafka(inspection: Inspection, *, shards: int, replication: int) -> list[Finding]:
    """Look at all brokers and topics. Raises BrokerUnreachable."""
    brokers = await inspection.brokers(_SETTINGS)
    every = await inspection.topics()
    findings = judge_cluster(brokers, every, shards=shards, replication=replication)
    for topic in sorted(COMPACTED & set(every)):
        policy = (await inspection.topic_settings(topic, ["cleanup.policy"])).get("cleanup.policy")
        if policy != "compact":
            fix = f"kafka-configs --alter --topic {topic} --add-config cleanup.policy=compact"
            findings.append(wrong(f"topic {topic}", f"cleanup.policy={policy}", fix))
    return findings


def judge_cluster(
    brokers: Sequence[BrokerFacts], every: dict[str, TopicFacts], *, shards: int, replication: int
) -> list[Finding]:
    """Judge the facts of all brokers and topics."""
    return [
        *(finding for broker in brokers for finding in _broker(broker)),
        *_in_sync(brokers, replication),
        *_system_topics(every, shards, replication),
        *_health(every.values(), len(brokers)),
    ]


def _broker(broker: BrokerFacts) -> Iterable[Finding]:
    subject = f"broker {broker.node}"
    if not broker.is_4_0:
        yield wrong(subject, "Kafka older than 4.0", "upgrade the brokers to Kafka 4.0 or later")
    unsafe = {"auto.create.topics.enable": "false", "unclean.leader.election.enable": "false"}
    for setting, needed in unsafe.items():
        value = broker.settings.get(setting)
        if value != needed:
            yield wrong(subject, f"{setting}={value}", f"set {setting}={needed} on the broker and restart it")
    if int(broker.settings.get("message.max.bytes") or 0) < MESSAGE_BYTES:
        found = f"message.max.bytes={broker.settings.get('message.max.bytes')}"
        yield wrong(subject, found, f"set message.max.bytes={MESSAGE_BYTES} or more")
    yield good(subject, "answers")


def _in_sync(brokers: Sequence[BrokerFacts], replication: int) -> Iterable[Finding]:
    if replication < 3:
        fix = "for production: three brokers, KAFTALK_REPLICATION=3 before the first start"
        yield weak("replication", f"KAFTALK_REPLICATION={replication}: a lost disk loses messages", fix)
    if replication > len(brokers):
        fix = f"start {replication} brokers, or lower KAFTALK_REPLICATION"
        yield wrong("replication", f"KAFTALK_REPLICATION={replication} with {len(brokers)} brokers", fix)


def _system_topics(every: dict[str, TopicFacts], shards: int, replication: int) -> Iterable[Finding]:
    for name in SYSTEM_TOPICS:
        subject, facts = f"topic {name}", every.get(name)
        if facts is None:
            yield wrong(subject, "missing", "start the rooms service: it makes the topics")
        elif name in OF_SHARDS and facts.partitions != shards:
            fix = f"set KAFTALK_SHARDS={facts.partitions} everywhere: it is fixed when the cluster is made"
            yield wrong(subject, f"{facts.partitions} partitions, KAFTALK_SHARDS={shards}", fix)
        elif facts.replicas < replication:
            fix = f"kafka-reassign-partitions: give {name} {replication} replicas"
            yield weak(subject, f"{facts.replicas} replicas, KAFTALK_REPLICATION={replication}", fix)
        else:
            yield good(subject, f"{facts.partitions} partitions, {facts.replicas} replicas")


def _health(every: Iterable[TopicFacts], brokers: int) -> Iterable[Finding]:
    facts = list(every)
    leaderless = sum(topic.leaderless for topic in facts)
    behind = sum(topic.under_replicated for topic in facts)
    if leaderless:
        fix = "start the brokers that hold them; see docs/operations.md, A broker is gone"
        yield wrong("partitions", f"{leaderless} without a leader", fix)
    if behind:
        yield weak("partitions", f"{behind} with replicas that lag", "wait, or start the missing broker")
    rooms = sum(topic.name.startswith("room.") for topic in facts)
    if rooms > TOPICS_A_BROKER * max(brokers, 1):
        yield weak("rooms", f"{rooms} topics on {brokers} brokers", "add brokers, and raise vm.max_map_count")
    yield good("partitions", f"{sum(topic.partitions for topic in facts)} in {len(facts)} topics, {rooms} of rooms")
