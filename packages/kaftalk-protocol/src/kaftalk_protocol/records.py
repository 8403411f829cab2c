"""What lies in a room's topic: a tagged union on `k`, one JSON object a record.

A record is written once, by `encode`, and goes to clients as it is stored. Unknown kinds and fields of
later versions are kept and ignored (`parse` gives `Unknown`).
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from kaftalk_protocol.ids import MediaId, RoomId, StreamId, UserId

VERSION = 1

Role = Literal["owner", "moderator", "member"]
RoomKind = Literal["public", "private", "direct"]
HistoryPolicy = Literal["all", "since_join"]
Notify = Literal["normal", "silent", "urgent"]


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    v: int = VERSION


class Message(_Record):
    """A message; its identity `(by, stream, n)` is for ever, `id` spells `<stream>:<n>`."""

    k: Literal["message"] = "message"
    id: str
    by: UserId
    text: str = ""
    media: list[dict[str, Any]] = []
    reply_to: int | None = None
    mentions: list[UserId] = []
    mention_all: bool = False
    notify: Notify = "normal"
    ext: dict[str, Any] | None = None

    @property
    def stream(self) -> StreamId:
        """The stream part of `id`."""
        return StreamId(self.id.rpartition(":")[0])

    @property
    def n(self) -> int:
        """The counter part of `id`."""
        return int(self.id.rpartition(":")[2])


class Edit(_Record):
    """Replace the text of message `target`; `author` is filled in from the log by the service that writes it."""

    k: Literal["edit"] = "edit"
    by: UserId
    target: int
    author: UserId
    text: str
    mentions: list[UserId] = []


class Delete(_Record):
    """Take message `target` away; `author` and `media`, the ids of its media objects, are filled in from the log."""

    k: Literal["delete"] = "delete"
    by: UserId
    target: int
    author: UserId
    media: list[MediaId] | None = None


class Reaction(_Record):
    """Put (`on`) or take away one emoji at message `target`."""

    k: Literal["reaction"] = "reaction"
    by: UserId
    target: int
    emoji: str
    on: bool


class Join(_Record):
    """`user` becomes a member; `invite` is the hash of the code that was used."""

    k: Literal["join"] = "join"
    user: UserId
    by: UserId
    role: Role = "member"
    how: Literal["join", "add", "invite"] = "join"
    invite: str | None = None


class Leave(_Record):
    """`user` goes by herself; `successor` becomes an owner first."""

    k: Literal["leave"] = "leave"
    user: UserId
    successor: UserId | None = None


class Kick(_Record):
    """`by` removes `user`."""

    k: Literal["kick"] = "kick"
    user: UserId
    by: UserId


class Ban(_Record):
    """`user` may not join (`on`), or may again."""

    k: Literal["ban"] = "ban"
    user: UserId
    by: UserId
    on: bool


class RoleChange(_Record):
    """`user` gets `role`."""

    k: Literal["role"] = "role"
    user: UserId
    role: Role
    by: UserId


class Invite(_Record):
    """An invite code (by its hash) is made, or switched off; `expires_at` in ms."""

    k: Literal["invite"] = "invite"
    by: UserId
    invite: str
    expires_at: int | None = None
    max_uses: int | None = None
    off: bool = False


class Room(_Record):
    """The room itself changes. The first record of an epoch carries all of it (`kind` is set there only).

    `members` of a creating record are members from its seq on; `state` holds the whole folded state where
    an epoch above 0 begins.
    """

    k: Literal["room"] = "room"
    by: UserId
    kind: RoomKind | None = None
    name: str | None = None
    topic: str | None = None
    history: HistoryPolicy | None = None
    members_invite: bool | None = None
    archived: bool | None = None
    deleted: bool | None = None
    members: dict[UserId, Role] | None = None
    base: int | None = None
    state: dict[str, Any] | None = None


class Media(_Record):
    """The processing of a media object of message `target` ended or changed; always passes."""

    model_config = ConfigDict(frozen=True, extra="allow")

    k: Literal["media"] = "media"
    media: str
    status: str
    target: int | None = None


class Unknown(_Record):
    """A kind this version does not know."""

    model_config = ConfigDict(frozen=True, extra="allow")

    k: str


Record = Annotated[
    Message | Edit | Delete | Reaction | Join | Leave | Kick | Ban | RoleChange | Invite | Room | Media,
    Field(discriminator="k"),
]
_RECORD: TypeAdapter[
    Message | Edit | Delete | Reaction | Join | Leave | Kick | Ban | RoleChange | Invite | Room | Media
] = TypeAdapter(Record)
AnyRecord = (
    Message | Edit | Delete | Reaction | Join | Leave | Kick | Ban | RoleChange | Invite | Room | Media | Unknown
)

ANNOTATIONS = frozenset({"edit", "delete", "reaction", "media"})


def encode(record: AnyRecord) -> bytes:
    """Write a record as compact JSON; a message has all its fields, the others leave out what is null."""
    return record.model_dump_json(exclude_none=not isinstance(record, Message)).encode()


def parse(value: bytes) -> AnyRecord:
    """Read a record; kinds and shapes that this version does not know become `Unknown`, never an error."""
    try:
        return _RECORD.validate_json(value)
    except ValidationError:
        return Unknown(k="unknown")


def is_item(record: AnyRecord) -> bool:
    """Tell whether a record is an item of pages (annotations are laid over items instead)."""
    return record.k not in ANNOTATIONS and not isinstance(record, Unknown)


__all__ = [
    "ANNOTATIONS", "AnyRecord", "Ban", "Delete", "Edit", "HistoryPolicy", "Invite", "Join", "Kick", "Leave", "Media",
    "Message", "Notify", "Reaction", "Record", "Role", "RoleChange", "Room", "RoomId", "RoomKind", "Unknown", "encode",
    "is_item", "parse",
]  # fmt: skip
