"""What one room releases: made once for all whose hold began together, then cut to each member. Pure."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from kaftalk_protocol.ids import UserId
from kaftalk_views.cursors import muted_until
from kaftalk_views.held_range import HeldRange, Said
from kaftalk_views.room_views import Facts
from kaftalk_views.view_fields import member_of

ITEMS_MAX = 50
PREVIEW_CHARS = 80

_NOBODY = UserId("")


@dataclass(frozen=True, slots=True)
class UserPart:
    """What a room's batch has for one member: items after `from_`, and what they say to her.

    `count` and `mentions` are of others' messages that she has not read, whether or not they are among the items;
    `expired` says that retention took some of it; `mine` are her own reactions to the items, as (seq, emoji).
    """

    from_: int
    count: int
    mentions: int
    first_seq: int | None
    last_seq: int | None
    last_by: UserId | None
    preview: str | None
    expired: bool
    muted: bool
    mine: tuple[tuple[int, str], ...]


class Standing(NamedTuple):
    """Members, read cursors and mutes of a room, as Redis has them."""

    members: Mapping[str, str]
    cursors: Mapping[str, str]
    mutes: Mapping[str, str]

    def without(self, users: Set[str]) -> Standing:
        """Leave users out."""
        return Standing(*({user: field[user] for user in field.keys() - users} for field in self))


@dataclass(frozen=True, slots=True)
class HeldRoom:
    """A room and the range `(floor, head]` that is held of it; retention took what is below `expired_below`."""

    facts: Facts
    first: int
    floor: int
    expired_below: int | None


class RoomBatch:
    """What one room releases to all whose hold began at one instant; `items` are its newest, as of `to`.

    `plain` members have all the same of it, `common`: most of a large room.
    """

    __slots__ = (
        "_bys", "_everyone", "_expired_below", "_items_from", "_mine", "_named", "_nothing", "_own", "_previews",
        "_seqs", "_standing", "activity_ms", "common", "epoch", "expired", "first", "floor", "items", "kind", "name",
        "plain", "room", "to",
    )  # fmt: skip

    def __init__(self, held: HeldRoom, range_: HeldRange, standing: Standing, media: Mapping[str, Any]) -> None:
        facts = held.facts
        self.room, self.kind, self.name = facts.room, facts.kind, facts.name
        self.epoch, self.to = facts.head.epoch, facts.head.seq
        self.first, self.floor = held.first, held.floor
        self.expired = held.expired_below is not None
        self._expired_below = held.expired_below or 0
        self._standing = standing
        self._show(range_, media)
        self._count(range_.messages())
        self._nothing = UserPart(self.to, 0, 0, None, None, None, None, expired=False, muted=False, mine=())
        self.common = self._part(_NOBODY, self.floor)
        self.plain = self._find_plain()
        # Thousands of large rooms are kept at once: of the plain members nothing more is needed.
        self._standing = standing.without(self.plain)

    def _show(self, range_: HeldRange, media: Mapping[str, Any]) -> None:
        chosen, cut = range_.newest(ITEMS_MAX)
        self.items = [range_.event(one, self.epoch, media) for one in chosen]
        self._items_from = chosen[0].seq - 1 if cut else self.floor
        self.activity_ms = chosen[-1].ts if chosen else 0
        self._mine: defaultdict[UserId, list[tuple[int, str]]] = defaultdict(list)
        for one in chosen:
            for user, emoji in range_.reactions(one.seq):
                self._mine[user].append((one.seq, emoji))

    def _count(self, messages: Sequence[Said]) -> None:
        self._seqs = [said.shown.seq for said in messages]
        self._bys = [said.message.by for said in messages]
        self._everyone = [said.shown.seq for said in messages if said.message.mention_all]
        self._own: defaultdict[UserId, list[int]] = defaultdict(list)
        self._named: defaultdict[UserId, list[int]] = defaultdict(list)
        for said in messages:
            self._own[said.message.by].append(said.shown.seq)
            for user in dict.fromkeys(said.mentions):
                self._named[user].append(said.shown.seq)
        self._previews = _previews(messages)

    def _find_plain(self) -> frozenset[str]:
        """Find who has read nothing of what is held and is named in nothing, in one go."""
        members, cursors, mutes = self._standing
        special = self._own.keys() | self._named.keys() | self._mine.keys() | mutes.keys()
        # A thousand members have some tens of different entries.
        further = {seq for seq in set(cursors.values()) if int(seq) > self.floor}
        special |= {user for user, seq in cursors.items() if seq in further}
        late = {entry for entry in set(members.values()) if member_of(entry).joined_seq > self.floor}
        special |= {user for user, entry in members.items() if entry in late}
        return frozenset(members.keys() - special)

    def for_user(self, user: UserId, now_ms: int) -> UserPart | None:
        """Give what the batch has for a user; None if she is no member by now. `now_ms` decides about mutes."""
        if user in self.plain:
            return self.common
        member = self._standing.members.get(user)
        if member is None:
            return None
        read = self._standing.cursors.get(user)
        bound = max(self.floor, member_of(member).joined_seq, -1 if read is None else int(read))
        part = self._nothing if bound >= self.to else self._part(user, bound)
        until = muted_until(self._standing.mutes.get(user))
        muted = until == "forever" or (isinstance(until, int) and until > now_ms)
        return replace(part, muted=True) if muted else part

    def _part(self, user: UserId, bound: int) -> UserPart:
        from_ = max(bound, self._items_from)
        mine = tuple(one for one in self._mine.get(user, ()) if one[0] > from_)
        expired = bound < self._expired_below
        count = _above(self._seqs, bound) - _above(self._own.get(user, ()), bound)
        if not count:
            return UserPart(from_, 0, 0, None, None, None, None, expired, muted=False, mine=mine)
        at, last = bisect_right(self._seqs, bound), len(self._seqs) - 1
        while self._bys[at] == user:
            at += 1
        while self._bys[last] == user:
            last -= 1
        return UserPart(
            from_, count, self._mentions(user, bound), self._seqs[at], self._seqs[last], self._bys[last],
            self._previews[self._seqs[last]], expired, muted=False, mine=mine,
        )  # fmt: skip

    def _mentions(self, user: UserId, bound: int) -> int:
        named, own = self._named.get(user), self._own.get(user)
        if named is None and own is None:
            return _above(self._everyone, bound)
        above = {seq for seqs in (named or (), self._everyone) for seq in seqs if seq > bound}
        return len(above.difference(own or ()))


def _above(seqs: Sequence[int], bound: int) -> int:
    return len(seqs) - bisect_right(seqs, bound)


def _previews(messages: Sequence[Said]) -> dict[int, str]:
    """Cut the beginnings of the last message and of the last one by somebody else: one of them is anybody's last."""
    if not messages:
        return {}
    last = messages[-1]
    other = next((said for said in reversed(messages) if said.message.by != last.message.by), last)
    return {said.shown.seq: said.text[:PREVIEW_CHARS] for said in (last, other)}
