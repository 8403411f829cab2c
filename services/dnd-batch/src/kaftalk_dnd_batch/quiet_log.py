"""`kaftalk.quiet-hours`, fenced by itself: who takes a shard appends a claim, and the newest claim in a partition wins.

Every record carries its writer's fence, the offset of that claim. A record whose fence is below the newest claim
before it is stale: nobody counts it, and the owner writes that key again, for compaction would keep the stale one.
Offsets that are not ours show that somebody else has written; only then is anything read.
"""

import asyncio
from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from math import inf
from typing import NamedTuple

import orjson

from kaftalk_protocol.ids import UserId
from kaftalk_protocol.quiet_records import CLAIM_KEY, ORG_KEY, Claim, OrgRecord, UserQuiet, encode, parse
from kaftalk_protocol.topics import QUIET_HOURS
from kaftalk_roomlog.errors import AppendError, ReadError
from kaftalk_roomlog.partition_queue import Appended
from kaftalk_roomlog.ranges import RoomLogRange
from kaftalk_roomlog.records import LogRecord
from kaftalk_roomlog.writer import RoomLogWriter

READ_BYTES = 4 << 20
CLAIM_TIMEOUT_S = 10.0


class Write(NamedTuple):
    """A record to be appended; a value of None takes the key away."""

    shard: int
    key: str
    value: bytes | None


class StoredRelease(NamedTuple):
    """Where the digest of a release lies, and since when."""

    offset: int
    done_ms: int


@dataclass(slots=True)
class Loaded:
    """What a shard holds; `stale` are the last records of their keys that do not count."""

    users: dict[UserId, UserQuiet] = field(default_factory=dict)
    releases: dict[UserId, dict[str, StoredRelease]] = field(default_factory=dict)
    org: OrgRecord | None = None
    stale: dict[str, bytes] = field(default_factory=dict)


@dataclass(slots=True)
class _Claimed:
    """A shard of ours: all below `position` is ours or has been looked at, but for the ranges in `foreign`.

    `sure_s` is the monotonic time at which nobody had claimed it after us.
    """

    fence: int
    position: int
    sure_s: float
    foreign: list[tuple[int, int]] = field(default_factory=list)


class NotClaimed(Exception):
    """The shard is not ours, or not any more."""


