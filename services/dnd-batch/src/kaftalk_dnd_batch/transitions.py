"""The passing of time: at its instant each state goes on, those that end are released, in order of their ends."""

import asyncio
import contextlib
from collections.abc import Sequence

from kaftalk_dnd_batch.book import Book
from kaftalk_dnd_batch.log_clock import LogClock
from kaftalk_dnd_batch.machine import Machine
from kaftalk_dnd_batch.owned_users import OwnedUser
from kaftalk_dnd_batch.releases import Releases
from kaftalk_dnd_batch.states import States
from kaftalk_dnd_batch.store import Store
from kaftalk_dnd_batch.timers import Timers
from kaftalk_protocol.quiet_profile import OrgQuiet
from kaftalk_protocol.quiet_records import UserQuiet
from kaftalk_roomlog.errors import ReadError
from kaftalk_runtime import metrics
from kaftalk_runtime.logs import get_logger
from kaftalk_runtime.redis_client import RedisError
from kaftalk_views.errors import ViewUnavailable

A_ROUND = 1_000
RELEASES_AT_ONCE = 5
"""Rounds: those who are made ahead go together, and wait for Kafka's answers side by side."""
BUSY_MS = 100
RETRY_MS = 500
BROKEN_MS = 60_000
LOOK_EVERY_S = 1.0
NOT_YET_S = 0.02
KNOWN_START_MS = 5_000

_log = get_logger(__name__)
_begun = metrics.counter("kaftalk_dnd_batch_holds_begun_total", "Holds that began")
_again = metrics.counter("kaftalk_dnd_batch_retries_total", "States and releases that have to be tried again")
_overdue = metrics.gauge("kaftalk_dnd_batch_overdue_seconds", "For how long the first user waits whose instant came")
_broken = metrics.counter("kaftalk_dnd_batch_broken_total", "Users and batches of releases that ended with an error")


class Transitions:
    """Takes users whose instant has come, a batch at a time, and leaves the event loop to others in between."""

    def __init__(
        self,
        timers: Timers,
        clock: LogClock,
        machine: Machine,
        store: Store,
        releases: Releases,
        states: States,
        book: Book,
    ) -> None:
        self._timers = timers
        self._clock = clock
        self._machine = machine
        self._store = store
        self._releases = releases
        self._states = states
        self._book = book
        self._running: set[asyncio.Task[None]] = set()
        self._room = asyncio.Semaphore(RELEASES_AT_ONCE)

    async def run(self) -> None:
        """Go on, for ever."""
        while True:
            next_ms = self._timers.next_ms()
            if next_ms is None or self._clock.now_ms() < next_ms:
                await self._sleep_until(next_ms)
            elif not await self._clock.reached(next_ms):
                await asyncio.sleep(NOT_YET_S)
            else:
                await self._go_on(self._timers.take(self._clock.stored_ms, A_ROUND))
            next_ms = self._timers.next_ms() or self._clock.now_ms()
            _overdue.set(max(0, self._clock.now_ms() - next_ms) / 1000)

    async def finish(self) -> None:
        """Return when the releases that have begun are over."""
        for _ in range(RELEASES_AT_ONCE):
            await self._room.acquire()

    async def _sleep_until(self, next_ms: int | None) -> None:
        left_s = LOOK_EVERY_S if next_ms is None else (next_ms - self._clock.now_ms()) / 1000
        self._timers.changed.clear()
        if self._timers.next_ms() == next_ms:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(left_s, LOOK_EVERY_S)):
                    await self._timers.changed.wait()

    async def _go_on(self, due: Sequence[OwnedUser]) -> None:
        now_ms = self._clock.stored_ms
        taken = []
        for user in due:
            if user.lock.locked():
                self._timers.set(user, now_ms + BUSY_MS)
            else:
                await user.lock.acquire()
                taken.append(user)
        failed: set[OwnedUser] = set(taken)
        releasing: list[OwnedUser] = []
        try:
            failed = await self._advance(taken, now_ms)
            releasing = [user for user in taken if _is_releasing(user) and user.owned and user not in failed]
        finally:
            for user in set(taken).difference(releasing):
                user.lock.release()
                self._set_again(user, failed=user in failed)
        if releasing:
            await self._room.acquire()
            task = asyncio.create_task(self._release(releasing))
            self._running.add(task)
            task.add_done_callback(self._running.discard)

    async def _advance(self, users: Sequence[OwnedUser], now_ms: int) -> set[OwnedUser]:
        """Store what time has brought, and give those for whom that failed."""
        org = self._book.org.org
        changes: list[tuple[OwnedUser, UserQuiet]] = []
        for user in users:
            after = self._after(user, org, now_ms)
            if after is not user.quiet:
                changes.append((user, after))
        before = [user.quiet for user, _ in changes]
        in_force = await self._store.put(changes)
        news = [
            user
            for (user, _), was, stored in zip(changes, before, in_force, strict=True)
            if stored and not _is_releasing(user) and not _is_known(was, user.quiet, now_ms)
        ]
        if news:
            self._states.put({user.id: self._book.told(user) for user in news})
        return {user for (user, _), stored in zip(changes, in_force, strict=True) if not stored}

    def _after(self, user: OwnedUser, org: OrgQuiet, now_ms: int) -> UserQuiet:
        """Work out what time has brought; one user for whom that fails must not stop the others."""
        try:
            return self._machine.advance(user.quiet, org, now_ms)
        except Exception as error:  # noqa: BLE001 - the edge of one user's work
            self._note_broken(user, error)
            return user.quiet

    async def _release(self, users: Sequence[OwnedUser]) -> None:
        """Release a batch; who is not done is tried again soon, by whoever owns her then."""
        try:
            await self._releases.release(users)
        except (RedisError, ViewUnavailable, ReadError) as error:
            _log.warning("release_put_off", users=len(users), error=repr(error))
        except Exception as error:  # noqa: BLE001 - the edge of a task
            _broken.inc()
            _log.error("release_broken", users=len(users), error=repr(error), exc_info=error)
        finally:
            for user in users:
                user.lock.release()
                self._set_again(user, failed=_is_releasing(user))
            self._room.release()

    def _set_again(self, user: OwnedUser, *, failed: bool) -> None:
        if failed and user.owned:
            _again.inc()
            self._timers.set(user, self._clock.now_ms() + RETRY_MS)
            return
        try:
            self._book.plan(user)
        except Exception as error:  # noqa: BLE001 - the edge of one user's work
            self._note_broken(user, error)
            self._timers.set(user, self._clock.now_ms() + BROKEN_MS)

    def _note_broken(self, user: OwnedUser, error: Exception) -> None:
        _broken.inc()
        _log.error("user_broken", user=user.id, error=repr(error), exc_info=error)


def _is_releasing(user: OwnedUser) -> bool:
    return user.quiet.hold is not None and user.quiet.hold.state == "releasing"


def _is_known(before: UserQuiet, after: UserQuiet, now_ms: int) -> bool:
    """Tell whether gateways know the change already: a hold that begins as they were told it would."""
    if before.hold is not None or after.hold is None:
        return False
    _begun.inc()
    return now_ms - after.hold.start_ms < KNOWN_START_MS and before.zone_change == after.zone_change
