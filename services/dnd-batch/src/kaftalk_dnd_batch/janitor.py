"""Takes digests away that are older than seven days."""

import asyncio

from kaftalk_dnd_batch.owned_users import OwnedUsers
from kaftalk_dnd_batch.quiet_log import Write
from kaftalk_dnd_batch.store import Store
from kaftalk_protocol.quiet_records import RELEASES_KEPT_MS, released_key
from kaftalk_roomlog.partition_queue import Appended
from kaftalk_runtime.clock import Clock

EVERY_S = 600.0
A_ROUND = 500


class Janitor:
    """Looks every ten minutes."""

    def __init__(self, owned: OwnedUsers, store: Store, clock: Clock) -> None:
        self._owned = owned
        self._store = store
        self._clock = clock

    async def run(self) -> None:
        """Clear away, for ever."""
        while True:
            await self.clear()
            await asyncio.sleep(EVERY_S)

    async def clear(self) -> None:
        """Clear away what is too old by now."""
        before_ms = self._clock.now_ms() - RELEASES_KEPT_MS
        old = [
            (user, release)
            for user in self._owned
            for release, place in user.releases.items()
            if place.done_ms < before_ms
        ]
        for start in range(0, len(old), A_ROUND):
            some = old[start : start + A_ROUND]
            writes = [Write(user.shard, released_key(user.id, release), None) for user, release in some]
            for (user, release), result in zip(some, await self._store.append(writes), strict=True):
                if isinstance(result, Appended):
                    user.releases.pop(release, None)
