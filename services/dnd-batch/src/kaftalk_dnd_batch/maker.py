"""Makes what each user is given at the end of her hold, and her state after it; in a stampede the first ones ahead.

What was made ahead counts only if everything that it was made of is the same at the end.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from itertools import chain
from typing import NamedTuple, Protocol

from kaftalk_dnd_batch.machine import Machine, late_by_s
from kaftalk_dnd_batch.owned_users import OwnedUser
from kaftalk_dnd_batch.payloads import Release, ReleasedRoom, release
from kaftalk_dnd_batch.store import Sealed
from kaftalk_protocol.ids import RoomId, UserId
from kaftalk_protocol.quiet_profile import OrgQuiet
from kaftalk_protocol.quiet_records import Hold, UserQuiet
from kaftalk_protocol.quiet_state import QuietState
from kaftalk_runtime import metrics
from kaftalk_runtime.clock import Clock
from kaftalk_views.lost_rooms import Lost

PATIENCE_MS = 10_000
YIELD_EVERY = 25
READ_AT_ONCE = 100
"""Users whose rooms are read in one go: Redis answers nobody else meanwhile."""
AHEAD_MAX = 5_000
"""Users who are made ahead, some kilobytes each: those who are released in the first seconds."""
KEPT_MS = 60_000

Parts = Mapping[RoomId, ReleasedRoom]

_ahead = metrics.counter("kaftalk_dnd_batch_made_ahead_total", "Releases that were made before the end", "result")


class Views(Protocol):
    """The views of rooms. All methods raise RedisAway, ViewUnavailable."""

    async def rooms_of_many(self, users: Iterable[UserId]) -> dict[UserId, set[RoomId]]:
        """Give the rooms of users."""

    async def lost_by(self, users: Iterable[UserId], since_ms: int) -> dict[UserId, list[Lost]]:
        """Give the rooms that users were removed from since a time."""


class Batches(Protocol):
    """What rooms release, of each one object as long as it stays the same. All methods raise as `Views` do."""

    async def of(
        self, rooms: Iterable[RoomId], start_ms: int, *, ends_ms: int, patient: bool
    ) -> dict[RoomId, ReleasedRoom]:
        """Give what rooms release, as of `ends_ms` or later."""

    async def warm(self, rooms: Iterable[RoomId], start_ms: int) -> dict[RoomId, ReleasedRoom]:
        """Give what rooms would release, as of some seconds ago or later."""


class Made(NamedTuple):
    """One user's release, ready to go, and her state after it."""

    user: OwnedUser
    hold: Hold
    release: Release
    after: Sealed
    told: QuietState
    late_by_s: int | None


class _Basis(NamedTuple):
    """What one release is made of, but for the rooms' parts; `quiet` is the state that is RELEASING."""

    quiet: UserQuiet
    org: OrgQuiet
    rooms: Set[RoomId]
    lost: Sequence[Lost]


class _Ahead(NamedTuple):
    """A release made ahead of what many had in common: `parts`."""

    made: Made
    basis: _Basis
    parts: Parts


