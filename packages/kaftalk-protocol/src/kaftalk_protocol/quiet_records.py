"""What lies in `kaftalk.quiet-hours`: a tagged union on `k`, one JSON object a record, compacted by `record_key`.

A user's partition is the shard of her id. Times are Unix ms of the broker's clock. `fence` is the offset of its
writer's `Claim` in the partition: a record with a fence below the newest claim before it does not hold.
"""

import uuid
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from kaftalk_protocol.ids import RoomId, UserId
from kaftalk_protocol.quiet_profile import STORED, Deliver, OrgQuiet, Profile
from kaftalk_protocol.records import VERSION

RECORD_BYTES_MAX = 128 * 1024
RELEASES_MAX = 50
RELEASES_KEPT_MS = 7 * 24 * 3600 * 1000
PIERCED_MAX = 100
PREVIEW_CHARS_MAX = 80

ORG_KEY = "org"
CLAIM_KEY = "claim"

PierceReason = Literal["urgent", "vip", "dm"]
Window = tuple[int, int]
"""`(from_ms, to_ms)` of a hold, half-open."""

_RELEASE = uuid.UUID("3f1d2f0c-6f1e-5f5c-9f0a-6b61667461c9")


def release_id(user: UserId, start_ms: int) -> str:
    """Name the release of the hold of `user` that began at `start_ms`: 32 hex digits, the same for every owner."""
    return uuid.uuid5(_RELEASE, f"{user}|{start_ms}").hex


def next_release_id(before: str) -> str:
    """Name the release of a hold that goes on after its release `before` was begun."""
    return uuid.uuid5(_RELEASE, before).hex


class _Stored(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class DigestRoom(_Stored):
    """What is released of one room: others' messages, not deleted; `gone` says only that one is no member any more.

    A room that is gone has a `name` and no seqs. `preview` is not stored. Optional fields that are null stay out.
    """

    room: RoomId
    count: int
    mentions: int
    first_seq: int | None = Field(default=None, exclude_if=lambda value: value is None)
    last_seq: int | None = Field(default=None, exclude_if=lambda value: value is None)
    last_by: UserId | None = Field(default=None, exclude_if=lambda value: value is None)
    preview: str | None = Field(default=None, exclude_if=lambda value: value is None)
    expired: bool | None = Field(default=None, exclude_if=lambda value: value is None)
    gone: Literal["kicked", "deleted"] | None = Field(default=None, exclude_if=lambda value: value is None)
    name: str | None = Field(default=None, exclude_if=lambda value: value is None)


class Digest(_Stored):
    """What is released to one user: rooms with mentions and direct ones first, then latest activity; no muted ones."""

    total: int
    mentions: int
    rooms: tuple[DigestRoom, ...] = ()


class Snooze(_Stored):
    """Quiet from one moment to another because the person said so."""

    from_ms: int
    until_ms: int


class ZoneChange(_Stored):
    """`zone` was reported by a device since `since_ms` and waits; `changed_ms` is the last change by itself."""

    zone: str | None = None
    since_ms: int | None = None
    changed_ms: int | None = None


class Hold(_Stored):
    """The union that is on; `end_ms` is the plan. It ends as it began, `deliver`ing as the profile said then."""

    start_ms: int
    end_ms: int
    release_id: str
    state: Literal["holding", "releasing"] = "holding"
    deliver: Deliver = "hold"


class PastRelease(_Stored):
    """A release that is done; `late_by_s` if it was late."""

    release_id: str
    window: Window
    late_by_s: int | None = None


class Pierced(_Stored):
    """The message `(room, seq)` of `by` sounded at `ts` in spite of a hold."""

    room: RoomId
    seq: int
    by: UserId
    reason: PierceReason
    ts: int


class UserQuiet(_Stored):
    """The whole state of a user; `version` rises with every change that a person sees (ETag).

    `profile` null: the organisation's default holds. No union that ends up to `settled_ms` is held again.
    `released` has the newest 50 of 7 days, `pierced` the newest 100, both oldest first.
    """

    v: int = VERSION
    k: Literal["user"] = "user"
    user: UserId
    version: int = 0
    updated_ms: int = 0
    profile: Profile | None = None
    snooze: Snooze | None = None
    resume_until_ms: int | None = None
    zone_change: ZoneChange | None = None
    hold: Hold | None = None
    settled_ms: int = 0
    released: tuple[PastRelease, ...] = ()
    pierced: tuple[Pierced, ...] = ()
    fence: int = -1


class Released(_Stored):
    """A release was handed over (DONE); gone after 7 days."""

    v: int = VERSION
    k: Literal["released"] = "released"
    user: UserId
    release_id: str
    window: Window
    late_by_s: int | None = None
    digest: Digest
    done_ms: int
    fence: int


class Claim(_Stored):
    """`instance` takes this partition; the record's own offset is its fence, the newest claim wins."""

    v: int = VERSION
    k: Literal["claim"] = "claim"
    instance: str


class Tick(_Stored):
    """The broker's time of this record is the clock of `instance`."""

    v: int = VERSION
    k: Literal["tick"] = "tick"
    instance: str


class OrgRecord(_Stored):
    """The organisation's defaults; `version` as in `UserQuiet`."""

    v: int = VERSION
    k: Literal["org"] = "org"
    version: int = 0
    updated_ms: int = 0
    org: OrgQuiet = OrgQuiet()
    fence: int = -1


QuietRecord = UserQuiet | Released | Claim | Tick | OrgRecord
_RECORD: TypeAdapter[QuietRecord] = TypeAdapter(Annotated[QuietRecord, Field(discriminator="k")])


def released_key(user: UserId, release: str) -> str:
    """Give the key of a `Released` record (its tombstone has no value to ask)."""
    return f"{user}|{release}"


def record_key(record: QuietRecord) -> str:
    """Give the key under which compaction keeps the last record."""
    match record:
        case UserQuiet():
            return record.user
        case Released():
            return released_key(record.user, record.release_id)
        case Claim():
            return CLAIM_KEY
        case Tick():
            return f"tick|{record.instance}"
        case OrgRecord():
            return ORG_KEY


def encode(record: QuietRecord) -> bytes:
    """Write a record as compact JSON; the previews of a digest stay out."""
    previews = {"digest": {"rooms": {"__all__": {"preview"}}}} if isinstance(record, Released) else None
    return record.model_dump_json(by_alias=True, exclude=previews).encode()


def parse(value: bytes) -> QuietRecord | None:
    """Read a record; None for kinds and shapes that this version does not know.

    A zone that is no longer in the database is kept: the calendar takes the organisation's or the server's then.
    """
    try:
        return _RECORD.validate_json(value, context=STORED)
    except ValidationError:
        return None
