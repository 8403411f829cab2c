"""What a release says, as JSON: pure. What many users have in common is written once.

A stampede is millions of pairs of user and room, so a pair costs a look-up: most members of a room have read the same
and are named in nothing, and their lines are equal byte for byte.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple

import orjson

from kaftalk_protocol.ids import RoomId, UserId
from kaftalk_protocol.quiet_records import Hold
from kaftalk_protocol.quiet_state import QuietState
from kaftalk_protocol.records import VERSION
from kaftalk_views.held_batch import RoomBatch, UserPart
from kaftalk_views.lost_rooms import Lost

ROOMS_MAX = 300
"""Rooms that a digest names, so that it fits a record; `total` and `mentions` count all."""
_PARTS_MAX = 1_000


class _Share(NamedTuple):
    """What a room is to one user, or to many: `line` is for her digest, `stored` the same without a preview."""

    rank: tuple[bool, int]
    room: orjson.Fragment
    line: orjson.Fragment | None
    stored: orjson.Fragment | None
    messages: int
    mentions: int


class ReleasedRoom:
    """One room's part of the releases of all whose hold began together."""

    def __init__(self, batch: RoomBatch) -> None:
        self.batch = batch
        self._shares: dict[UserPart, _Share] = {}
        self._last: tuple[UserPart, _Share] | None = None

    @cached_property
    def json(self) -> bytes:
        """The room's items, for all users of a body."""
        return orjson.dumps({"epoch": self.batch.epoch, "to": self.batch.to, "items": self.batch.items})

    def share(self, user: UserId, now_ms: int) -> _Share | None:
        """Give what the room is to a user; None if she is no member by now."""
        part = self.batch.for_user(user, now_ms)
        if part is None:
            return None
        if self._last is not None and self._last[0] is part:
            return self._last[1]
        share = self._shares.get(part)
        if share is None:
            if len(self._shares) >= _PARTS_MAX:
                self._shares.clear()
            share = self._shares[part] = _share(self.batch, part)
        self._last = part, share
        return share


class Release(NamedTuple):
    """One user's release: `payload` for gateways, `digest` for the log, both JSON; `rooms` are those that it names."""

    payload: bytes
    digest: bytes
    rooms: Sequence[RoomId]
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
    shares: list[_Share] = []
    named: list[RoomId] = []
    for room in rooms:
        share = room.share(user, now_ms)
        if share is not None:
            shares.append(share)
            named.append(room.batch.room)
    lines = sorted((share for share in shares if share.line is not None), key=_rank)
    gone = [orjson.Fragment(orjson.dumps(_gone(one))) for one in lost]
    total = {"total": sum(share.messages for share in lines), "mentions": sum(share.mentions for share in lines)}
    told = total | {"rooms": [*(share.line for share in lines[:ROOMS_MAX]), *gone]}
    stored = total | {"rooms": [*(share.stored for share in lines[:ROOMS_MAX]), *gone]}
    payload = {
        "user": user,
        "release_id": hold.release_id,
        "window": [hold.start_ms, hold.end_ms],
        "late_by_s": late_by_s,
        "digest": told,
        "rooms": [share.room for share in shares],
        "state": orjson.Fragment(after.encode()),
    }
    return Release(orjson.dumps(payload), orjson.dumps(stored), named, not lines and not gone, len(lines))


def batch_body(releases: Sequence[Release], rooms: Mapping[RoomId, ReleasedRoom]) -> bytes:
    """Write one post to a gateway: whole releases, and each room once."""
    named = dict.fromkeys(room for one in releases for room in one.rooms)
    return orjson.dumps(
        {
            "rooms": {room: orjson.Fragment(rooms[room].json) for room in named},
            "releases": [orjson.Fragment(one.payload) for one in releases],
        }
    )


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


def _share(batch: RoomBatch, part: UserPart) -> _Share:
    room: dict[str, Any] = {"room": batch.room, "from": part.from_}
    if part.mine:
        room["mine"] = part.mine
    room_json = orjson.Fragment(orjson.dumps(room))
    if part.muted or not (part.count or part.expired):
        return _Share((True, 0), room_json, None, None, 0, 0)
    line = {"room": batch.room, "count": part.count, "mentions": part.mentions}
    line |= {name: value for name in ("first_seq", "last_seq", "last_by") if (value := getattr(part, name)) is not None}
    if part.expired:
        line["expired"] = True
    stored = orjson.Fragment(orjson.dumps(line))
    told = stored if part.preview is None else orjson.Fragment(orjson.dumps(line | {"preview": part.preview}))
    first = bool(part.mentions) or batch.kind == "direct"
    return _Share((not first, -batch.activity_ms), room_json, told, stored, part.count, part.mentions)


def _rank(share: _Share) -> tuple[bool, int]:
    return share.rank


def _gone(lost: Lost) -> dict[str, Any]:
    return {"room": lost.room, "count": 0, "mentions": 0, "gone": lost.reason, "name": lost.name}
