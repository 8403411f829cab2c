"""What a release says, as JSON: pure. What many users have in common is written once.

A stampede is millions of pairs of user and room, so a pair costs a look-up: most members of a room have read the same
and are named in nothing, and share it with each other.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from operator import attrgetter
from typing import Any, NamedTuple

import orjson

from kaftalk_protocol.ids import UserId
from kaftalk_protocol.quiet_records import Hold
from kaftalk_protocol.quiet_state import QuietState
from kaftalk_protocol.records import VERSION
from kaftalk_protocol.release_batch import DIGEST_ROOMS_MAX, RoomLines, write_batch
from kaftalk_views.held_batch import RoomBatch, UserPart
from kaftalk_views.lost_rooms import Lost

BODY_BYTES_MAX = 8 << 20
_PARTS_MAX = 1_000
_FIRST = 1 << 50
_RANK = attrgetter("rank")


@dataclass(frozen=True, slots=True, eq=False)
class RoomShare:
    """What a room is to one user, or to many: `json` for gateways, `line` for the log's digest, if it has one."""

    of: "RoomItems"
    rank: int
    json: bytes
    line: bytes | None
    messages: int
    mentions: int


class RoomItems:
    """What a room says to all: shares refer to it, and it to none of them, so that all goes without a collection."""

    def __init__(self, batch: RoomBatch) -> None:
        self.batch = batch

    @cached_property
    def lines(self) -> RoomLines:
        """The room and its items, for all users of a body."""
        batch = self.batch
        seqs = [item["seq"] for item in batch.items]
        room = {"room": batch.room, "epoch": batch.epoch, "to": batch.to, "seqs": seqs}
        return RoomLines(orjson.dumps(room), orjson.dumps(batch.items))


class ReleasedRoom:
    """One room's part of the releases of all whose hold began together."""

    def __init__(self, batch: RoomBatch) -> None:
        self.batch = batch
        self.plain = batch.plain
        self._items = RoomItems(batch)
        self.common = _share(self._items, batch.common)
        self._shares: dict[UserPart, RoomShare] = {}

    def share(self, user: UserId, now_ms: int) -> RoomShare | None:
        """Give what the room is to a user who is not among the `plain`; None if she is no member by now."""
        part = self.batch.for_user(user, now_ms)
        if part is None:
            return None
        share = self._shares.get(part)
        if share is None:
            if len(self._shares) >= _PARTS_MAX:
                self._shares.clear()
            share = self._shares[part] = _share(self._items, part)
        return share


class Release(NamedTuple):
    """One user's release: `payload` for gateways but for her `shares`, `digest` for the log, both JSON."""

    payload: bytes
    digest: bytes
    shares: Sequence[RoomShare]
    is_empty: bool
    rooms_held: int


def release(
    user: UserId,
    hold: Hold,
    rooms: Iterable[ReleasedRoom],
    lost: Iterable[Lost],
    *,
    after: QuietState,
    late_by_s: int | None,
    now_ms: int,
) -> Release:
    """Put together what one user is given at the end of her hold."""
    told: list[RoomShare] = []
    others: list[RoomShare] = []
    for room in rooms:
        share = room.common if user in room.plain else room.share(user, now_ms)
        if share is not None:
            (others if share.line is None else told).append(share)
    told.sort(key=_RANK)
    gone = [_gone(one) for one in lost]
    total, mentions = sum([share.messages for share in told]), sum([share.mentions for share in told])
    lines = [share.line for share in told[:DIGEST_ROOMS_MAX] if share.line is not None]
    lines += [orjson.dumps(one) for one in gone]
    payload = {
        "user": user,
        "release_id": hold.release_id,
        "window": [hold.start_ms, hold.end_ms],
        "late_by_s": late_by_s,
        "total": total,
        "mentions": mentions,
        "gone": gone,
        "state": orjson.Fragment(after.encode()),
    }
    digest = b'{"total":%d,"mentions":%d,"rooms":[%b]}' % (total, mentions, b",".join(lines))
    return Release(orjson.dumps(payload), digest, told + others, not lines, len(told))


def batch_bodies(releases: Iterable[Release]) -> Iterator[bytes]:
    """Write posts to a gateway, of some megabytes each; a user's release is whole in one, however large."""
    body = _Body()
    for one in releases:
        body.add(one)
        if body.size >= BODY_BYTES_MAX:
            yield body.written()
            body = _Body()
    if body.size:
        yield body.written()


def released_record(
    user: UserId, hold: Hold, made: Release, *, late_by_s: int | None, now_ms: int, fence: int
) -> bytes:
    """Write the record that says a release is done."""
    record = {
        "v": VERSION,
        "k": "released",
        "user": user,
        "release_id": hold.release_id,
        "window": [hold.start_ms, hold.end_ms],
        "late_by_s": late_by_s,
        "digest": orjson.Fragment(made.digest),
        "done_ms": now_ms,
        "fence": fence,
    }
    return orjson.dumps(record)


class _Body:
    """A post: shares by their numbers, each room once, and the users' releases."""

    def __init__(self) -> None:
        self.size = 0
        self._rooms: dict[RoomItems, None] = {}
        self._numbers: dict[RoomShare, int] = {}
        self._releases: list[bytes] = []

    def add(self, one: Release) -> None:
        numbers = self._numbers
        for share in one.shares:
            if share not in numbers:
                self._add_share(share)
        named = orjson.dumps([numbers[share] for share in one.shares])
        self._releases.append(one.payload[:-1] + b',"shares":' + named + b"}")
        self.size += len(one.payload) + len(named)

    def _add_share(self, share: RoomShare) -> None:
        self._numbers[share] = len(self._numbers)
        self.size += len(share.json)
        if share.of not in self._rooms:
            self._rooms[share.of] = None
            self.size += sum(map(len, share.of.lines))

    def written(self) -> bytes:
        shares = [share.json for share in self._numbers]
        return write_batch([room.lines for room in self._rooms], shares, self._releases)


def _share(of: RoomItems, part: UserPart) -> RoomShare:
    batch = of.batch
    share: dict[str, Any] = {"room": batch.room, "from": part.from_}
    if part.mine:
        share["mine"] = part.mine
    if part.muted or not (part.count or part.expired):
        return RoomShare(of, 0, orjson.dumps(share), None, 0, 0)
    line = {"room": batch.room, "count": part.count, "mentions": part.mentions}
    line |= {name: value for name in ("first_seq", "last_seq", "last_by") if (value := getattr(part, name)) is not None}
    if part.expired:
        line["expired"] = True
    told = line if part.preview is None else line | {"preview": part.preview}
    # Lower comes first: what is for her, and then what was active last.
    rank = -batch.activity_ms - (_FIRST if part.mentions or batch.kind == "direct" else 0)
    json = orjson.dumps(share | {"line": told})
    return RoomShare(of, rank, json, orjson.dumps(line), part.count, part.mentions)


def _gone(lost: Lost) -> dict[str, Any]:
    return {"room": lost.room, "count": 0, "mentions": 0, "gone": lost.reason, "name": lost.name}
