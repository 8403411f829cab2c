"""Starting a service whose Kafka may be away, or whose topics may not exist yet."""

import asyncio
from collections.abc import Awaitable, Callable

from kaftalk_roomlog.errors import AppendError, BrokerUnreachable, ReadError
from kaftalk_runtime.kafka import KafkaUnreachable
from kaftalk_runtime.logs import get_logger

_RETRY_S = 0.5

_log = get_logger(__name__)


async def until_answered(start: Callable[[], Awaitable[object]]) -> None:
    """Try a step of the start again while Kafka is away or its topics are missing: the rooms service creates them."""
    while True:
        try:
            await start()
        except (KafkaUnreachable, BrokerUnreachable, ReadError, AppendError, TimeoutError) as error:
            _log.info("waiting_for_kafka", error=repr(error))
            await asyncio.sleep(_RETRY_S)
        else:
            return
