"""Writing states to the log: what memory holds afterwards is what the log holds, under our fence."""

from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from kaftalk_dnd_batch.owned_users import OwnedUser
from kaftalk_dnd_batch.quiet_log import NotClaimed, QuietLog, Write
from kaftalk_protocol.quiet_records import UserQuiet, encode
from kaftalk_roomlog.errors import AppendError, AppendUnknown, ReadError
from kaftalk_roomlog.partition_queue import Appended
from kaftalk_runtime import metrics

_failed = metrics.counter("kaftalk_dnd_batch_writes_failed_total", "Records of quiet hours that were not stored")


class Sealed(NamedTuple):
    """A user's next state, and the record that makes it so."""

    user: OwnedUser
    state: UserQuiet
    write: Write

    def take(self, result: Appended | AppendError) -> bool:
        """Let memory follow the log; False if the state is not in force, and may be in the log as a stale record."""
        if not isinstance(result, Appended) or not self.user.owned:
            return False
        self.user.quiet, self.user.stored = self.state, True
        return True


class Store:
    """Appends states. `verify` finds out which shards are lost; `doubt` is told of a shard whose end is unknown."""

    def __init__(self, log: QuietLog, *, verify: Callable[[], Awaitable[None]], doubt: Callable[[int], None]) -> None:
        self._log = log
        self._verify = verify
        self._doubt = doubt

    def seal(self, user: OwnedUser, quiet: UserQuiet) -> Sealed:
        """Give a state, made of the user's, the next version and our fence; who stores it holds the user's lock."""
        state = quiet.model_copy(update={"version": quiet.version + 1, "fence": self.fence(user.shard)})
        return Sealed(user, state, Write(user.shard, user.id, encode(state)))

    def fence(self, shard: int) -> int:
        """Give our fence in a shard; one that was taken from us has none, and nobody counts what we write there."""
        try:
            return self._log.fence(shard)
        except NotClaimed:
            return -1

    async def put(self, changes: Sequence[tuple[OwnedUser, UserQuiet]]) -> list[bool]:
        """Store new states of users whose locks the caller holds, and tell which are in force."""
        sealed = [self.seal(user, quiet) for user, quiet in changes]
        results = await self.append([one.write for one in sealed])
        return [one.take(result) for one, result in zip(sealed, results, strict=True)]

    async def append(self, writes: Sequence[Write]) -> list[Appended | AppendError]:
        """Append records; on return, shards that somebody has claimed before are let go of."""
        results = await self._log.append(writes)
        for write, result in zip(writes, results, strict=True):
            if not isinstance(result, Appended):
                _failed.inc()
            if isinstance(result, AppendUnknown):
                self._doubt(write.shard)
        shards = {write.shard for write in writes}
        if self._log.suspects(shards):
            try:
                await self._verify()
            except ReadError:
                # What is in the log may be ahead of memory now.
                for shard in shards:
                    self._doubt(shard)
        return results
