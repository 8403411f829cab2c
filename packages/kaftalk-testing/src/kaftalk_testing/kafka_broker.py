"""One Kafka broker in KRaft mode, its own controller, as `make up` and the tests run it."""

import base64
import shutil
import uuid
from pathlib import Path

from kaftalk_testing.kafka_files import KafkaFiles
from kaftalk_testing.probes import kafka_answers
from kaftalk_testing.process import Program
from kaftalk_testing.tools import repository

# A snapshot of a room is a record of up to 8 MiB in a topic that allows it; every other topic keeps 128 KiB.
_SNAPSHOT_BYTES_MAX = 8 * 1024 * 1024

_SETTINGS = {
    "auto.create.topics.enable": "false",
    "unclean.leader.election.enable": "false",
    "num.partitions": "1",
    "default.replication.factor": "1",
    "message.max.bytes": str(128 * 1024),
    "replica.fetch.max.bytes": str(_SNAPSHOT_BYTES_MAX + 1024 * 1024),
    "log.message.timestamp.type": "LogAppendTime",
    "log.retention.ms": "-1",
    # Two index files a room are preallocated in full: small ones, and segments that fill them.
    "log.segment.bytes": str(16 * 1024 * 1024),
    "log.index.size.max.bytes": str(64 * 1024),
    "log.cleaner.dedupe.buffer.size": str(16 * 1024 * 1024),
    "offsets.topic.num.partitions": "1",
    "offsets.topic.replication.factor": "1",
    "transaction.state.log.num.partitions": "1",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "share.coordinator.state.topic.num.partitions": "1",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "group.initial.rebalance.delay.ms": "0",
    "max.incremental.fetch.session.cache.slots": "10000",
}

# A killed broker is refused as its own duplicate until its registration has ended: 9 s by default.
_BRIEF_SETTINGS = {"broker.session.timeout.ms": "2000", "broker.heartbeat.interval.ms": "500"}


def kafka_broker(
    files: KafkaFiles, folder: Path, port: int, controller_port: int, *, heap_mb: int, brief: bool
) -> Program:
    """Describe a broker whose data lie in `folder`, prepared on first use.

    A `brief` one starts fast, also after it was killed, and runs slower.
    """
    data = folder / "data"
    if not (data / "meta.properties").exists():
        _format(files, data)
    properties = folder / "server.properties"
    settings = _properties(data, port, controller_port) | (_BRIEF_SETTINGS if brief else {})
    properties.write_text("".join(f"{key}={value}\n" for key, value in settings.items()))
    quick = ["-XX:TieredStopAtLevel=1"] if brief else []
    if files.class_archive.exists():
        quick.append(f"-XX:SharedArchiveFile={files.class_archive}")
    return Program(
        name="kafka",
        command=(
            files.java,
            f"-Xmx{heap_mb}m",
            "-XX:+UseSerialGC",
            *quick,
            f"-Dlog4j2.configurationFile={repository() / 'deploy/local/log4j2.xml'}",
            "-cp",
            files.classpath,
            "kafka.Kafka",
            str(properties),
        ),
        ready=kafka_answers(port),
        stop_timeout_s=30.0,
    )


def _properties(data: Path, port: int, controller_port: int) -> dict[str, str]:
    return _SETTINGS | {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.voters": f"1@127.0.0.1:{controller_port}",
        "controller.listener.names": "CONTROLLER",
        "inter.broker.listener.name": "PLAINTEXT",
        "listeners": f"PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}",
        "advertised.listeners": f"PLAINTEXT://127.0.0.1:{port}",
        "log.dirs": str(data),
    }


def _format(files: KafkaFiles, data: Path) -> None:
    """Do what `kafka-storage format` does, without starting a Java for it."""
    data.mkdir(parents=True, exist_ok=True)
    shutil.copy(files.bootstrap_checkpoint, data / "bootstrap.checkpoint")
    meta = {"version": "1", "node.id": "1", "cluster.id": _kafka_uuid(), "directory.id": _kafka_uuid()}
    # Written last: its presence says that the folder is formatted.
    (data / "meta.properties").write_text("".join(f"{key}={value}\n" for key, value in meta.items()))


def _kafka_uuid() -> str:
    """Return a random UUID in Kafka's spelling: URL-safe base64, no padding, no leading dash."""
    text = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
    return _kafka_uuid() if text.startswith("-") else text
