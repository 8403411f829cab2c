"""The release of users whose hold is over: read, hand over, note. A crash at any step repeats a no-op.

RELEASING is in the log when this begins, and DONE is written after the hand-off; both carry the release's id, which
gateways and clients use to drop a second one.
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from itertools import chain
from typing import NamedTuple

from kaftalk_dnd_batch.handoff import Handoff
from kaftalk_dnd_batch.machine import Machine, late_by_s
from kaftalk_dnd_batch.owned_users import OwnedUser
from kaftalk_dnd_batch.payloads import Release, ReleasedRoom, batch_bodies, release, released_record
from kaftalk_dnd_batch.quiet_log import QuietLog, StoredRelease, Write
from kaftalk_dnd_batch.room_batches import RoomBatches
from kaftalk_dnd_batch.states import States
from kaftalk_dnd_batch.store import Sealed, Store
from kaftalk_protocol.quiet_profile import OrgQuiet
from kaftalk_protocol.quiet_records import Hold, released_key
from kaftalk_protocol.quiet_state import QuietState
from kaftalk_roomlog.partition_queue import Appended
from kaftalk_runtime import metrics
from kaftalk_runtime.clock import Clock
from kaftalk_views.lost_rooms import Lost
from kaftalk_views.room_views import RoomViews

SURE_FOR_S = 1.0
PATIENCE_MS = 10_000
YIELD_EVERY = 25
_LAGS_S = (0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 40.0, 60.0, 120.0, 600.0, 3600.0)
_ROOMS = (0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)

_lag = metrics.histogram("kaftalk_release_lag_seconds", "From the end of a hold to its hand-off", buckets=_LAGS_S)
_held_rooms = metrics.histogram("kaftalk_held_rooms", "Rooms with unread messages in a release", buckets=_ROOMS)
_released = metrics.counter("kaftalk_released_total", "Releases done", "kind")
_steps = metrics.histogram("kaftalk_dnd_batch_release_step_seconds", "Time of a batch of releases in a step", "step")


class _Made(NamedTuple):
    """One user's release, ready to go, and her state after it."""

    user: OwnedUser
    hold: Hold
    release: Release
    after: Sealed
    told: QuietState
    late_by_s: int | None


class Releases:
    """Releases users who are RELEASING in the log, and whose locks the caller holds."""

    def __init__(  # noqa: PLR0913 - a release goes through all of them
        self,
        *,
        views: RoomViews,
        batches: RoomBatches,
        machine: Machine,
        log: QuietLog,
        store: Store,
        handoff: Handoff,
        states: States,
        clock: Clock,
        org: Callable[[], OrgQuiet],
        verify: Callable[[], Awaitable[None]],
    ) -> None:
        self._views = views
        self._batches = batches
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
            made = await self._make(some, start_ms)
            await self._hand_over(made)
            await self._note(made)
        await self._end_silent(silent)

    async def _make(self, users: Sequence[OwnedUser], start_ms: int) -> list[_Made]:
        with _steps.labels("read").time():
            ids = [user.id for user in users]
            rooms_of = await self._views.rooms_of_many(ids)
            lost_by = await self._views.lost_by(ids, start_ms)
            ends_ms = max(user.quiet.hold.end_ms for user in users if user.quiet.hold is not None)
            patient = self._clock.now_ms() < ends_ms + PATIENCE_MS
            asked = set(chain.from_iterable(rooms_of.values()))
            rooms = await self._batches.of(asked, start_ms, ends_ms=ends_ms, patient=patient)
        made: list[_Made] = []
        with _steps.labels("make").time():
            for number, user in enumerate(users):
                held = [rooms[room] for room in rooms_of[user.id] if room in rooms]
                made.append(self._made(user, held, lost_by[user.id]))
                if number % YIELD_EVERY == 0:
                    await asyncio.sleep(0)
        return made

    def _made(self, user: OwnedUser, rooms: Sequence[ReleasedRoom], lost: Sequence[Lost]) -> _Made:
        hold, now_ms = _hold_of(user), self._clock.now_ms()
        late_s = late_by_s(hold, now_ms)
        after = self._store.seal(user, self._machine.done(user.quiet, now_ms, noted=True))
        state = self._machine.state(after.state, self._org())
        made = release(user.id, hold, rooms, lost, after=state, late_by_s=late_s, now_ms=now_ms)
        if made.is_empty:
            after = self._store.seal(user, self._machine.done(user.quiet, now_ms, noted=False))
        return _Made(user, hold, made, after, state, late_s)

    async def _hand_over(self, made: Sequence[_Made]) -> None:
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

    async def _note(self, made: Sequence[_Made]) -> None:
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

    def _record(self, one: _Made, now_ms: int) -> Write:
        user = one.user
        value = released_record(
            user.id, one.hold, one.release, late_by_s=one.late_by_s, now_ms=now_ms, fence=self._store.fence(user.shard)
        )
        return Write(user.shard, released_key(user.id, one.hold.release_id), value)


def _hold_of(user: OwnedUser) -> Hold:
    if user.quiet.hold is None:
        raise ValueError("no hold to release")
    return user.quiet.hold