class Maker:
    """Makes the releases of users whose holds began together; at their end the caller holds the users' locks."""

    def __init__(  # noqa: PLR0913 - a release is made of all of them
        self,
        *,
        views: Views,
        batches: Batches,
        machine: Machine,
        seal: Callable[[OwnedUser, UserQuiet], Sealed],
        clock: Clock,
        org: Callable[[], OrgQuiet],
    ) -> None:
        self._views = views
        self._batches = batches
        self._machine = machine
        self._seal = seal
        self._clock = clock
        self._org = org
        self._ready: dict[UserId, _Ahead] = {}

    async def make(self, users: Sequence[OwnedUser], start_ms: int) -> list[Made]:
        """Make releases of holds that are over.

        Raises RedisAway, ViewUnavailable.
        """
        bases = await self._read(users, [user.quiet for user in users], start_ms)
        ends_ms = max(_hold_of(user.quiet).end_ms for user in users)
        patient = self._clock.now_ms() < ends_ms + PATIENCE_MS
        parts = await self._batches.of(_rooms_of(bases), start_ms, ends_ms=ends_ms, patient=patient)
        moved = self._moved(users, parts)
        made: list[Made] = []
        for number, (user, basis) in enumerate(zip(users, bases, strict=True)):
            made.append(self._take_ready(user, basis, moved) or self._made(user, basis, parts, self._clock.now_ms()))
            if number % YIELD_EVERY == 0:
                await asyncio.sleep(0)
        return made

    async def make_ahead(self, users: Sequence[OwnedUser], start_ms: int) -> bool:
        """Make releases of holds that are not over yet as they will be if nothing happens; False if AHEAD_MAX are made.

        Raises RedisAway, ViewUnavailable.
        """
        now_ms = self._clock.now_ms()
        some = [user for user in users if _is_held(user, start_ms, now_ms)]
        if len(self._ready) + len(some) > AHEAD_MAX:
            return False
        bases = await self._read(some, [self._releasing(user) for user in some], start_ms)
        parts = await self._batches.warm(_rooms_of(bases), start_ms)
        for number, (user, basis) in enumerate(zip(some, bases, strict=True)):
            made = self._made(user, basis, parts, _hold_of(basis.quiet).end_ms)
            self._ready[user.id] = _Ahead(made, basis, parts)
            if number % YIELD_EVERY == 0:
                await asyncio.sleep(0)
        return True

    def drop_old(self) -> None:
        """Forget releases that nobody came for: their holds went on or ended otherwise."""
        since_ms = self._clock.now_ms() - KEPT_MS
        self._ready = {user: one for user, one in self._ready.items() if one.made.hold.end_ms >= since_ms}

    async def _read(self, users: Sequence[OwnedUser], quiets: Sequence[UserQuiet], start_ms: int) -> list[_Basis]:
        org, bases = self._org(), list[_Basis]()
        for at in range(0, len(users), READ_AT_ONCE):
            ids = [user.id for user in users[at : at + READ_AT_ONCE]]
            rooms_of = await self._views.rooms_of_many(ids)
            lost_by = await self._views.lost_by(ids, start_ms)
            some = zip(quiets[at : at + READ_AT_ONCE], ids, strict=True)
            bases += [_Basis(quiet, org, rooms_of[user], lost_by[user]) for quiet, user in some]
        return bases

    def _releasing(self, user: OwnedUser) -> UserQuiet:
        """Give the state that will be stored at the end, before anybody is given anything."""
        after = self._machine.advance(user.quiet, self._org(), _hold_of(user.quiet).end_ms)
        return self._seal(user, after).state

    def _moved(self, users: Sequence[OwnedUser], parts: Parts) -> dict[int, set[RoomId]]:
        """Tell in which rooms something happened, or became known, since releases were made ahead; by `id(parts)`."""
        before = {id(one.parts): one.parts for user in users if (one := self._ready.get(user.id)) is not None}
        return {
            key: {room for room in parts.keys() | old.keys() if parts.get(room) is not old.get(room)}
            for key, old in before.items()
        }

    def _take_ready(self, user: OwnedUser, basis: _Basis, moved: Mapping[int, set[RoomId]]) -> Made | None:
        """Give what was made ahead, if nothing has changed since."""
        ahead = self._ready.pop(user.id, None)
        if ahead is None:
            return None
        made = ahead.made
        holds = made.user is user and ahead.basis == basis and moved[id(ahead.parts)].isdisjoint(basis.rooms)
        holds = holds and late_by_s(made.hold, self._clock.now_ms()) is None
        _ahead.labels("used" if holds else "made again").inc()
        return made if holds else None

    def _made(self, user: OwnedUser, basis: _Basis, parts: Parts, now_ms: int) -> Made:
        hold, late_s = _hold_of(basis.quiet), late_by_s(_hold_of(basis.quiet), now_ms)
        rooms = [part for room in basis.rooms if (part := parts.get(room)) is not None]
        after = self._seal(user, self._machine.done(basis.quiet, now_ms, noted=True))
        state = self._machine.state(after.state, basis.org)
        made = release(user.id, hold, rooms, basis.lost, after=state, late_by_s=late_s, now_ms=now_ms)
        if made.is_empty:
            after = self._seal(user, self._machine.done(basis.quiet, now_ms, noted=False))
        return Made(user, hold, made, after, state, late_s)


def _rooms_of(bases: Sequence[_Basis]) -> set[RoomId]:
    return set(chain.from_iterable(basis.rooms for basis in bases))


def _is_held(user: OwnedUser, start_ms: int, now_ms: int) -> bool:
    hold = user.quiet.hold
    return hold is not None and hold.start_ms == start_ms and now_ms < hold.end_ms


def _hold_of(quiet: UserQuiet) -> Hold:
    if quiet.hold is None:
        raise ValueError("no hold to release")
    return quiet.hold
