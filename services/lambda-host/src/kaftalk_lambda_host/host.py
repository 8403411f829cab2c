"""Lambda's side of S3 notifications, on Kafka: events in, one invocation each, retries, dead letters.

The S3 server writes its events to a topic. Each is handed to the function at least once: an offset is committed
when its event, and every one before it, has been worked off or has become a dead letter.
"""

import asyncio
import contextlib
import json
import time
from collections import deque
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote_plus

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

from kaftalk_lambda_host.environment import Environment, FunctionFailed, LambdaFunction
from kaftalk_runtime import metrics
from kaftalk_runtime.kafka import Kafka
from kaftalk_runtime.logs import get_logger

OPEN_MAX = 256
"""Events that are worked off or wait for their next try; further ones stay in Kafka."""

_POLL_MS = 500
_PAUSE_S = 1.0
_TEST_EVENT = "s3:TestEvent"
_SECONDS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)

_log = get_logger(__name__)
_invocations = metrics.counter("kaftalk_lambda_invocations_total", "Invocations by their end", "end")
_duration = metrics.histogram(
    "kaftalk_lambda_invocation_seconds", "How long invocations took that did not fail", buckets=_SECONDS
)
_dead_letters = metrics.counter("kaftalk_lambda_dead_letters_total", "Events that failed for good")


@dataclass(frozen=True, slots=True)
class Notification:
    """Which events of a bucket invoke the function, and what becomes of those that fail: the configuration at AWS.

    Asynchronous invocations are tried three times there, with pauses of one and two minutes. Here the pauses outlast
    an S3 server or a media service that is started again.
    """

    topic: str
    dead_letters: str
    prefix: str
    retry_delays_s: Sequence[float] = (1.0, 5.0, 20.0)

    def matches(self, event: dict[str, Any]) -> bool:
        """Tell whether the event is of an object created under the prefix, or S3's test event."""
        if event.get("Event") == _TEST_EVENT:
            return True
        for record in event.get("Records") or ():
            key = unquote_plus(record.get("s3", {}).get("object", {}).get("key", ""))
            created = str(record.get("eventName", "")).removeprefix("s3:").startswith("ObjectCreated:")
            if created and key.startswith(self.prefix):
                return True
        return False


