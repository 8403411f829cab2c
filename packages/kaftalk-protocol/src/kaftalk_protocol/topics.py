"""Topic names, and how a room's (epoch, seq) maps to a topic's offset."""

from dataclasses import dataclass
from typing import Literal

from kaftalk_protocol.ids import RoomId

ACCOUNTS = "kaftalk.accounts"
NAMES = "kaftalk.names"
ROOMS = "kaftalk.rooms"
SNAPSHOTS = "kaftalk.room-snapshots"
CURSORS = "kaftalk.cursors"
QUIET_HOURS = "kaftalk.quiet-hours"
MEDIA = "kaftalk.media"
# Events of the S3 server, and those that the function failed on for good.
UPLOADS = "kaftalk.uploads"
UPLOADS_DEAD = "kaftalk.uploads.dead"

EPOCH_STEP = 1_000_000
RECORD_BYTES_MAX = 96 * 1024


def room_topic(room: RoomId, epoch: int) -> str:
    """Name the topic of a room's epoch; a name is never used twice."""
    return f"room.{room}.{epoch}"


def next_base(highest_seq: int) -> int:
    """Give the base of a new epoch: the next million above every seq ever given out."""
    return (highest_seq // EPOCH_STEP + 1) * EPOCH_STEP


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a room's log is: the record of `kaftalk.rooms`. `seq = base + offset`.

    `status` is `live`, or `deleted` since `deleted_ms`. The title fields stay in the room's own log. An epoch that was
    made to erase begins with `copied` records of the one before, at their seqs; the topics of the epochs before it go
    some time after `erased_ms`.
    """

    room: RoomId
    epoch: int = 0
    base: int = 0
    status: Literal["live", "deleted"] = "live"
    deleted_ms: int | None = None
    copied: int | None = None
    erased_ms: int | None = None

    @property
    def topic(self) -> str:
        """The topic of the current epoch."""
        return room_topic(self.room, self.epoch)

    def seq(self, offset: int) -> int:
        """Translate an offset of the current topic into a seq."""
        return self.base + offset

    def offset(self, seq: int) -> int:
        """Translate a seq into an offset of the current topic; negative if it belongs to an older epoch."""
        return seq - self.base
