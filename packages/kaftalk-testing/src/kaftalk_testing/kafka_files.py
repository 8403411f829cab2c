"""Kafka's jars from Maven and what is made from them once a machine: kept in the user's cache folder."""

import fcntl
import hashlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from kaftalk_testing.ports import free_port
from kaftalk_testing.tools import JAVA, MAVEN, cache_folder, ensure, repository, require, run


@dataclass(frozen=True, slots=True)
class KafkaFiles:
    """Everything on disk that a broker needs before it has a configuration."""

    java: str
    jars: Path
    bootstrap_checkpoint: Path
    class_archive: Path

    @property
    def classpath(self) -> str:
        """Return the jars in a fixed order, as the class data archive demands."""
        return ":".join(str(jar) for jar in sorted(self.jars.glob("*.jar")))


def kafka_files() -> KafkaFiles:
    """Return the files, fetched and made first if this is the machine's first time (about 15 s).

    Raises MissingTools when Maven or Java is needed and absent, ToolFailed when Maven cannot fetch.
    """
    pom = repository() / "deploy/local/pom.xml"
    home = cache_folder() / f"kafka-{_digest(pom.read_text())}"
    jars = home / "jars"
    with _locked(home):
        if not jars.exists():
            _fetch_jars(pom, jars)
        java_path = require(JAVA)
        made = home / f"java-{_digest(os.path.realpath(java_path))}"
        files = KafkaFiles(java_path, jars, made / "bootstrap.checkpoint", made / "kafka.jsa")
        if not files.bootstrap_checkpoint.exists():
            _make(files, made)
    return files


def _fetch_jars(pom: Path, jars: Path) -> None:
    ensure(MAVEN)
    print("fetching Apache Kafka with Maven (about 55 MB)", flush=True)
    part = jars.with_name("jars.part")
    shutil.rmtree(part, ignore_errors=True)
    goal = "dependency:copy-dependencies"
    options = [f"-DoutputDirectory={part}", "-DincludeScope=runtime"]
    run("mvn", [require(MAVEN), "-q", "-B", "-ntp", "-Dstyle.color=never", "-f", str(pom), goal, *options])
    part.rename(jars)


def _make(files: KafkaFiles, made: Path) -> None:
    """Format a storage folder, then run a broker on it once to archive its classes: it starts in half the time."""
    part = made.with_name(f"{made.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    broker_port, controller_port = free_port(), free_port()
    properties = part / "server.properties"
    properties.write_text(
        "process.roles=broker,controller\nnode.id=1\ncontroller.listener.names=CONTROLLER\n"
        f"controller.quorum.voters=1@127.0.0.1:{controller_port}\nlog.dirs={part}\n"
        f"listeners=PLAINTEXT://127.0.0.1:{broker_port},CONTROLLER://127.0.0.1:{controller_port}\n"
    )
    storage_tool = [files.java, "-cp", files.classpath, "kafka.tools.StorageTool", "format"]
    run("kafka-storage format", [*storage_tool, "-t", "A" * 22, "-c", str(properties)])
    _archive_classes(files, properties, part / files.class_archive.name)
    part.rename(made)


def _archive_classes(files: KafkaFiles, properties: Path, archive: Path) -> None:
    """Write a class data archive (JEP 350); without it, as with a Java that cannot, the broker only starts slower."""
    log4j = f"-Dlog4j2.configurationFile={repository() / 'deploy/local/log4j2.xml'}"
    options = ["-XX:+UseSerialGC", f"-XX:ArchiveClassesAtExit={archive}", log4j, "-cp", files.classpath]
    broker = [files.java, *options, "kafka.Kafka", str(properties)]
    with subprocess.Popen(broker, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        for line in process.stdout or ():
            if "Kafka Server started" in line:
                process.terminate()


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]


@contextmanager
def _locked(home: Path) -> Iterator[None]:
    """Let one process at a time fetch and make: parallel test runs share the cache."""
    home.mkdir(parents=True, exist_ok=True)
    with (home / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