class LambdaHost:
    """Works off a topic of S3 events with a fixed number of execution environments."""

    def __init__(
        self, kafka: Kafka, notification: Notification, function: LambdaFunction, folder: Path, *, environments: int
    ) -> None:
        self._kafka = kafka
        self._notification = notification
        self._group_id = f"lambda-{function.name}"
        self.environments = [Environment(function, folder / f"environment-{n + 1}") for n in range(environments)]
        self._idle: asyncio.Queue[Environment] = asyncio.Queue()
        self._open: dict[TopicPartition, deque[tuple[int, asyncio.Task[None]]]] = {}
        self._producer: Any = None
        self._consumer: Any = None
        self.ready = False
        self.invocations = 0
        self.dead_letters = 0

    async def run(self) -> None:
        """Work until cancelled; may be run again after it raised.

        Raises what becomes of an event that can neither be worked off nor set aside, and KafkaError at the start.
        """
        self._idle, self._open = asyncio.Queue(), {}
        async with AsyncExitStack() as stack:
            for environment in self.environments:
                self._idle.put_nowait(await stack.enter_async_context(environment))
            self._producer = await _started(stack, self._new_producer())
            self._consumer = await _started(stack, self._new_consumer())
            self.ready = True
            try:
                while True:
                    await self._turn()
            finally:
                self.ready = False
                await self._stop_working()

    def _new_producer(self) -> Any:
        settings = self._kafka.settings()
        return AIOKafkaProducer(**settings, acks="all", enable_idempotence=True)  # type: ignore[no-untyped-call]

    def _new_consumer(self) -> Any:
        return AIOKafkaConsumer(  # type: ignore[no-untyped-call]
            self._notification.topic,
            **self._kafka.settings(),
            group_id=self._group_id,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
        )

    async def _turn(self) -> None:
        """Take up to as many events as there are idle environments, and commit what is done."""
        self._idle.put_nowait(await self._idle.get())
        events_max = min(self._idle.qsize(), OPEN_MAX - sum(map(len, self._open.values())))
        try:
            if events_max > 0:
                taken = await self._consumer.getmany(timeout_ms=_POLL_MS, max_records=events_max)
                for partition, records in taken.items():
                    for record in records:
                        task = asyncio.create_task(self._work_off(record, await self._idle.get()))
                        self._open.setdefault(partition, deque()).append((record.offset, task))
            else:
                await asyncio.sleep(_PAUSE_S)
            await self._commit()
        except KafkaError as error:
            _log.warning("kafka_error", error=repr(error))
            await asyncio.sleep(_PAUSE_S)

    async def _commit(self) -> None:
        """Commit, for each partition, behind the last event before which all are done; raise what a task raised."""
        done: dict[TopicPartition, int] = {}
        for partition, tasks in self._open.items():
            while tasks and tasks[0][1].done() and not tasks[0][1].cancelled():
                offset, task = tasks.popleft()
                task.result()
                done[partition] = offset + 1
        assigned = self._consumer.assignment()
        owned = {partition: offset for partition, offset in done.items() if partition in assigned}
        if owned:
            await self._consumer.commit(owned)

    async def _work_off(self, record: "ConsumerRecord[bytes, bytes]", environment: Environment) -> None:
        """Try as often as the notification says, others meanwhile; the last failure makes a dead letter."""
        event = _parsed(record.value)
        if event is None or not self._notification.matches(event):
            self._idle.put_nowait(environment)
            return
        for delay_s in (*self._notification.retry_delays_s, None):
            failure = await self._invoke(event, environment)
            if failure is None:
                return
            if delay_s is None:
                await self._set_aside(event, failure)
            else:
                await asyncio.sleep(delay_s)
                environment = await self._idle.get()

    async def _invoke(self, event: dict[str, Any], environment: Environment) -> FunctionFailed | None:
        """Try once, give the environment back, and return what went wrong."""
        begun, cold = time.monotonic(), environment.pid is None
        self.invocations += 1
        try:
            result = await environment.invoke(json.dumps(event).encode())
        except FunctionFailed as error:
            _invocations.labels("failed").inc()
            _log.warning("invocation_failed", kind=error.kind, error=error.message)
            return error
        finally:
            self._idle.put_nowait(environment)
        took_s = time.monotonic() - begun
        _invocations.labels("done").inc()
        _duration.observe(took_s)
        _log.info("invoked", took_ms=round(1000 * took_s), cold=cold, result=json.loads(result))
        return None

    async def _set_aside(self, event: dict[str, Any], error: FunctionFailed) -> None:
        """Write a dead letter in the shape of Lambda's on-failure destination."""
        attempts = len(self._notification.retry_delays_s) + 1
        letter = {
            "version": "1.0",
            "requestContext": {"condition": "RetriesExhausted", "approximateInvokeCount": attempts},
            "requestPayload": event,
            "responsePayload": {"errorType": error.kind, "errorMessage": error.message},
        }
        while True:
            try:
                await self._producer.send_and_wait(self._notification.dead_letters, json.dumps(letter).encode())
                break
            except KafkaError as trouble:
                _log.warning("kafka_error", error=repr(trouble))
                await asyncio.sleep(_PAUSE_S)
        self.dead_letters += 1
        _dead_letters.inc()
        _log.error("dead_letter", kind=error.kind, error=error.message)

    async def _stop_working(self) -> None:
        """Drop what is under way, which will be taken up again, and commit what is done."""
        tasks = [task for queue in self._open.values() for _, task in queue]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        with contextlib.suppress(KafkaError):
            await self._commit()


async def _started(stack: AsyncExitStack, client: Any) -> Any:
    """Start a Kafka client that is stopped with the stack, also if it did not start."""
    stack.push_async_callback(client.stop)
    await client.start()
    return client


def _parsed(value: bytes | None) -> dict[str, Any] | None:
    """Read an event; what is not a JSON object is of nobody's bucket."""
    try:
        event = json.loads(value or b"")
    except ValueError:
        return None
    return event if isinstance(event, dict) else None
