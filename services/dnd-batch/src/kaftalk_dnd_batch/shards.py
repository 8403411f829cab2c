"""Which users are ours: the shards that the group gave us, once they are claimed in the log and read."""

import asyncio
import gc
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from weakref import WeakSet

import orjson

from kaftalk_dnd_batch.owned_users import OwnedUser, OwnedUsers
from kaftalk_dnd_batch.quiet_log import Loaded, QuietLog, StoredRelease, Write
from kaftalk_dnd_batch.store import Store
from kaftalk_protocol.ids import UserId
from kaftalk_roomlog.errors import AppendError, ReadError
from kaftalk_roomlog.ownership import ShardOwnership
from kaftalk_roomlog.partition_queue import Appended
from kaftalk_runtime import metrics
from kaftalk_runtime.clock import Clock
from kaftalk_runtime.logs import get_logger

CLAIMS_AT_ONCE = 4
CHECK_EVERY_S = 1.0
RETRY_S = 0.5
AGAIN_AFTER_S = 10.0
"""Whoever claimed a shard that the group says is ours has heard of a newer assignment, or will hear of ours."""

_log = get_logger(__name__)
_owned_shards = metrics.gauge("kaftalk_dnd_batch_owned_shards", "Shards of this instance, claimed and read")
_owned_users = metrics.gauge("kaftalk_dnd_batch_owned_users", "Users of this instance")
_all: "WeakSet[OwnedUsers]" = WeakSet()
_fenced = metrics.counter("kaftalk_dnd_batch_fenced_total", "Shards lost to a newer claim in the log")
_stale = metrics.counter("kaftalk_dnd_batch_stale_records_total", "Records of older owners that were written over")


def _holds() -> Iterable[tuple[metrics.Labels, float]]:
    """Count what is held now; nobody keeps such a number, and it is asked for a few times a minute."""
    states = Counter(user.quiet.hold.state for owned in _all for user in owned if user.quiet.hold is not None)
    return [((state,), states[state]) for state in ("holding", "releasing")]


metrics.gauge_at_scrape("kaftalk_dnd_batch_holds", "Users of this instance in a hold", _holds, "state")


class Shards:
    """Claims what the group gives, lets go of what it takes away or what somebody has claimed after us.

    `taken` is told of the users of a shard that was read, when it is ready.
    """

    def __init__(self, ownership: ShardOwnership, log: QuietLog, owned: OwnedUsers, clock: Clock) -> None:
        self._ownership = ownership
        self._log = log
        self._owned = owned
        _all.add(owned)
        self._clock = clock
        self._changed = asyncio.Event()
        self._not_before_s: dict[int, float] = {}
        self._checking = asyncio.Lock()
        self.wanted: frozenset[int] = frozenset()

    def wire(self, store: Store, taken: Callable[[int, Sequence[OwnedUser]], None]) -> None:
        """Say what writes stale keys over, and who is told of a shard that is ready."""
        self._store = store
        self._taken = taken

    async def follow_ownership(self) -> None:
        """Note what the group says, for ever."""
        async for owned in self._ownership.changes():
            _log.info("shards_changed", owned=len(owned))
            self.wanted = owned
            for shard in self._owned.shards - owned:
                self._drop(shard)
            self._not_before_s.clear()
            self._changed.set()

    async def claim(self) -> None:
        """Claim and read what is wanted and not ready, for ever."""
        gate = asyncio.Semaphore(CLAIMS_AT_ONCE)
        while True:
            due = [shard for shard in self.wanted - self._owned.shards if self._may_claim(shard)]
            await asyncio.gather(*(self._take(shard, gate) for shard in due))
            _owned_shards.set(len(self._owned.shards))
            _owned_users.set(len(self._owned))
            if due:
                # What was read stays: looking through it for cycles would stop everything for a moment in a stampede.
                gc.freeze()
            if self.wanted <= self._owned.shards:
                self._changed.clear()
                if self.wanted <= self._owned.shards:
                    await self._changed.wait()
            else:
                await asyncio.sleep(RETRY_S)

    async def watch(self) -> None:
        """Look every second whether somebody else writes into our shards, for ever."""
        while True:
            await asyncio.sleep(CHECK_EVERY_S)
            try:
                await self.verify()
            except ReadError as error:
                _log.info("shards_not_checked", error=repr(error))

    async def verify(self) -> None:
        """Let go of what is not ours any more, and write stale keys over.

        Raises ReadError: nobody knows now.
        """
        async with self._checking:
            lost, stale = await self._log.check()
        for shard in lost:
            _fenced.inc()
            _log.warning("shard_claimed_by_another", shard=shard)
            self._not_before_s[shard] = self._clock.monotonic() + AGAIN_AFTER_S
            self._drop(shard)
        if rewrites := [write for write in stale if write.shard in self._owned.shards]:
            _stale.inc(len(rewrites))
            asyncio.get_running_loop().create_task(self._write_over(rewrites))

    def doubt(self, shard: int) -> None:
        """Read a shard again: nobody knows what became of a record."""
        self._drop(shard)

    def let_go(self) -> None:
        """Drop everything: this instance goes."""
        self.wanted = frozenset()
        for shard in self._owned.shards:
            self._drop(shard)

    def _may_claim(self, shard: int) -> bool:
        return self._not_before_s.get(shard, 0.0) <= self._clock.monotonic()

    def _drop(self, shard: int) -> None:
        self._log.let_go(shard)
        self._owned.drop_shard(shard)
        self._changed.set()

    async def _take(self, shard: int, gate: asyncio.Semaphore) -> None:
        async with gate:
            try:
                loaded = await self._log.claim(shard)
            except (AppendError, ReadError) as error:
                _log.warning("shard_not_claimed", shard=shard, error=repr(error))
                return
            if shard not in self.wanted:
                self._log.let_go(shard)
                return
            users = self._owned.take_shard(shard, loaded)
            self._taken(shard, users)
            await self._write_over(_stale_writes(shard, loaded))

    async def _write_over(self, stale: Collection[Write]) -> None:
        """Write keys again that a stale record stands for: compaction keeps the last one of a key, whoever wrote it."""
        for shard, key, value in stale:
            name, _, release = key.partition("|")
            user = self._owned.get(UserId(name))
            if user is None:
                # Nobody has a valid record of it: there is none.
                await self._store.append([Write(shard, key, None)])
            elif not release:
                async with user.lock:
                    if user.owned:
                        await self._store.put([(user, user.quiet)])
            elif value is not None:
                fenced = orjson.dumps(orjson.loads(value) | {"fence": self._store.fence(shard)})
                (result,) = await self._store.append([Write(shard, key, fenced)])
                if isinstance(result, Appended):
                    user.releases[release] = StoredRelease(result.offset, self._clock.now_ms())


def _stale_writes(shard: int, loaded: Loaded) -> list[Write]:
    return [Write(shard, key, value) for key, value in loaded.stale.items()]
