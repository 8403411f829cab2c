"""Users' quiet hours as dnd-batch last wrote them to Redis."""

from collections.abc import Iterable

from kaftalk_protocol import redis_keys
from kaftalk_protocol.ids import UserId
from kaftalk_protocol.quiet_state import QuietState
from kaftalk_runtime.redis_client import Redis


class QuietReads:
    """Reads states of users."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def hold_ms(self, user: UserId) -> int | None:
        """Give the start of a user's present or next hold; None if nothing is ever held, or nobody knows.

        What a room's log has from before it is not held: who asks need not know the time.
        Raises RedisAway, RedisRefused.
        """
        state = (await self.of([user])).get(user)
        plan = state.hold if state is not None else None
        return plan.start_ms if plan is not None and plan.deliver == "hold" else None

    async def of(self, users: Iterable[UserId]) -> dict[UserId, QuietState | None]:
        """Give the states of users, None for those without quiet hours; one whose state is unknown is missing.

        Raises RedisAway, RedisRefused.
        """
        asked = list(users)
        if not asked:
            return {}
        stored, written, generation = await self._redis.transaction(
            [
                ("MGET", *map(redis_keys.quiet, asked)),
                ("GET", redis_keys.VIEW_QUIET),
                ("GET", redis_keys.GENERATION),
            ]
        )
        complete = generation is not None and written == generation
        found: dict[UserId, QuietState | None] = {}
        for user, text in zip(asked, stored, strict=True):
            try:
                if text or complete:
                    found[user] = QuietState.decode(text) if text else None
            except ValueError:
                continue
        return found
