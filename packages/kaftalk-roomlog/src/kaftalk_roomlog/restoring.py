"""Writing a log again, with the times that its records had."""

from collections.abc import AsyncIterable
from typing import Any

from aiokafka.errors import KafkaError

from kaftalk_roomlog.errors import BrokerUnreachable, TopicsRefused
from kaftalk_roomlog.topics import Topics
from kaftalk_runtime.kafka import Kafka


async def restore_log(kafka: Kafka, topics: Topics, name: str, records: AsyncIterable[tuple[int, bytes]]) -> int:
    """Create a room's topic and write records `(time in ms, value)` from offset 0 on; returns how many.

    Afterwards the topic is as every room's: the broker gives the times.

    Raises:
        TopicsRefused: there is such a topic already.
        BrokerUnreachable: some of it may be written; delete the topic and begin again.
        KafkaUnreachable: no broker answered.
    """
    if not await topics.begin_restoring(name):
        raise TopicsRefused({name: "TopicAlreadyExistsError"})
    await topics.await_visible(name)
    written = 0
    producer: Any = await kafka.producer()
    try:
        async for ts, value in records:
            await producer.send(name, value, partition=0, timestamp_ms=ts)
            written += 1
        await producer.flush()
    except KafkaError as error:
        raise BrokerUnreachable(f"{name}: {error!r}") from error
    finally:
        await producer.stop()
    await topics.end_restoring(name)
    return written
