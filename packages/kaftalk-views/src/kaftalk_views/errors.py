"""The errors of this package. What a viewer may not see is refused with `kaftalk_protocol.errors.Refused`.

ViewError
├── ViewUnavailable           not now: answer `unavailable`, try again
│   ├── ViewsLost             Redis lost the views, and not all shards are made again
│   ├── ViewUnknown           Redis holds no view of the room (yet): never "empty", never "allowed"
│   ├── NotesMissing          the room's annotations are being made again
│   └── HistoryUnavailable    its log cannot be read now, or the view is behind what was asked for
└── Reset                     a position from which nothing can be resumed
"""

from typing import Literal

from kaftalk_protocol.ids import RoomId

ResetReason = Literal["epoch", "retention", "too_far", "not_member"]


class ViewError(Exception):
    """Root of the tree."""


class ViewUnavailable(ViewError):
    """The views cannot answer now; `room` is None where it is about all."""

    def __init__(self, room: RoomId | None = None) -> None:
        super().__init__(room)
        self.room = room


class ViewsLost(ViewUnavailable):
    """Redis lost the views, and not all shards are made again: what is missing proves nothing."""


class ViewUnknown(ViewUnavailable):
    """Redis holds no view of the room."""


class NotesMissing(ViewUnavailable):
    """The room's annotations are being made again from its log."""


class HistoryUnavailable(ViewUnavailable):
    """The room's log cannot be read now, or its view is behind what was asked for."""


class Reset(ViewError):
    """A position cannot be resumed: the client drops what it has and loads a page; go on from `seq`."""

    def __init__(self, reason: ResetReason, epoch: int | None = None, seq: int | None = None) -> None:
        super().__init__(reason, epoch, seq)
        self.reason = reason
        self.epoch = epoch
        self.seq = seq
