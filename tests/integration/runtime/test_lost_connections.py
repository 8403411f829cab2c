"""aiokafka on uvloop: a request on a connection that was just lost fails as on asyncio."""

import asyncio

import pytest
import uvloop
from aiokafka.conn import create_conn
from aiokafka.errors import KafkaConnectionError
from aiokafka.protocol.metadata import MetadataRequest

from kaftalk_runtime.kafka import Kafka


async def send_on_a_lost_connection(bootstrap: str) -> None:
    client = await Kafka(bootstrap).client()
    host, _, port = bootstrap.rpartition(":")
    connection = await create_conn(host, int(port))  # type: ignore[no-untyped-call]
    try:
        # Its reader has not noticed yet.
        connection._read_task.cancel()
        connection._writer.transport.abort()
        await asyncio.sleep(0.01)
        with pytest.raises(KafkaConnectionError, match="is lost"):
            await connection.send(MetadataRequest([]))
        assert not connection.connected()
    finally:
        await client.close()  # type: ignore[no-untyped-call]


async def test_a_request_on_a_connection_that_was_just_lost_is_a_kafka_error(kafka_bootstrap: str) -> None:
    def run() -> None:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(send_on_a_lost_connection(kafka_bootstrap))

    await asyncio.to_thread(run)
