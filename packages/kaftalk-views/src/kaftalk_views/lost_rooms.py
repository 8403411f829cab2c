"""Which rooms people lost and did not leave: what a release says in the place of what they may not read any more."""

from __future__ import annotations

from typing import Literal, NamedTuple

import orjson

from kaftalk_protocol import redis_keys
from kaftalk_protocol.ids import RoomId, UserId
from kaftalk_views.view_fields import Command

LOST_MAX = 100


class Lost(NamedTuple):
    """A room that somebody was removed from, at `ts` ms of its log; the name is that of then."""

    room: RoomId
    seq: int
    ts: int
    reason: Literal["kicked", "deleted"]
    name: str | None


def lose(user: UserId, lost: Lost) -> Command:
    """Give the command that notes a loss; the newest loss of a room holds."""
    text = orjson.dumps([lost.reason, lost.name]).decode()
    return ("LOST", redis_keys.user_lost(user), lost.room, str(lost.seq), str(lost.ts), text)


def regain(user: UserId, room: RoomId, seq: int) -> Command:
    """Give the command that forgets a loss from before `seq`, where somebody became a member again."""
    return ("REGAINED", redis_keys.user_lost(user), room, str(seq))


def lost_read(user: UserId) -> Command:
    """Give the read of what somebody lost."""
    return ("HGETALL", redis_keys.user_lost(user))


def lost_since(reply: dict[str, str], since_ms: int) -> list[Lost]:
    """Choose from the reply to `lost_read` what was lost since a time, the first loss first."""
    found = (_parse(RoomId(room), text) for room, text in reply.items())
    return sorted((lost for lost in found if lost.ts >= since_ms), key=_by_time)


def _parse(room: RoomId, text: str) -> Lost:
    seq, ts, rest = text.split(" ", 2)
    reason, name = orjson.loads(rest)
    return Lost(room, int(seq), int(ts), reason, name)


def _by_time(lost: Lost) -> tuple[int, RoomId]:
    return lost.ts, lost.room
