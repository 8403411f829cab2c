"""The quiet hours of the users that are ours: the only way to read and change them.

The log is the truth: a change is answered once it is stored under our fence. Then memory, Redis and the gateways
follow, in this order.
"""

import asyncio
import contextlib
from collections.abc import Callable, Collection, Iterable
from functools import partial

from kaftalk_dnd_batch.accounts import Accounts
from kaftalk_dnd_batch.commands import Command, Discard, FollowOrg, NotePierced
from kaftalk_dnd_batch.errors import BookUnavailable, NotMine
from kaftalk_dnd_batch.machine import LEAD_MS, Machine
from kaftalk_dnd_batch.owned_users import OwnedUser, OwnedUsers
from kaftalk_dnd_batch.quiet_log import QuietLog, Write
from kaftalk_dnd_batch.states import States
from kaftalk_dnd_batch.store import Store
from kaftalk_dnd_batch.timers import Timers
from kaftalk_protocol.ids import UserId
from kaftalk_protocol.quiet_profile import OrgQuiet
from kaftalk_protocol.quiet_records import ORG_KEY, OrgRecord, Released, UserQuiet, encode, parse, released_key
from kaftalk_protocol.quiet_state import QuietState
from kaftalk_roomlog.partition_queue import Appended
from kaftalk_roomlog.shards import shard_of
from kaftalk_runtime import metrics
from kaftalk_runtime.clock import Clock
from kaftalk_runtime.logs import get_logger
from kaftalk_runtime.tasks import Tasks

PATIENCE_S = 5.0
TOLD_WITHIN_S = 0.5
A_ROUND = 500

_log = get_logger(__name__)
_pierced = metrics.counter("kaftalk_pierced_total", "Alerts that went out in spite of a hold", "reason")
_discarded = metrics.counter("kaftalk_dnd_batch_discarded_total", "Holds that ended with their account")

Check = Callable[[UserQuiet], None]


