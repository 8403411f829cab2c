"""How much is held, counted from the index of a room's newest messages: cheap enough for every second. Pure.

Nobody's own messages are above her read cursor: sending moves it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from kaftalk_protocol import redis_keys
from kaftalk_protocol.ids import RoomId, UserId
from kaftalk_views.errors import ViewUnknown
from kaftalk_views.room_views import Facts, facts_of, facts_read
from kaftalk_views.view_fields import Command, member_of

COUNT_MAX = 1_000

Bounds = Mapping[UserId, int]
"""From where on is counted for whom, exclusive."""


@dataclass(frozen=True, slots=True)
class HeldCount:
    """Others' messages that one has not read, at most 1,000; `first_seq` is that of the oldest."""

    count: int
    mentions: int
    first_seq: int | None


class CountRow(NamedTuple):
    """What Redis says of a room for a count; members and cursors are of the users in `Bounds`, in their order."""

    facts: Facts
    members: Sequence[str | None]
    cursors: Sequence[str | None]
    newest: Sequence[str]
    mentions: Sequence[str]


def count_reads(room: RoomId, bounds: Bounds) -> list[Command]:
    """Give the reads of a `CountRow`; as many for one user as for thousands."""
    above = f"({min(bounds.values())}"
    return [
        facts_read(room),
        ("HMGET", redis_keys.room_members(room), *bounds),
        ("HMGET", redis_keys.room_cursors(room), *bounds),
        ("ZRANGEBYSCORE", redis_keys.room_index(room), above, "+inf"),
        ("ZRANGEBYSCORE", redis_keys.room_mentions(room), above, "+inf"),
    ]


def count_row(room: RoomId, replies: Iterator[Any]) -> CountRow:
    """Take the replies to `count_reads`.

    Raises ViewUnknown.
    """
    facts, *rest = (next(replies) for _ in range(5))
    found = facts_of(room, facts)
    if found is None:
        raise ViewUnknown(room)
    return CountRow(found, *rest)


def counted(row: CountRow, bounds: Bounds) -> dict[UserId, HeldCount]:
    """Count for each user who is a member."""
    unread = _Unread(row)
    standing = zip(bounds.items(), row.members, row.cursors, strict=True)
    return {
        user: unread.by(user, max(bound, member_of(member).joined_seq, -1 if read is None else int(read)))
        for (user, bound), member, read in standing
        if member is not None
    }


class _Unread:
    """The messages of a room and whom they name, as sorted seqs."""

    def __init__(self, row: CountRow) -> None:
        self._seqs = [int(seq) for seq in row.newest]
        self._named: defaultdict[str, list[int]] = defaultdict(list)
        for text in row.mentions:
            seq, _, who = text.partition(":")
            self._named[who].append(int(seq))

    def by(self, user: UserId, bound: int) -> HeldCount:
        at = bisect_right(self._seqs, bound)
        count = len(self._seqs) - at
        if not count:
            return HeldCount(0, 0, None)
        named = {seq for who in (user, "*") for seq in self._named.get(who, ()) if seq > bound}
        return HeldCount(min(count, COUNT_MAX), min(len(named), COUNT_MAX), self._seqs[at])
