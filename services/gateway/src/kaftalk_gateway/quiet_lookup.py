"""Where a gateway learns of quiet hours that nobody has told it of: the view in Redis, else dnd-batch itself."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable
from typing import Protocol

from kaftalk_gateway.quiet_authority import QuietAuthority, QuietUnreachable
from kaftalk_protocol.ids import UserId
from kaftalk_protocol.quiet_profile import STORED
from kaftalk_protocol.quiet_state import QuietState, QuietStates, WantedStates
from kaftalk_roomlog.shards import shard_of
from kaftalk_runtime.redis_client import RedisError

FIRST_TIMEOUT_S = 3.0
_RETRY_S = 0.3
_USERS_A_POST = 200


class QuietView(Protocol):
    """The view of quiet hours in Redis."""

    async def of(self, users: Iterable[UserId]) -> dict[UserId, QuietState | None]:
        """Give the states of users; one whose state is unknown is missing."""


class QuietLookup:
    """Finds states; a user whom nobody can tell of is missing in what it gives."""

    def __init__(self, view: QuietView, authority: QuietAuthority, *, shards: int) -> None:
        self._view = view
        self._authority = authority
        self._shards = shards
        self._is_served = False

    async def first(self, user: UserId) -> dict[UserId, QuietState | None]:
        """Find the state of one who comes, for 3 s; at once where quiet hours have never been served."""
        found: dict[UserId, QuietState | None] = {}
        try:
            async with asyncio.timeout(FIRST_TIMEOUT_S):
                while not (found := await self.of([user])) and self._is_served:  # noqa: ASYNC110 - it is asked each time
                    await asyncio.sleep(_RETRY_S)
        except TimeoutError:
            return {}
        return found

    async def of(self, users: Iterable[UserId]) -> dict[UserId, QuietState | None]:
        """Read states from the view, and ask dnd-batch for the others."""
        asked = list(users)
        try:
            found = await self._view.of(asked)
        except RedisError:
            found = {}
        unknown = [user for user in asked if user not in found]
        found |= await self._ask(unknown)
        self._is_served |= bool(found)
        return found

    async def _ask(self, users: list[UserId]) -> dict[UserId, QuietState | None]:
        by_shard: dict[int, list[UserId]] = defaultdict(list)
        for user in users:
            by_shard[shard_of(user, self._shards)].append(user)
        posts = [own[at : at + _USERS_A_POST] for own in by_shard.values() for at in range(0, len(own), _USERS_A_POST)]
        answers = await asyncio.gather(*map(self._post, posts))
        return {state.user: state for states in answers for state in states}

    async def _post(self, users: list[UserId]) -> tuple[QuietState, ...]:
        body = WantedStates(users=tuple(users)).encode()
        try:
            answer = await self._authority.post(users[0], "/internal/users", body)
            return QuietStates.model_validate_json(answer.body, context=STORED).states if answer.is_success else ()
        except (QuietUnreachable, RedisError, ValueError):
            return ()