class Book:
    """Answers for the shards of this instance.

    Methods raise NotMine for the users of other instances (send the request there), and BookUnavailable while a shard
    is being read or Kafka does not answer.
    """

    def __init__(  # noqa: PLR0913 - whatever follows a change is written here, and nowhere else
        self,
        *,
        owned: OwnedUsers,
        log: QuietLog,
        store: Store,
        machine: Machine,
        clock: Clock,
        timers: Timers,
        states: States,
        accounts: Accounts,
        tasks: Tasks,
        shards: int,
        wanted: Callable[[], Collection[int]],
    ) -> None:
        self._owned = owned
        self._log = log
        self._store = store
        self._machine = machine
        self._clock = clock
        self._timers = timers
        self._states = states
        self._accounts = accounts
        self._tasks = tasks
        self._shards = shards
        self._wanted = wanted
        self._org = OrgRecord()

    @property
    def org(self) -> OrgRecord:
        """The organisation's defaults, as this instance knows them; another's change is known within a second."""
        return self._org

    async def get(self, user: UserId) -> UserQuiet:
        """Give a user's state; who has no record lives by the organisation's defaults (version 0).

        Raises NotMine, BookUnavailable.
        """
        return self.user(user).quiet

    def state(self, user: UserId) -> QuietState:
        """Give what gateways are told of a user.

        Raises NotMine, BookUnavailable.
        """
        found = self.user(user)
        return self.told(found) or QuietState(user=user, version=found.quiet.version)

    def shown(self, user: UserId) -> QuietState:
        """Give what the user and others are shown.

        Raises NotMine, BookUnavailable.
        """
        found = self.user(user)
        if not found.active:
            return QuietState(user=user, version=found.quiet.version)
        return self._machine.shown(found.quiet, self._org.org, self._clock.now_ms())

    async def perform(self, user: UserId, command: Command, *, check: Check | None = None) -> UserQuiet:
        """Change a user's state and give the new one, once it is stored.

        `check` sees the state just before, under the user's lock, and may raise to refuse. A command that changes
        nothing writes nothing. Raises NotMine, BookUnavailable (the change may still come into force then).
        """
        found = self.user(user)
        work = asyncio.create_task(self._perform(found, command, check))
        try:
            async with asyncio.timeout(PATIENCE_S):
                return await asyncio.shield(work)
        except TimeoutError as error:
            work.add_done_callback(_quietly)
            raise BookUnavailable("not stored in time") from error

    async def put_org(self, org: OrgQuiet, *, check: Callable[[OrgRecord], None] | None = None) -> OrgRecord:
        """Replace the organisation's defaults; whoever lives by them follows within a second.

        Raises NotMine with the key `org`, BookUnavailable.
        """
        shard = self._ready_shard(ORG_KEY, ORG_KEY)
        if check is not None:
            check(self._org)
        record = OrgRecord(
            version=self._org.version + 1,
            updated_ms=self._clock.now_ms(),
            org=org,
            fence=self._log.fence(shard),
        )
        (result,) = await self._store.append([Write(shard, ORG_KEY, encode(record))])
        if not isinstance(result, Appended) or shard not in self._owned.shards:
            raise BookUnavailable("not stored")
        await self.follow_org(record)
        return record

    async def digests(self, user: UserId) -> list[Released]:
        """Give the releases of a user's last seven days, newest first, previews left out.

        Raises NotMine, BookUnavailable.
        """
        found = self.user(user)
        newest_first = sorted(found.releases.items(), key=lambda item: item[1].offset, reverse=True)
        values = await asyncio.gather(
            *(
                self._log.value_at(found.shard, place.offset, released_key(user, release))
                for release, place in newest_first
            )
        )
        records = (parse(value) for value in values if value is not None)
        return [record for record in records if isinstance(record, Released)]

    def user(self, user: UserId) -> OwnedUser:
        """Find a user, or make the state of one who has no record.

        Raises NotMine, BookUnavailable.
        """
        found = self._owned.get(user)
        if found is not None:
            return found
        shard = self._ready_shard(user, user)
        return self._owned.put(OwnedUser(shard, self._implicit(user), stored=False, active=self._accounts.active(user)))

    def told(self, user: OwnedUser) -> QuietState | None:
        """Give what gateways are told; None for who has no quiet hours at all."""
        if not user.active:
            return None
        state = self._machine.state(user.quiet, self._org.org)
        return state if state.hold is not None or user.stored else None

    def plan(self, user: OwnedUser) -> None:
        """Set a user's timer by her state."""
        if user.owned and user.active:
            now_ms = self._clock.now_ms()
            self._timers.set(user, self._machine.due_ms(user.quiet, self._org.org, now_ms))

    async def follow_org(self, record: OrgRecord) -> None:
        """Take in the organisation's record, and let everybody live by it."""
        if record.version <= self._org.version:
            return
        before, self._org = self._org.org, record
        if shard_of(ORG_KEY, self._shards) in self._owned.shards:
            self._states.put_org(urgent_allowed=record.org.urgent_allowed)
        users = [user for user in self._owned if user.active]
        for start in range(0, len(users), A_ROUND):
            await asyncio.gather(*(self._follow(user, FollowOrg(before)) for user in users[start : start + A_ROUND]))
        self.enlist(self._accounts.everybody())

    def take(self, users: Iterable[OwnedUser]) -> None:
        """Take up users of a shard that has just been read."""
        for user in users:
            user.active = self._accounts.active(user.id)
            if user.active:
                self.plan(user)
            elif user.quiet.hold is not None:
                self._tasks.run("discard", partial(self._discard, user))
        self.enlist(self._accounts.everybody())

    async def follow_account(self, user: UserId) -> None:
        """Follow an account that appeared, changed or went."""
        found, active = self._owned.get(user), self._accounts.active(user)
        if found is None:
            if active:
                self.enlist([user])
        elif found.active != active:
            found.active = active
            if active:
                self.plan(found)
            else:
                await self._discard(found)

    def enlist(self, users: Collection[UserId]) -> None:
        """Plan for accounts without a record, if the organisation says anything for them."""
        if self._org.version == 0:
            return
        for user in users:
            if shard_of(user, self._shards) in self._owned.shards and self._owned.get(user) is None:
                found = self.user(user)
                self.plan(found)
                self._states.put({user: self.told(found)})

    async def _discard(self, user: OwnedUser) -> None:
        """Drop what is held for an account that is no more: nobody is there to be given it."""
        held = user.quiet.hold
        if user.stored:
            with contextlib.suppress(NotMine, BookUnavailable):
                await self._perform(user, Discard(), None)
        if held is not None:
            _discarded.inc()
            _log.info("hold_discarded", user=user.id, release_id=held.release_id, window=[held.start_ms, held.end_ms])
        self._states.put({user.id: None})

    async def _follow(self, user: OwnedUser, command: FollowOrg) -> None:
        if not user.stored:
            user.quiet = self._implicit(user.id)
            self.plan(user)
        else:
            with contextlib.suppress(NotMine, BookUnavailable):
                await self._perform(user, command, None)
        self._states.put({user.id: self.told(user)})

    async def _perform(self, user: OwnedUser, command: Command, check: Check | None) -> UserQuiet:
        async with user.lock:
            if not user.owned:
                raise NotMine(user.id)
            if check is not None:
                check(user.quiet)
            after = self._machine.perform(user.quiet, self._org.org, command, self._clock.now_ms())
            if after is user.quiet:
                return after
            (stored,) = await self._store.put([(user, after)])
            if not stored:
                raise BookUnavailable("not stored")
            self.plan(user)
            if isinstance(command, NotePierced):
                _pierced.labels(command.reason).inc()
            told = self._states.put({user.id: self.told(user)})
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(TOLD_WITHIN_S):
                await asyncio.shield(told)
        return user.quiet

    def _implicit(self, user: UserId) -> UserQuiet:
        settled_ms = self._org.updated_ms + LEAD_MS if self._org.updated_ms else 0
        return UserQuiet(user=user, settled_ms=max(settled_ms, self._accounts.created_ms(user)))

    def _ready_shard(self, key: str, asked: UserId | str) -> int:
        shard = shard_of(key, self._shards)
        if shard in self._owned.shards:
            return shard
        if shard in self._wanted():
            raise BookUnavailable("the shard is being read")
        raise NotMine(asked)


def _quietly(task: "asyncio.Task[UserQuiet]") -> None:
    """Let a change that nobody waits for end without a word: who asked was told that its fate is unknown."""
    if not task.cancelled():
        task.exception()
