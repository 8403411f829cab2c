"""What the log of a room says about it so far: bounded facts only, and their JSON form.

`room_rules` changes them, `room_state` is what callers use.
"""

from collections.abc import Iterable
from enum import StrEnum
from typing import Any, NamedTuple, Self

from pydantic import BaseModel, ConfigDict

from kaftalk_protocol.ids import RoomId, StreamId, UserId
from kaftalk_protocol.records import HistoryPolicy, Role, RoomKind
from kaftalk_protocol.stream_window import StreamWindow

MEMBERS_MAX = 5_000
BANS_MAX = 10_000
INVITES_MAX = 1_000
STREAMS_MAX = 50_000
USER_STREAMS_MAX = 1_024
"""Bounds of a room's state. Every folder of a log must use the same, so they are constants, not settings."""

STREAM_KEPT_MS = 30 * 24 * 3600 * 1000

StreamKey = tuple[UserId, StreamId]


class Reason(StrEnum):
    """Why a record is void: nobody sees it. All but `duplicate` and `epoch` are error codes.

    `epoch` marks the record that opens an epoch above 0: obeyed, but shown to nobody, since it spells out bans,
    invites and streams.
    """

    DUPLICATE = "duplicate"
    EPOCH = "epoch"
    INVALID = "invalid"
    NOT_MEMBER = "not_member"
    NOT_FOUND = "not_found"
    FORBIDDEN = "forbidden"
    ARCHIVED = "archived"
    CONFLICT = "conflict"
    GONE = "gone"
    LAST_OWNER = "last_owner"


class Member(NamedTuple):
    """A membership: the role, and the seq from which on it holds."""

    role: Role
    joined_seq: int


class InviteState(NamedTuple):
    """An invite code; `expires_at` in ms of log time, None for never; `max_uses` None for any number."""

    by: UserId
    expires_at: int | None
    max_uses: int | None
    uses: int
    off: bool

    def is_dead(self, now_ms: int) -> bool:
        """Tell whether it is revoked, expired or spent."""
        expired = self.expires_at is not None and now_ms >= self.expires_at
        return self.off or expired or (self.max_uses is not None and self.uses >= self.max_uses)


class Forgotten(NamedTuple):
    """What the state dropped by itself to stay bounded."""

    streams: list[StreamKey]
    invites: list[str]


class RoomFacts:
    """The facts of a room. `kind` is None until a creating record claimed the topic."""

    __slots__ = (
        "applied_seq", "archived", "bans", "base", "created_by", "created_ms", "deleted", "epoch", "forgotten",
        "history", "invites", "kind", "log_ms", "members", "members_invite", "name", "room", "shown_seq",
        "stream_counts", "streams", "topic",
    )  # fmt: skip

    def __init__(self, room: RoomId, epoch: int = 0, base: int = 0) -> None:
        self.room = room
        self.epoch = epoch
        self.base = base
        self.applied_seq = -1
        self.shown_seq: int | None = None
        self.kind: RoomKind | None = None
        self.name: str | None = None
        self.topic: str | None = None
        self.history: HistoryPolicy = "all"
        self.members_invite = True
        self.created_ms = 0
        self.created_by = UserId("")
        self.archived = False
        self.deleted = False
        self.members: dict[UserId, Member] = {}
        self.bans: set[UserId] = set()
        self.invites: dict[str, InviteState] = {}
        self.streams: dict[StreamKey, StreamWindow] = {}
        self.stream_counts: dict[UserId, int] = {}
        self.log_ms = 0
        self.forgotten = Forgotten([], [])

    def take_forgotten(self) -> Forgotten:
        """Hand over which streams and invites were dropped since the last call (views remove them too)."""
        streams = [key for key in self.forgotten.streams if key not in self.streams]
        invites = [digest for digest in self.forgotten.invites if digest not in self.invites]
        self.forgotten = Forgotten([], [])
        return Forgotten(streams, invites)

    def copy(self) -> Self:
        """Give an independent state of the same content."""
        other = type(self)(self.room, self.epoch, self.base)
        for name in _SCALARS:
            setattr(other, name, getattr(self, name))
        other.members = dict(self.members)
        other.bans = set(self.bans)
        other.invites = dict(self.invites)
        other.streams = {key: window.copy() for key, window in self.streams.items()}
        other.stream_counts = dict(self.stream_counts)
        other.log_ms = self.log_ms
        other.forgotten = Forgotten(list(self.forgotten.streams), list(self.forgotten.invites))
        return other

    def to_json(self) -> dict[str, Any]:
        """Give the whole state as what JSON can hold (snapshots, the first record of an epoch)."""
        return {
            "room": self.room,
            "epoch": self.epoch,
            "base": self.base,
            **{name: getattr(self, name) for name in _SCALARS},
            "members": {user: list(member) for user, member in self.members.items()},
            "bans": sorted(self.bans),
            "invites": {digest: invite._asdict() for digest, invite in self.invites.items()},
            "streams": [[user, stream, window.encode()] for (user, stream), window in self.streams.items()],
        }

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Self:
        """Read what `to_json` gave; the only way to build a state that is not folded from its first record.

        Raises ValueError if it is no whole state.
        """
        whole = _Stored.model_validate(stored)
        state = cls(whole.room, whole.epoch, whole.base)
        state._restore(whole)
        return state

    def restore(self, stored: dict[str, Any]) -> None:
        """Take all but room, epoch and base from a stored state of an older epoch of the same room.

        Raises ValueError if it is none.
        """
        whole = _Stored.model_validate(stored)
        if whole.room != self.room or whole.epoch >= self.epoch:
            raise ValueError("is not the state of this room before this epoch")
        self._restore(whole)

    def _restore(self, whole: "_Stored") -> None:
        windows = {(user, stream): StreamWindow.decode(text) for user, stream, text in whole.streams}
        for name in _SCALARS:
            setattr(self, name, getattr(whole, name))
        self.members, self.bans, self.invites = whole.members, whole.bans, whole.invites
        self._set_streams(windows)

    def _set_streams(self, windows: dict[StreamKey, StreamWindow]) -> None:
        self.streams = windows
        self.stream_counts = _count(user for user, _ in windows)
        self.log_ms = max((window.last_ms for window in windows.values()), default=0)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RoomFacts) and _comparable(self) == _comparable(other)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.to_json()})"


class _Stored(BaseModel):
    model_config = ConfigDict(extra="ignore")

    room: RoomId
    epoch: int
    base: int
    applied_seq: int
    shown_seq: int | None
    kind: RoomKind | None
    name: str | None
    topic: str | None
    history: HistoryPolicy
    members_invite: bool
    created_ms: int
    created_by: UserId
    archived: bool
    deleted: bool
    members: dict[UserId, Member]
    bans: set[UserId]
    invites: dict[str, InviteState]
    streams: list[tuple[UserId, StreamId, str]]


_LARGE = {"room", "epoch", "base", "members", "bans", "invites", "streams"}
_SCALARS = tuple(name for name in _Stored.model_fields if name not in _LARGE)


def _count(users: Iterable[UserId]) -> dict[UserId, int]:
    counts: dict[UserId, int] = {}
    for user in users:
        counts[user] = counts.get(user, 0) + 1
    return counts


def _comparable(state: RoomFacts) -> dict[str, Any]:
    stored = state.to_json()
    stored["streams"] = sorted(stored["streams"])
    return stored
