"""Who of a room's members is in a hold there, and since which event; what passes it. Pure.

In each room a hold begins with the first event whose `ts` is not before its start: the log's own time decides, never
this gateway's. Everything after that event is held, whatever its `ts`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import orjson

from kaftalk_protocol.deliveries import MEMBERSHIP
from kaftalk_protocol.ids import UserId
from kaftalk_protocol.server_frames import event_ts

_NOBODY = 1 << 62


@dataclass(slots=True)
class RoomHold:
    """One member's hold in one room: `floor` is the last event that was shown to her before it.

    `seen` is how far she has looked by herself since, or written: what corrects messages up to there passes.
    """

    floor: int
    seen: int


class Author(NamedTuple):
    """Whose event it is, and which older message it is about."""

    by: UserId
    target: int | None
    is_message: bool


class RoomHolds:
    """The holds of one room: `arming` are about to begin here (user → start in ms), `held` have begun."""

    __slots__ = ("_earliest", "_highest", "_looked", "arming", "held")

    def __init__(self) -> None:
        self.arming: dict[UserId, int] = {}
        self.held: dict[UserId, RoomHold] = {}
        self._looked: dict[UserId, int] = {}
        self._earliest = _NOBODY
        self._highest = -1

    def __bool__(self) -> bool:
        return bool(self.arming or self.held)

    def knows(self, user: UserId) -> bool:
        """Tell whether it is known since which event a user's hold is on here, or that none has begun it yet."""
        return user in self.arming or user in self.held

    def arm(self, user: UserId, start_ms: int) -> None:
        """Hold what comes from the first event on that is not before the start."""
        self.arming[user] = start_ms
        self._earliest = min(self._earliest, start_ms)

    def hold(self, user: UserId, floor: int) -> None:
        """Hold all after `floor`."""
        self.arming.pop(user, None)
        self.held[user] = hold = RoomHold(floor, max(floor, self._looked.pop(user, -1)))
        self._highest = max(self._highest, hold.seen)

    def drop(self, user: UserId) -> RoomHold | None:
        """End a user's hold in this room; give what it was, None if nothing had been held."""
        self.arming.pop(user, None)
        self._looked.pop(user, None)
        return self.held.pop(user, None)

    def see(self, user: UserId, seq: int) -> None:
        """Note that a user has looked up to `seq` by herself, perhaps at what has not come here yet."""
        hold = self.held.get(user)
        if user in self.arming:
            self._looked[user] = max(seq, self._looked.get(user, -1))
        if hold is not None and seq > hold.seen:
            hold.seen = seq
            self._highest = max(self._highest, seq)

    def users(self) -> list[UserId]:
        """Give all whose hold is on or about to begin."""
        return [*self.arming, *self.held]

    def is_begun_at(self, ts: int) -> bool:
        """Tell whether an event of that time begins somebody's hold."""
        return bool(self.arming) and ts >= self._earliest

    def begin(self, ts: int, floor: int) -> list[UserId]:
        """Begin the holds that an event begins, behind `floor`; give whose they are."""
        if not self.is_begun_at(ts):
            return []
        begun = [user for user, start_ms in self.arming.items() if start_ms <= ts]
        for user in begun:
            self.hold(user, floor)
        self._earliest = min(self.arming.values(), default=_NOBODY)
        return begun

    def passing(self, seq: int, frame: bytes, flags: int) -> list[UserId]:
        """Give those who are shown an event in spite of their holds.

        Everybody sees who comes and goes, and each her own events and what corrects a message that she has.
        """
        if not self.held:
            return []
        if flags & MEMBERSHIP:
            return list(self.held)
        author = author_of(frame)
        if author.target is not None and author.target <= self._highest:
            return [user for user, hold in self.held.items() if user == author.by or author.target <= hold.seen]
        self._see_own(author, seq)
        return [author.by] if author.by in self.held else []

    def passes(self, user: UserId, seq: int, frame: bytes, flags: int) -> bool:
        """Tell whether one user who is held is shown an event."""
        if flags & MEMBERSHIP:
            return True
        author = author_of(frame)
        self._see_own(author, seq)
        return author.by == user or (author.target is not None and author.target <= self.held[user].seen)

    def _see_own(self, author: Author, seq: int) -> None:
        """Note that who writes has read all before it: her release begins behind it."""
        if author.is_message:
            self.see(author.by, seq)


def author_of(frame: bytes) -> Author:
    """Read of an `event` frame whose it is and what it is about."""
    record = orjson.loads(frame)["e"]
    target = record.get("target")
    known = target if isinstance(target, int) else None
    return Author(UserId(record.get("by", "")), known, record.get("k") == "message")


def first_held(frames: Iterable[bytes], start_ms: int) -> int | None:
    """Give the index of the first event that a hold which starts at `start_ms` holds."""
    return next((at for at, frame in enumerate(frames) if event_ts(frame) >= start_ms), None)
