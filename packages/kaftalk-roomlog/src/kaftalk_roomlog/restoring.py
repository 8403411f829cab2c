"""Writing a log again, with the times that its records had."""

from collections.abc import AsyncIterable
from typing import Any

from aiokafka.errors import KafkaError

from kaftalk_roomlog.errors import BrokerUnreachable, TopicsRefused
from kaftalk_roomlog.topics import ROOM_RECORD_BYTES_MAX, Topics
from kaftalk_runtime.kafka import Kafka


class LogRestorer:
    """Makes topics of rooms that begin with given records."""

    def __init__(self, kafka: Kafka, topics: Topics) -> None:
        self._kafka = kafka
        self._topics = topics

    async def restore(
        self,
        name: str,
        records: AsyncIterable[tuple[int, bytes]],
        *,
        record_bytes_max: int = ROOM_RECORD_BYTES_MAX,
    ) -> int:
        """Create a room's topic and write records `(time in ms, value)` from offset 0 on; returns how many.

        Afterwards the topic is as every room's: the broker gives the times.

        Raises:
            TopicsRefused: there is such a topic already; nothing was written.
            BrokerUnreachable: some of it may be written; delete the topic and begin again.
            KafkaUnreachable: no broker answered.
        """
        if not await self._topics.begin_restoring(name, record_bytes_max=record_bytes_max):
            raise TopicsRefused({name: "TopicAlreadyExistsError"})
        await self._topics.await_visible(name)
        written = await self._write(name, records, record_bytes_max)
        await self._topics.end_restoring(name, record_bytes_max=record_bytes_max)
        return written

    async def _write(self, name: str, records: AsyncIterable[tuple[int, bytes]], bytes_max: int) -> int:
        written = 0
        producer: Any = await self._kafka.producer(bytes_max)
        try:
            async for ts, value in records:
                await producer.send(name, value, partition=0, timestamp_ms=ts)
                written += 1
            await producer.flush()
        except KafkaError as error:
            raise BrokerUnreachable(f"{name}: {error!r}") from error
        finally:
            await producer.stop()
        return written
