"""Quiet hours as dnd-batch would tell them, written by a test: to Redis, and to the gateways that are asked to hear."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

from kaftalk_protocol import redis_keys
from kaftalk_protocol.ids import UserId
from kaftalk_protocol.quiet_profile import Deliver
from kaftalk_protocol.quiet_state import HoldPlan, QuietState, QuietStates
from kaftalk_runtime.internal_auth import InternalKeys
from kaftalk_runtime.internal_http import InternalHttp
from kaftalk_runtime.redis_client import Redis, open_redis
from kaftalk_testing.keys import internal_key
from kaftalk_testing.stack import Stack

VERSION = 1_000_000
"""Above what dnd-batch itself gives to the people of a test."""


def quiet_state(
    user: str, *, begun_s: float = 60, lasts_s: float = 3_600, deliver: Deliver = "hold", **more: Any
) -> QuietState:
    """Make a state with a hold that began `begun_s` ago and lasts `lasts_s` from now."""
    now_ms = round(time.time() * 1000)
    start_ms, end_ms = now_ms - round(begun_s * 1000), now_ms + round(lasts_s * 1000)
    hold = HoldPlan(start_ms=start_ms, end_ms=end_ms, release_id=f"{start_ms:032x}", deliver=deliver)
    return QuietState(user=UserId(user), version=VERSION, hold=hold, **more)


def no_quiet(user: str) -> QuietState:
    """Make a state without a hold, newer than one of `quiet_state`."""
    return QuietState(user=UserId(user), version=VERSION + 1)


class QuietByHand:
    """Writes states of users of a stack."""

    def __init__(self, redis: Redis, http: InternalHttp, gateways: Iterable[str]) -> None:
        self.redis = redis
        self._http = http
        self._gateways = list(gateways)

    async def put(self, *states: QuietState) -> None:
        """Store states and tell all gateways of them."""
        await self.redis.many([("SET", redis_keys.quiet(state.user), state.encode()) for state in states])
        body = QuietStates(states=states).encode()
        await asyncio.gather(*(self._http.post(url, "/internal/quiet", body) for url in self._gateways))


@asynccontextmanager
async def quiet_by_hand(stack: Stack) -> AsyncIterator[QuietByHand]:
    """Open what writes states of a stack's users."""
    redis, http = open_redis(stack.redis_url), InternalHttp(InternalKeys([internal_key(stack.plan.folder / "keys")]))
    gateways = [stack.internal_url("gateway", index) for index in range(len(stack.plan.of("gateway")))]
    try:
        yield QuietByHand(redis, http, gateways)
    finally:
        await http.close()
        await redis.close()
