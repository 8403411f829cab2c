"""`POST /internal/releases` of dnd-batch to a gateway: what many users are given at the end of their holds.

A stampede is millions of pairs of user and room. So the items of a room, and what a room is to many, are written once;
users name them by number, and whoever reads takes up line after line, when it is needed:

    {"rooms": […], "shares": 2}    the rooms, and how many shares there are
    […]                            of each room its items, as `release` frames have them
    {…}                            the shares
    {…}                            the users' releases

Who writes a whole stampede may write the same JSON without the models. Times are Unix ms.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from pydantic import Field

from kaftalk_protocol.ids import RoomId, UserId
from kaftalk_protocol.quiet_profile import STORED
from kaftalk_protocol.quiet_records import Digest, DigestRoom, Window
from kaftalk_protocol.quiet_state import QuietState, Told

DIGEST_ROOMS_MAX = 300
"""Rooms that a digest names, so that it fits a record; `total` and `mentions` count all."""


class BatchRoom(Told):
    """What one room releases, for all users of the batch: up to `to` (the fence), as of `to`.

    `seqs` are those of its items, the newest, at most 50, ascending. The reactions' `me` is false in all.
    """

    room: RoomId
    epoch: int
    to: int
    seqs: tuple[int, ...]


class Share(Told):
    """What a room is to some users: items after `from_`, and the digest's `line`, if it has one.

    `mine` are one user's own reactions to the items, as `(seq, emoji)`.
    """

    room: RoomId
    from_: int = Field(alias="from")
    mine: tuple[tuple[int, str], ...] = ()
    line: DigestRoom | None = None


class UserRelease(Told):
    """One user's release; `state` is what holds after it.

    Her shares are in the order of the digest, which has the lines of the first 300 with one, and then what is `gone`.
    """

    user: UserId
    release_id: str
    window: Window
    late_by_s: int | None = None
    total: int
    mentions: int
    shares: tuple[int, ...]
    gone: tuple[DigestRoom, ...] = ()
    state: QuietState


class RoomLines(NamedTuple):
    """A `BatchRoom` and its items, as they are written."""

    room: bytes
    items: bytes


class _Head(Told):
    rooms: tuple[BatchRoom, ...]
    shares: int


class ReleaseBatch:
    """A body that was read, or as much of it as was asked for; a 2xx is the hand-off."""

    def __init__(
        self, rooms: Sequence[BatchRoom], items: Sequence[bytes], shares: Sequence[bytes], releases: Sequence[bytes]
    ) -> None:
        self.rooms = {room.room: room for room in rooms}
        self._items = dict(zip(self.rooms, items, strict=True))
        self._shares: list[bytes | Share] = list(shares)
        self._releases = releases

    @classmethod
    def decode(cls, body: bytes) -> "ReleaseBatch":
        """Read a body's first line, and split the rest.

        Raises ValueError, as the methods do for lines that cannot be read.
        """
        first, *lines = body.split(b"\n")
        head = _Head.model_validate_json(first, context=STORED)
        shares_at = len(head.rooms)
        releases_at = shares_at + head.shares
        if len(lines) < releases_at:
            raise ValueError("lines are missing")
        return cls(head.rooms, lines[:shares_at], lines[shares_at:releases_at], lines[releases_at:])

    def releases(self) -> Iterator[UserRelease]:
        """Read the users' releases, one after the other."""
        return (UserRelease.model_validate_json(line, context=STORED) for line in self._releases)

    def items(self, room: RoomId) -> bytes:
        """Give the items of a room: a JSON array of events."""
        return self._items[room]

    def share(self, number: int) -> Share:
        """Give what a user's release names by number."""
        share = self._shares[number]
        if isinstance(share, bytes):
            share = self._shares[number] = Share.model_validate_json(share, context=STORED)
        return share

    def digest(self, release: UserRelease) -> Digest:
        """Give the digest of one user."""
        lines = [line for number in release.shares if (line := self.share(number).line) is not None]
        rooms = (*lines[:DIGEST_ROOMS_MAX], *release.gone)
        return Digest(total=release.total, mentions=release.mentions, rooms=rooms)


def write_batch(rooms: Sequence[RoomLines], shares: Sequence[bytes], releases: Iterable[bytes]) -> bytes:
    """Write a body of lines that are written already."""
    head = b'{"rooms":[%b],"shares":%d}' % (b",".join([room.room for room in rooms]), len(shares))
    return b"\n".join([head, *(room.items for room in rooms), *shares, *releases])
