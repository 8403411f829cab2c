"""Lambda's side of S3 notifications, on Kafka: events in, one invocation each, retries, dead letters.

The S3 server writes its events to a topic. Each is handed to the function at least once: an offset is committed
when its event, and every one before it, has been worked off or has become a dead letter.
"""

import argparse
import asyncio
import contextlib
import json
import os
import signal
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

from kaftalk_runtime.logs import configure, get_logger
from kaftalk_testing.lambda_host_http import Request, Response, serve
from kaftalk_testing.lambda_host_runtime import Environment, FunctionFailed, LambdaFunction

_POLL_MS = 500
_PAUSE_S = 1.0
_TEST_EVENT = "s3:TestEvent"

_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Notification:
    """Which events of a bucket invoke the function, and what becomes of those that fail: the configuration at AWS.

    Asynchronous invocations are tried three times there, after one and two minutes.
    """

    topic: str
    dead_letters: str
    prefix: str
    retry_delays_s: Sequence[float] = (1.0, 2.0)

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
        self, bootstrap: str, notification: Notification, function: LambdaFunction, folder: Path, *, environments: int
    ) -> None:
        self._notification = notification
        self._consumer: Any = AIOKafkaConsumer(  # type: ignore[no-untyped-call]
            notification.topic,
            bootstrap_servers=bootstrap,
            group_id=f"lambda-{function.name}",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
        )
        self._producer: Any = AIOKafkaProducer(  # type: ignore[no-untyped-call]
            bootstrap_servers=bootstrap, acks="all", enable_idempotence=True
        )
        self.environments = [Environment(function, folder / f"environment-{n + 1}") for n in range(environments)]
        self._idle: asyncio.Queue[Environment] = asyncio.Queue()
        self._open: dict[TopicPartition, deque[tuple[int, asyncio.Task[None]]]] = {}
        self.ready = False
        self.invocations = 0
        self.dead_letters = 0

    async def run(self) -> None:
        """Work until cancelled. Raises what becomes of an event that can neither be worked off nor set aside."""
        async with AsyncExitStack() as stack:
            for environment in self.environments:
                self._idle.put_nowait(await stack.enter_async_context(environment))
            await self._producer.start()
            stack.push_async_callback(self._producer.stop)
            await self._consumer.start()
            stack.push_async_callback(self._consumer.stop)
            self.ready = True
            try:
                while True:
                    await self._turn()
            finally:
                await self._stop_working()

    async def _turn(self) -> None:
        """Take up to as many events as there are idle environments, and commit what is done."""
        environment = await self._idle.get()
        self._idle.put_nowait(environment)
        try:
            taken = await self._consumer.getmany(timeout_ms=_POLL_MS, max_records=self._idle.qsize())
            for partition, records in taken.items():
                for record in records:
                    environment = await self._idle.get()
                    task = asyncio.create_task(self._work_off(record, environment))
                    self._open.setdefault(partition, deque()).append((record.offset, task))
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
        try:
            event = _parsed(record.value)
            if event is not None and self._notification.matches(event):
                await self._invoke(event, environment)
        finally:
            self._idle.put_nowait(environment)

    async def _invoke(self, event: dict[str, Any], environment: Environment) -> None:
        """Try as often as the notification says; the last failure makes a dead letter."""
        payload = json.dumps(event).encode()
        for delay_s in (*self._notification.retry_delays_s, None):
            begun, cold = time.monotonic(), environment.pid is None
            self.invocations += 1
            try:
                result = await environment.invoke(payload)
            except FunctionFailed as error:
                _log.warning("invocation_failed", kind=error.kind, error=error.message)
                if delay_s is None:
                    await self._set_aside(event, error)
                else:
                    await asyncio.sleep(delay_s)
            else:
                took_ms = round(1000 * (time.monotonic() - begun))
                _log.info("invoked", took_ms=took_ms, cold=cold, result=json.loads(result))
                return

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
        _log.error("dead_letter", kind=error.kind, error=error.message)

    async def _stop_working(self) -> None:
        """Drop what is under way, which will be taken up again, and commit what is done."""
        tasks = [task for queue in self._open.values() for _, task in queue]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        with contextlib.suppress(KafkaError):
            await self._commit()


def _parsed(value: bytes | None) -> dict[str, Any] | None:
    """Read an event; what is not a JSON object is of nobody's bucket."""
    try:
        event = json.loads(value or b"")
    except ValueError:
        return None
    return event if isinstance(event, dict) else None


async def _run(arguments: argparse.Namespace) -> None:
    function = LambdaFunction(arguments.handler, environment=dict(os.environ))
    notification = Notification(arguments.topic, arguments.dead_letters, arguments.prefix)
    host = LambdaHost(
        arguments.kafka, notification, function, Path(arguments.folder), environments=arguments.environments
    )

    async def readyz(_request: Request) -> Response:
        return Response(200 if host.ready else 503, b"{}")

    async with serve(readyz, arguments.port):
        work = asyncio.create_task(host.run())
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, work.cancel)
        await work


def main() -> None:
    """Run a function on the S3 events of a topic until SIGTERM; its environment is that of this process."""
    parser = argparse.ArgumentParser(prog="python -m kaftalk_testing.lambda_host", description=main.__doc__)
    parser.add_argument("handler", help="module.function, as at AWS")
    parser.add_argument("--kafka", required=True, help="a broker's address")
    parser.add_argument("--topic", required=True, help="where the S3 server writes its events")
    parser.add_argument("--dead-letters", required=True, help="the topic of events that failed for good")
    parser.add_argument("--prefix", default="", help="of the keys whose events invoke the function")
    parser.add_argument("--folder", required=True, help="for logs and temporary files")
    parser.add_argument("--port", type=int, default=0, help="answers /readyz on 127.0.0.1")
    parser.add_argument("--environments", type=int, default=1)
    arguments = parser.parse_args()
    configure("lambda-host", "lambda-host-1", "info")
    try:
        asyncio.run(_run(arguments))
    except asyncio.CancelledError:
        return


if __name__ == "__main__":
    main()
