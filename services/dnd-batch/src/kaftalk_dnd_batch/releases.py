"""The release of users whose hold is over: read, hand over, note. A crash at any step repeats a no-op.

RELEASING is in the log when this begins, and DONE is written after the hand-off; both carry the release's id, which
gateways and clients use to drop a second one.
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence

from kaftalk_dnd_batch.handoff import Handoff
from kaftalk_dnd_batch.machine import Machine
from kaftalk_dnd_batch.maker import Made, Maker
from kaftalk_dnd_batch.owned_users import OwnedUser
from kaftalk_dnd_batch.payloads import batch_bodies, released_record
from kaftalk_dnd_batch.quiet_log import QuietLog, StoredRelease, Write
from kaftalk_dnd_batch.states import States
from kaftalk_dnd_batch.store import Store
from kaftalk_protocol.quiet_profile import OrgQuiet
from kaftalk_protocol.quiet_records import released_key
from kaftalk_roomlog.partition_queue import Appended
from kaftalk_runtime import metrics
from kaftalk_runtime.clock import Clock

SURE_FOR_S = 1.0
_LAGS_S = (0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 40.0, 60.0, 120.0, 600.0, 3600.0)
_ROOMS = (0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)

_lag = metrics.histogram("kaftalk_release_lag_seconds", "From the end of a hold to its hand-off", buckets=_LAGS_S)
_held_rooms = metrics.histogram("kaftalk_held_rooms", "Rooms with unread messages in a release", buckets=_ROOMS)
_released = metrics.counter("kaftalk_released_total", "Releases done", "kind")
_steps = metrics.histogram("kaftalk_dnd_batch_release_step_seconds", "Time of a batch of releases in a step", "step")


class Releases:
    """Releases users who are RELEASING in the log, and whose locks the caller holds."""

    def __init__(  # noqa: PLR0913 - a release goes through all of them
        self,
        *,
        maker: Maker,
        machine: Machine,
        log: QuietLog,
        store: Store,
        handoff: Handoff,
        states: States,
        clock: Clock,
        org: Callable[[], OrgQuiet],
        verify: Callable[[], Awaitable[None]],
    ) -> None:
        self._maker = maker
        self._machine = machine
        self._log = log
        self._store = store
        self._handoff = handoff
        self._states = states
        self._clock = clock
        self._org = org
        self._verify = verify

    async def release(self, users: Sequence[OwnedUser]) -> None:
        """Release users; those who are still RELEASING afterwards are to be tried again.

        Raises RedisAway, ViewUnavailable, ReadError: nothing is lost, try again.
        """
        by_start: defaultdict[int, list[OwnedUser]] = defaultdict(list)
        silent: list[OwnedUser] = []
        for user in users:
            if user.quiet.hold is not None and user.quiet.hold.deliver == "hold":
                by_start[user.quiet.hold.start_ms].append(user)
            else:
                silent.append(user)
        for start_ms, some in by_start.items():
            # Apart from each other: a room's part is another one for another start.
            with _steps.labels("make").time():
                made = await self._maker.make(some, start_ms)
            await self._hand_over(made)
            await self._note(made)
        await self._end_silent(silent)

    async def _hand_over(self, made: Sequence[Made]) -> None:
        """Post to all gateways that have sockets of these users, whoever still owns them a moment before."""
        with _steps.labels("hand over").time():
            online = await self._handoff.online([one.user.id for one in made])
            if not online:
                return
            shards = {one.user.shard for one in made}
            if self._clock.monotonic() - self._log.sure_since_s(shards) > SURE_FOR_S:
                await self._verify()
            by_user = {one.user.id: one.release for one in made if one.user.owned}
            await asyncio.gather(
                *(
                    self._handoff.release(gateway, body)
                    for gateway, users in online.items()
                    for body in batch_bodies([by_user[user] for user in users if user in by_user])
                )
            )

    async def _note(self, made: Sequence[Made]) -> None:
        """Write DONE, and what holds after it."""
        now_ms = self._clock.now_ms()
        with _steps.labels("note").time():
            noted = [one for one in made if not one.release.is_empty]
            writes = [self._record(one, now_ms) for one in noted] + [one.after.write for one in made]
            results = await self._store.append(writes)
        for one, result in zip(noted, results[: len(noted)], strict=True):
            if isinstance(result, Appended):
                one.user.releases[one.hold.release_id] = StoredRelease(result.offset, now_ms)
        done = [one for one, result in zip(made, results[len(noted) :], strict=True) if one.after.take(result)]
        for one in done:
            _lag.observe((now_ms - one.hold.end_ms) / 1000)
            _held_rooms.observe(one.release.rooms_held)
            _released.labels("empty" if one.release.is_empty else "late" if one.late_by_s else "in time").inc()
        self._states.put({one.user.id: one.told for one in done})

    async def _end_silent(self, users: Sequence[OwnedUser]) -> None:
        """End holds that held no message back: nothing to hand over but the new state."""
        now_ms = self._clock.now_ms()
        changes = [(user, self._machine.done(user.quiet, now_ms, noted=False)) for user in users]
        in_force = await self._store.put(changes)
        ended = [user for user, stored in zip(users, in_force, strict=True) if stored]
        _released.labels("silent").inc(len(ended))
        self._states.put({user.id: self._machine.state(user.quiet, self._org()) for user in ended})

    def _record(self, one: Made, now_ms: int) -> Write:
        user = one.user
        value = released_record(
            user.id, one.hold, one.release, late_by_s=one.late_by_s, now_ms=now_ms, fence=self._store.fence(user.shard)
        )
        return Write(user.shard, released_key(user.id, one.hold.release_id), value)
