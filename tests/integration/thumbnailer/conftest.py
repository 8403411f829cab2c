"""A real S3 server that writes its events to Kafka, and the function in AWS's runtime client behind them."""

import asyncio
import contextlib
import json
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from kaftalk_lambda_host.environment import LambdaFunction
from kaftalk_lambda_host.host import LambdaHost, Notification
from kaftalk_roomlog.topics import Topics, TopicSpec
from kaftalk_runtime.kafka import Kafka
from kaftalk_testing.media_listener import MediaListener, running_listener
from kaftalk_testing.ports import free_port
from kaftalk_testing.process import start
from kaftalk_testing.s3_bucket import Bucket
from kaftalk_testing.versitygw import REGION, S3Credentials, versitygw
from kaftalk_thumbnailer.store import ObjectStore, connect

CREDENTIALS = S3Credentials("kaftalk", "a-secret-of-the-tests")
KEY = "an-internal-key-of-more-than-32-characters"
EVENTS = f"s3-events-{uuid.uuid4().hex}"

Host = Callable[..., AbstractAsyncContextManager[LambdaHost]]
NewTopic = Callable[[], Awaitable[str]]


@dataclass
class Stage:
    """The parts that an upload meets."""

    bucket: Bucket
    media: MediaListener
    events: "Events"


class Events:
    """A topic of S3 events, written and read by hand."""

    def __init__(self, bootstrap: str, topic: str) -> None:
        self._bootstrap = bootstrap
        self.topic = topic
        self.dead_letters = f"{topic}.dead"

    async def write(self, *events: Any) -> None:
        """Append events; bytes go as they are."""
        producer: Any = AIOKafkaProducer(bootstrap_servers=self._bootstrap)  # type: ignore[no-untyped-call]
        await producer.start()
        try:
            for event in events:
                await producer.send_and_wait(
                    self.topic, event if isinstance(event, bytes) else json.dumps(event).encode()
                )
        finally:
            await producer.stop()

    async def read(self, count: int, topic: str | None = None) -> list[Any]:
        """Return the first `count` events as soon as there are so many."""
        found: list[Any] = []
        consumer: Any = AIOKafkaConsumer(  # type: ignore[no-untyped-call]
            topic or self.topic, bootstrap_servers=self._bootstrap, auto_offset_reset="earliest"
        )
        await consumer.start()
        try:
            while len(found) < count:
                found.append(json.loads((await consumer.getone()).value))
        finally:
            await consumer.stop()
        return found


@pytest.fixture
def events_of(kafka_bootstrap: str) -> Callable[[str], Events]:
    """Return a function that gives the events of a topic."""
    return lambda topic: Events(kafka_bootstrap, topic)


@pytest_asyncio.fixture(scope="session")
async def new_topic(kafka_bootstrap: str) -> AsyncIterator[NewTopic]:
    """Create topics of events, each with one for its dead letters beside it."""
    topics = Topics(Kafka(kafka_bootstrap))
    await topics.start()

    async def made(name: str = "") -> str:
        name = name or f"events-{uuid.uuid4().hex}"
        await topics.ensure_system_topics([TopicSpec(name), TopicSpec(f"{name}.dead")])
        return name

    yield made
    await topics.stop()


@pytest_asyncio.fixture(scope="session")
async def s3(kafka_bootstrap: str, new_topic: Any, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """Run VersityGW; return its address."""
    await new_topic(EVENTS)
    folder, port = tmp_path_factory.mktemp("s3"), free_port()
    program = await asyncio.to_thread(
        versitygw, folder, port, CREDENTIALS, kafka_bootstrap=kafka_bootstrap, topic=EVENTS
    )
    child = await start(program, folder / "versitygw.log", tied=True)
    yield f"http://127.0.0.1:{port}"
    await child.stop()


@pytest_asyncio.fixture
async def stage(s3: str, kafka_bootstrap: str) -> AsyncIterator[Stage]:
    """Return a bucket of the test's own, and a media service that takes results."""
    bucket = Bucket(s3, CREDENTIALS, f"media-{uuid.uuid4().hex[:12]}")
    await bucket.create()
    async with running_listener(KEY) as media:
        yield Stage(bucket, media, Events(kafka_bootstrap, EVENTS))


@pytest.fixture
def store(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> ObjectStore:
    """Return the test's bucket as the function uses it."""
    for name, value in CREDENTIALS.environment.items():
        monkeypatch.setenv(name, value)
    return connect(stage.bucket.name, stage.bucket.endpoint, REGION)


@pytest.fixture
def thumbnailer(stage: Stage) -> LambdaFunction:
    """Return the function as it is configured for the test's bucket."""
    environment = {
        "KAFTALK_S3_BUCKET": stage.bucket.name,
        "KAFTALK_S3_ENDPOINT": stage.bucket.endpoint,
        "KAFTALK_S3_REGION": REGION,
        "KAFTALK_MEDIA_URL": stage.media.url,
        "KAFTALK_INTERNAL_KEYS": KEY,
    }
    return LambdaFunction("kaftalk_thumbnailer.handler.handler", environment | CREDENTIALS.environment)


@pytest.fixture
def run_host(kafka_bootstrap: str, tmp_path: Path) -> Host:
    """Return a function that runs a host while a block runs."""

    @asynccontextmanager
    async def running(
        function: LambdaFunction, topic: str = EVENTS, *, retry_delays_s: Sequence[float] = (0.1, 0.1)
    ) -> AsyncIterator[LambdaHost]:
        notification = Notification(topic, f"{topic}.dead", "incoming/", retry_delays_s=retry_delays_s)
        host = LambdaHost(Kafka(kafka_bootstrap), notification, function, tmp_path, environments=1)
        task = asyncio.create_task(host.run())
        try:
            yield host
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    return running


@pytest.fixture
def write_function(tmp_path: Path) -> Callable[[str], LambdaFunction]:
    """Return a function that makes a Lambda function out of source code with a `handler`."""

    def written(code: str, environment: Mapping[str, str] | None = None, **settings: Any) -> LambdaFunction:
        name = f"function_{uuid.uuid4().hex}"
        (tmp_path / f"{name}.py").write_text(code)
        own = {"PYTHONPATH": str(tmp_path), "OUT": str(tmp_path / "out")}
        return LambdaFunction(f"{name}.handler", own | dict(environment or {}), **settings)

    return written