class QuietLog:
    """Reads and writes the shards that this instance has claimed."""

    def __init__(self, writer: RoomLogWriter, ranges: RoomLogRange, *, instance: str) -> None:
        self._writer = writer
        self._ranges = ranges
        self._claim = encode(Claim(instance=instance))
        self._claimed: dict[int, _Claimed] = {}

    def fence(self, shard: int) -> int:
        """Give the offset of our claim.

        Raises NotClaimed.
        """
        return self._of(shard).fence

    def fences(self) -> dict[int, int]:
        """Give the fences of all shards that are claimed."""
        return {shard: claimed.fence for shard, claimed in self._claimed.items()}

    def let_go(self, shard: int) -> None:
        """Forget a claim; what is still on its way is stored under the old fence."""
        self._claimed.pop(shard, None)

    async def claim(self, shard: int) -> Loaded:
        """Claim a shard, and read what is in it up to the claim.

        Raises AppendError, ReadError.
        """
        key, asked_s = CLAIM_KEY.encode(), _now_s()
        appended = await self._writer.append(
            QUIET_HOURS, self._claim, key=key, partition=shard, timeout_s=CLAIM_TIMEOUT_S
        )
        loaded = await self._load(shard, appended.offset)
        self._claimed[shard] = _Claimed(appended.offset, appended.offset + 1, asked_s)
        return loaded

    async def append(self, writes: Sequence[Write]) -> list[Appended | AppendError]:
        """Append records and wait for the fate of all, however long that takes; only this raises nothing.

        What Kafka has not stored within seconds is refused; what was sent is sent again until Kafka answers.
        """
        results: list[Appended | AppendError | None] = [None] * len(writes)
        left, asked_s = len(writes), _now_s()
        done = asyncio.get_running_loop().create_future()

        def note(at: int, result: Appended | AppendError) -> None:
            nonlocal left
            results[at] = result
            left -= 1
            if isinstance(result, Appended):
                self._note(writes[at].shard, result.offset, asked_s)
            if not left and not done.done():
                done.set_result(None)

        for at, (shard, key, value) in enumerate(writes):
            try:
                self._writer.submit(QUIET_HOURS, value, partial(note, at), key=key.encode(), partition=shard)
            except AppendError as refused:
                note(at, refused)
        if left:
            await done
        return [result for result in results if result is not None]

    async def check(self) -> tuple[frozenset[int], list[Write]]:
        """Read what others have written: give the shards that are lost, and the stale records in the rest.

        Raises ReadError: nobody knows now.
        """
        if not self._claimed:
            return frozenset(), []
        asked_s = _now_s()
        ends = await self._ranges.partition_ends(QUIET_HOURS)
        lost: set[int] = set()
        stale: list[Write] = []
        for shard, claimed in list(self._claimed.items()):
            foreign, claimed.foreign = claimed.foreign, []
            if ends.get(shard, 0) > claimed.position:
                foreign.append((claimed.position, ends[shard]))
                claimed.position = ends[shard]
            try:
                for start, stop in foreign:
                    records = [record async for record in self._records(shard, start, stop)]
                    found, newer = _judged(shard, records, claimed.fence)
                    stale += found
                    if newer:
                        lost.add(shard)
            except ReadError:
                claimed.foreign = foreign + claimed.foreign
                raise
            claimed.sure_s = max(claimed.sure_s, asked_s)
        return frozenset(lost), stale

    def suspects(self, shards: Collection[int]) -> bool:
        """Tell whether somebody else has written to one of these shards, so that it has to be checked."""
        return any(self._claimed[shard].foreign for shard in shards if shard in self._claimed)

    def sure_since_s(self, shards: Collection[int]) -> float:
        """Give the monotonic time at which all these shards were surely ours; -inf if one is not."""
        return min((self._claimed[shard].sure_s if shard in self._claimed else -inf for shard in shards), default=inf)

    async def value_at(self, shard: int, offset: int, key: str) -> bytes | None:
        """Read one record; None if it is not there any more.

        Raises ReadError.
        """
        try:
            records = await self._ranges.read(QUIET_HOURS, offset, offset + 1, partition=shard)
        except ReadError:
            return None
        return next((record.value for record in records if record.key == key.encode() and not record.deleted), None)

    def _of(self, shard: int) -> _Claimed:
        claimed = self._claimed.get(shard)
        if claimed is None:
            raise NotClaimed(shard)
        return claimed

    def _note(self, shard: int, offset: int, asked_s: float) -> None:
        claimed = self._claimed.get(shard)
        if claimed is None or offset < claimed.position:
            return
        if offset > claimed.position:
            claimed.foreign.append((claimed.position, offset))
        if not claimed.foreign:
            claimed.sure_s = max(claimed.sure_s, asked_s)
        claimed.position = offset + 1

    async def _load(self, shard: int, end: int) -> Loaded:
        loaded, newest_claim = Loaded(), -1
        async for record in self._records(shard, 0, end):
            newest_claim = fold(loaded, record, newest_claim)
        return loaded

    async def _records(self, shard: int, start: int, stop: int) -> AsyncIterator[LogRecord]:
        start = max(start, (await self._ranges.bounds(QUIET_HOURS, partition=shard)).start)
        while start < stop:
            records = await self._ranges.read(QUIET_HOURS, start, stop, partition=shard, bytes_max=READ_BYTES)
            for record in records:
                yield record
            start = records[-1].offset + 1 if records else stop


def fold(loaded: Loaded, record: LogRecord, newest_claim: int) -> int:
    """Take the next record of a partition in, and give the newest claim up to it (-1 before the first)."""
    key = (record.key or b"").decode()
    if key == CLAIM_KEY:
        return record.offset
    if key.startswith("tick|"):
        return newest_claim
    user, _, release = key.partition("|")
    if record.deleted:
        loaded.releases.get(UserId(user), {}).pop(release, None)
        return newest_claim
    if _fence(record.value) < newest_claim:
        loaded.stale[key] = record.value
        return newest_claim
    loaded.stale.pop(key, None)
    if release:
        place = StoredRelease(record.offset, orjson.loads(record.value).get("done_ms", 0))
        loaded.releases.setdefault(UserId(user), {})[release] = place
        return newest_claim
    match parse(record.value):
        case UserQuiet() as quiet:
            loaded.users[quiet.user] = quiet
        case OrgRecord() as org if key == ORG_KEY:
            loaded.org = org
    return newest_claim


def _judged(shard: int, records: Iterable[LogRecord], fence: int) -> tuple[list[Write], bool]:
    """Give the stale records, and whether somebody has claimed after us."""
    stale: list[Write] = []
    for record in records:
        key = (record.key or b"").decode()
        if key == CLAIM_KEY and record.offset > fence:
            return [], True
        if key != CLAIM_KEY and not key.startswith("tick|") and not record.deleted and _fence(record.value) != fence:
            stale.append(Write(shard, key, record.value))
    return stale, False


def _now_s() -> float:
    return asyncio.get_running_loop().time()


def _fence(value: bytes) -> int:
    try:
        return int(orjson.loads(value)["fence"])
    except (ValueError, KeyError, TypeError):
        return -1
