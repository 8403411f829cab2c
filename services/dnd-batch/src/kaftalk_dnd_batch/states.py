"""What others see of the states: Redis, then the gateways that are online for the user, in this order.

A gateway that opens a socket notes that first and reads Redis then, so one of the two sees the other. What cannot be
written now is written later: only the newest state of a user counts.
"""

import asyncio
from collections.abc import Mapping
from functools import partial

import orjson

from kaftalk_dnd_batch.handoff import Handoff
from kaftalk_protocol import redis_keys
from kaftalk_protocol.ids import UserId
from kaftalk_protocol.quiet_state import QuietState
from kaftalk_runtime import metrics
from kaftalk_runtime.redis_client import Command, Redis, RedisError
from kaftalk_runtime.tasks import Tasks

A_ROUND = 500
RETRY_S = 0.25

_unwritten = metrics.gauge("kaftalk_dnd_batch_states_unwritten", "States that are not in Redis yet")


class States:
    """Writes and pushes states. One that is None has no key: no quiet hours at all."""

    def __init__(self, redis: Redis, handoff: Handoff, tasks: Tasks) -> None:
        self._redis = redis
        self._handoff = handoff
        self._tasks = tasks
        self._waiting: dict[UserId, QuietState | None] = {}
        self._urgent_allowed: bool | None = None
        self._news = asyncio.Event()
        self._round: asyncio.Future[None] | None = None

    def put(self, states: Mapping[UserId, QuietState | None]) -> "asyncio.Future[None]":
        """Write states soon; what is returned is done when all that waits now is in Redis and on its way."""
        self._waiting.update(states)
        self._news.set()
        if self._round is None or self._round.done():
            self._round = asyncio.get_running_loop().create_future()
        return self._round

    def put_org(self, *, urgent_allowed: bool) -> None:
        """Write the organisation's switch, before any state that waits."""
        self._urgent_allowed = urgent_allowed
        self._news.set()

    async def run(self) -> None:
        """Write what waits, for ever."""
        while True:
            await self._news.wait()
            self._news.clear()
            try:
                await self._write_org()
                while self._waiting:
                    await self._write_some()
            except RedisError:
                self._news.set()
                await asyncio.sleep(RETRY_S)
            else:
                if self._round is not None and not self._round.done():
                    self._round.set_result(None)
            _unwritten.set(len(self._waiting))

    async def write(self, states: Mapping[UserId, QuietState | None]) -> None:
        """Write states to Redis at once, and push them to nobody.

        Raises RedisAway.
        """
        await self._redis.many([_write(user, state) for user, state in states.items()])

    async def push(self, states: Mapping[UserId, QuietState | None]) -> None:
        """Hand states to the gateways that have the users' sockets, in the background.

        Raises RedisAway.
        """
        for gateway, users in (await self._handoff.online(list(states))).items():
            told = [states[user] or QuietState(user=user, version=0) for user in users]
            self._tasks.run("push-states", partial(self._handoff.tell, gateway, told))

    async def _write_org(self) -> None:
        if self._urgent_allowed is not None:
            text = orjson.dumps({"urgent_allowed": self._urgent_allowed}).decode()
            await self._redis.run("SET", redis_keys.QUIET_ORG, text)
            self._urgent_allowed = None

    async def _write_some(self) -> None:
        users = list(self._waiting)[:A_ROUND]
        taken = {user: self._waiting.pop(user) for user in users}
        try:
            await self.write(taken)
            await self.push(taken)
        except RedisError:
            self._waiting = taken | self._waiting
            raise


def _write(user: UserId, state: QuietState | None) -> Command:
    key = redis_keys.quiet(user)
    return ("DEL", key) if state is None else ("SET", key, state.encode())
