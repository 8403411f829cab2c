"""The one place that constructs Kafka clients."""

from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.client import AIOKafkaClient
from aiokafka.conn import AIOKafkaConnection, CloseReason
from aiokafka.coordinator.assignors.sticky.sticky_assignor import StickyPartitionAssignor
from aiokafka.errors import KafkaConnectionError, KafkaError

from kaftalk_runtime.tls import Certificates


class KafkaUnreachable(Exception):
    """No broker answered."""

    def __init__(self, bootstrap: str) -> None:
        super().__init__(bootstrap)
        self.bootstrap = bootstrap


@dataclass(frozen=True, slots=True)
class Kafka:
    """Settings of a Kafka cluster, and the factory of its clients.

    Producing and fetching are requests of `kaftalk_roomlog` over `client()`: it needs acks=all with sequence numbers
    that survive a refused batch (aiokafka#1017) and fetch sessions (KIP-227), which the stock clients do not have.
    """

    bootstrap: str
    client_id: str = "kaftalk"
    tls: Certificates | None = None
    request_timeout_ms: int = 10_000

    async def client(self) -> AIOKafkaClient:
        """Return a connected client that keeps track of the brokers and of no topic.

        Raises:
            KafkaUnreachable: no broker answered.
        """
        client: Any = AIOKafkaClient(**self.settings(), metadata_max_age_ms=60_000)  # type: ignore[no-untyped-call]
        client._topics = _BrokersOnly()
        try:
            await client.bootstrap()
        except KafkaError as error:
            await client.close()
            raise KafkaUnreachable(self.bootstrap) from error
        return client  # type: ignore[no-any-return]

    async def member(self, *topics: str, group_id: str, session_timeout_ms: int, listener: Any) -> AIOKafkaConsumer:
        """Return a started member of a consumer group that shares out the topics' partitions and commits nothing.

        Raises:
            KafkaUnreachable: no broker answered.
        """
        consumer: Any = AIOKafkaConsumer(  # type: ignore[no-untyped-call]
            **self.settings(),
            group_id=group_id,
            enable_auto_commit=False,
            # No offset is ever committed, and "none" would raise for every partition that is handed out.
            auto_offset_reset="earliest",
            partition_assignment_strategy=(StickyPartitionAssignor,),
            session_timeout_ms=session_timeout_ms,
            heartbeat_interval_ms=session_timeout_ms // 3,
        )
        consumer.subscribe(topics=topics, listener=listener)
        try:
            await consumer.start()
        except KafkaError as error:
            await consumer.stop()
            raise KafkaUnreachable(self.bootstrap) from error
        return consumer  # type: ignore[no-any-return]

    async def producer(self, request_bytes_max: int) -> AIOKafkaProducer:
        """Return a started idempotent producer, for logs that nobody else writes: it cannot be healed (aiokafka#1017).

        Raises:
            KafkaUnreachable: no broker answered.
        """
        producer: Any = AIOKafkaProducer(  # type: ignore[no-untyped-call]
            **self.settings(), acks="all", enable_idempotence=True, max_request_size=request_bytes_max
        )
        try:
            await producer.start()
        except KafkaError as error:
            await producer.stop()
            raise KafkaUnreachable(self.bootstrap) from error
        return producer  # type: ignore[no-any-return]

    def settings(self) -> dict[str, Any]:
        """Give what every client of aiokafka is constructed with."""
        settings: dict[str, Any] = {
            "bootstrap_servers": self.bootstrap,
            "client_id": self.client_id,
            "request_timeout_ms": self.request_timeout_ms,
        }
        if self.tls is not None:
            settings |= {"security_protocol": "SSL", "ssl_context": self.tls.for_calling()}
        return settings


class _BrokersOnly(frozenset[str]):
    """No topics, said so that the client believes it: it asks for all of them when its set is false."""

    def __bool__(self) -> bool:
        return True


def _send(connection: Any, request: Any, expect_response: bool = True) -> Any:
    """Send on a connection that may just have been lost.

    uvloop raises RuntimeError for a closed transport, where asyncio raises nothing. aiokafka takes OSError only, and
    its tasks that follow brokers and groups would end for good.
    """
    try:
        return _send_of_aiokafka(connection, request, expect_response)  # type: ignore[no-untyped-call]
    except RuntimeError as error:
        connection.close(reason=CloseReason.CONNECTION_BROKEN)
        raise KafkaConnectionError(f"connection to {connection.host}:{connection.port} is lost: {error}") from error


_send_of_aiokafka = AIOKafkaConnection.send
# Consumers and producers make their connections themselves, so every one is mended here.
AIOKafkaConnection.send = _send  # type: ignore[method-assign]
