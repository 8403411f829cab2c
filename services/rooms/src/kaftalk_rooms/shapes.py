"""What requests carry and what is answered, as pydantic models: the source of `openapi.json`."""

import re
import unicodedata
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, StringConstraints

from kaftalk_protocol.client_frames import MessageFields, Seq
from kaftalk_protocol.records import HistoryPolicy, Role
from kaftalk_protocol.server_frames import Event, Page, Room, RoomEntry, User
from kaftalk_protocol.text import DisplayName, MessageText, RoomName, RoomTopic, Uuid, nfc
from kaftalk_rest.shapes import Answer, Asked, Moment

PASSWORD_CHARS_MIN = 8
PASSWORD_CHARS_MAX = 256
INVITE_LIFE_S = 7 * 24 * 3600
INVITE_LIFE_S_MAX = 365 * 24 * 3600


def _username(text: str) -> str:
    if not re.fullmatch(r"[a-z0-9._-]{3,32}", text):
        raise ValueError("must have 3 to 32 of a-z 0-9 . _ -")
    return text


def _nfc_password(text: str) -> str:
    """Normalise: the same keys give other code points on other systems (RFC 8265, 4.2)."""
    text.encode()
    return unicodedata.normalize("NFC", text)


def _long_enough(text: str) -> str:
    if not PASSWORD_CHARS_MIN <= len(text) <= PASSWORD_CHARS_MAX:
        raise ValueError(f"must have {PASSWORD_CHARS_MIN} to {PASSWORD_CHARS_MAX} characters")
    return text


Username = Annotated[str, AfterValidator(_username), Field(json_schema_extra={"pattern": "^[a-z0-9._-]{3,32}$"})]
Password = Annotated[str, Field(min_length=1, max_length=4 * PASSWORD_CHARS_MAX), AfterValidator(_nfc_password)]
NewPassword = Annotated[
    str, StringConstraints(max_length=4 * PASSWORD_CHARS_MAX), AfterValidator(_nfc_password),
    AfterValidator(_long_enough), Field(json_schema_extra={"minLength": 8, "maxLength": 256}),
]  # fmt: skip
Locale = Annotated[str, Field(pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}$")]
UserIds = Annotated[list[Uuid], Field(max_length=100)]


class Registration(Asked):
    """A new account."""

    username: Username
    password: NewPassword
    display_name: DisplayName | None = None
    locale: Locale | None = None


class Credentials(Asked):
    """Who signs in."""

    username: Annotated[str, Field(max_length=200), AfterValidator(nfc)]
    password: Password


class AccountPatch(Asked):
    """What of one's account changes (JSON Merge Patch, RFC 7396)."""

    display_name: DisplayName | None = None
    locale: Locale | None = None


class PasswordChange(Asked):
    """A new password."""

    old: Password
    new: NewPassword


class NewRoom(Asked):
    """A room to be made."""

    name: RoomName
    kind: Literal["public", "private"]
    topic: RoomTopic | None = None
    history: HistoryPolicy = "all"
    member_ids: UserIds = []


class NewDirectRoom(Asked):
    """With whom."""

    user_id: Uuid


class RoomPatch(Asked):
    """What of a room changes (JSON Merge Patch); `topic` null takes it away."""

    name: RoomName | None = None
    topic: RoomTopic | None = None
    history: HistoryPolicy | None = None
    members_invite: Annotated[bool, Field(strict=True)] | None = None


class Leaving(Asked):
    """Who becomes an owner instead."""

    successor: Uuid | None = None


class NewMembers(Asked):
    """Who is added; present members are ignored."""

    user_ids: Annotated[UserIds, Field(min_length=1)]


class RolePatch(Asked):
    """The new role."""

    role: Role


class NewInvite(Asked):
    """How long (seconds) and how often an invite works."""

    expires_in: Annotated[int, Field(ge=1, le=INVITE_LIFE_S_MAX, strict=True)] = INVITE_LIFE_S
    max_uses: Annotated[int, Field(ge=1, le=1_000_000, strict=True)] | None = None


NO_SUCCESSOR = Leaving()
PLAIN_INVITE = NewInvite()


class Mute(Asked):
    """Until when a room does not alert."""

    until: Moment | Literal["forever"] | None


class NewMessage(MessageFields):
    """A message to be sent."""


class MessagePatch(Asked):
    """The new text of a message."""

    text: Annotated[MessageText, Field(min_length=1)]
    mentions: Annotated[list[Uuid], Field(max_length=50)] = []


class ReadTo(Asked):
    """Up to where one has read."""

    seq: Seq


class Account(User):
    """Oneself."""

    locale: str | None
    created_at: str


class Registered(Answer):
    """The new account; one is not signed in yet."""

    user: User


class SignedIn(Answer):
    """An access token for ten minutes; the refresh token is in the cookie `kt_refresh`."""

    access_token: str
    token_type: Literal["Bearer"]
    expires_in: int
    user: User


class Session(Answer):
    """A place where one is signed in."""

    id: str
    created_at: str
    last_seen_at: str
    user_agent: str
    address: str
    current: bool


class Ticket(Answer):
    """Opens one WebSocket within `expires_in` seconds."""

    ticket: str
    expires_in: int


class Member(Answer):
    """A member of a room."""

    user: User
    role: Role
    joined_seq: int
    read_seq: int


class Invite(Answer):
    """An invite; `code` and `url` are null if they were made under another signing key."""

    code: str | None
    url: str | None
    expires_at: str | None
    max_uses: int | None
    uses: int


class InvitePreview(Answer):
    """What one who has an invite sees before joining."""

    room: "InvitedRoom"
    expires_at: str | None


class InvitedRoom(Answer):
    """The room behind an invite."""

    id: str
    name: str | None
    kind: Literal["public", "private"]
    topic: str | None
    member_count: int


class Stored(Answer):
    """Where a message lies; null only if a repeat is known by its key alone."""

    epoch: int | None
    seq: int | None


class Readers(Answer):
    """How many others have read up to a message."""

    count: int


class Version(Answer):
    """What runs here."""

    version: str
    commit: str
    protocol: Literal[1] = 1


class JwkSet(Answer):
    """The public keys of access tokens (RFC 7517)."""

    keys: list[dict[str, Any]]


__all__ = [
    "Account", "AccountPatch", "Credentials", "Event", "Invite", "InvitePreview", "JwkSet", "Leaving",
    "Member", "MessagePatch", "Mute", "NewDirectRoom", "NewInvite", "NewMembers", "NewMessage", "NewRoom",
    "Page", "PasswordChange", "ReadTo", "Readers", "Registered", "Registration", "RolePatch", "Room", "RoomEntry",
    "RoomPatch", "Session", "SignedIn", "Stored", "Ticket", "User", "Version",
]  # fmt: skip
