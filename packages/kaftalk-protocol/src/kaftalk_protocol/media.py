"""Files, images and voice: what lies in `kaftalk.media`, what S3 holds of it, and the object in messages.

Under `<id>` lies an `Upload`, written by the media service; under `<id>/room` a `Sending`, written by whoever moves a
room's view, before it moves. Their partition is the shard of the room. Several write at once, so records are merged,
in any order; compaction keeps the last one, so the partition's owner appends the merged one again where the last says
less.
"""

import re
from typing import Any, Literal, NamedTuple, get_args

from pydantic import BaseModel, ConfigDict, ValidationError

from kaftalk_protocol.ids import MediaId, RoomId, UserId
from kaftalk_protocol.records import VERSION, Media

Kind = Literal["image", "voice", "file"]
State = Literal["incoming", "stored", "ready", "rejected", "removed"]
Status = Literal["pending", "ready", "rejected"]
VariantName = Literal["original", "thumb", "preview", "playable"]

NAME_CHARS_MAX = 255
PARTS_MAX = 1_000
"""Parts of one multipart upload: all of them fit into one request (S3 takes 10,000)."""

UPLOAD_LIFE_MS = 5 * 60 * 1000
MULTIPART_LIFE_MS = 24 * 3600 * 1000
ORPHAN_LIFE_MS = 24 * 3600 * 1000
"""What was not sent so long after it was announced goes away."""

_INCOMING = "incoming/"
_SERVED = "media/"
FOLDERS = (*(f"{_INCOMING}{kind}/" for kind in get_args(Kind)), _SERVED)
"""What all keys in the bucket begin with."""

_UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_INCOMING_KEY = re.compile(rf"incoming/(image|voice|file)/({_UUID})/({_UUID})")
_ROOM_KEY = "/room"
# `rejected` is below `ready`: of two results, which there should never be, all take the same one.
_TOLD: tuple[Status | None, ...] = (None, "pending", "rejected", "ready")
_RANKS: dict[State, int] = {"incoming": 0, "stored": 1, "rejected": 2, "ready": 3, "removed": 4}


class _Stored(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class Variant(_Stored):
    """One object that is served: its key in the bucket, its type, its length in bytes; pictures have a size in px."""

    key: str
    content_type: str
    size: int
    width: int | None = None
    height: int | None = None


class Result(_Stored):
    """What the function made of an upload: `manifest.json`, and the body of its callback.

    `content_type` and `size` are those of the variant `original`; a rejected one has a `reason` and no variants.
    """

    v: int = VERSION
    id: MediaId
    room: RoomId
    kind: Kind
    status: Literal["ready", "rejected"]
    reason: str | None = None
    content_type: str | None = None
    size: int | None = None
    width: int | None = None
    height: int | None = None
    animated: bool | None = None
    duration_ms: int | None = None
    peaks: tuple[int, ...] | None = None
    blur: str | None = None
    variants: dict[str, Variant] = {}


class Upload(_Stored):
    """A media object from its announcement on. `content_type` and `size` (bytes) stay those that were announced.

    `sha256` is base64, as S3 writes it; `upload_id` and `part_bytes` belong to a multipart upload.
    """

    v: int = VERSION
    id: MediaId
    room: RoomId
    by: UserId
    kind: Kind
    name: str
    content_type: str
    size: int
    sha256: str
    created_ms: int
    state: State = "incoming"
    upload_id: str | None = None
    part_bytes: int | None = None
    reason: str | None = None
    width: int | None = None
    height: int | None = None
    animated: bool | None = None
    duration_ms: int | None = None
    peaks: tuple[int, ...] | None = None
    blur: str | None = None
    variants: dict[str, Variant] = {}

    @property
    def status(self) -> Status:
        """How far it is, in the words of messages."""
        return self.state if self.state in ("ready", "rejected") else "pending"

    @property
    def incoming(self) -> str:
        """The key that the sender writes."""
        return f"{_INCOMING}{self.kind}/{self.room}/{self.id}"

    @property
    def folder(self) -> str:
        """The prefix of everything that is served."""
        return f"{_SERVED}{self.room}/{self.id}/"

    @property
    def manifest(self) -> str:
        """The key of the result; once it exists the upload is done."""
        return f"{self.folder}manifest.json"


class Sending(_Stored):
    """Message `seq` of the room, `<stream>:<n>`, shows the media, or did until it was `removed`.

    `told` is the status that the room's log has of it; the partition's owner adds it.
    """

    v: int = VERSION
    id: MediaId
    room: RoomId
    seq: int
    message: str | None = None
    removed: bool = False
    told: Status | None = None


class MediaView(Upload):
    """The merged upload as Redis has it: `sent` is the seq of its message, `message` that message's `<stream>:<n>`."""

    sent: int | None = None
    message: str | None = None

    @property
    def upload(self) -> Upload:
        """The upload alone."""
        return Upload.model_construct(**{name: getattr(self, name) for name in Upload.model_fields})


class IncomingKey(NamedTuple):
    """What the key of an upload says."""

    kind: Kind
    room: RoomId
    id: MediaId


def merge(old: Upload, new: Upload) -> Upload:
    """Join two records of one media object: states only go forward. Commutative, associative, idempotent."""
    return max(old, new, key=_rank)


def merge_sendings(old: Sending, new: Sending) -> Sending:
    """Join two records: the first message counts, and whichever was removed takes the media with it.

    Commutative, associative, idempotent.
    """
    first = min(old, new, key=_place)
    told = max(old.told, new.told, key=_TOLD.index)
    return first.model_copy(update={"removed": old.removed or new.removed, "told": told})


def merge_views(old: MediaView, new: MediaView) -> MediaView:
    """Join two views of one media object: the upload as `merge` does, sent by the first message."""
    sent, message = min((old.sent, old.message), (new.sent, new.message), key=_sent_first)
    return _view(merge(old.upload, new.upload), sent, message)


def view_of(upload: Upload, sending: Sending | None = None) -> MediaView:
    """Give the view of an upload."""
    return _view(upload, None, None) if sending is None else _view(upload, sending.seq, sending.message)


def with_result(upload: Upload, result: Result) -> Upload:
    """Give the upload as the function's result makes it: ready or rejected."""
    found = {name: getattr(result, name) for name in ("reason", "width", "height", "animated", "peaks", "blur")}
    duration_ms = upload.duration_ms if result.duration_ms is None else result.duration_ms
    told = {"state": result.status, "duration_ms": duration_ms, "variants": result.variants}
    return upload.model_copy(update=found | told)


def sent_object(upload: Upload) -> dict[str, Any]:
    """Give the object in the record of a message: `pending` whatever is known, for its status follows in the log."""
    return _known(
        id=upload.id,
        kind=upload.kind,
        name=upload.name,
        content_type=upload.content_type,
        size=upload.size,
        status="pending",
        duration_ms=upload.duration_ms,
    )


def media_object(upload: Upload) -> dict[str, Any]:
    """Give the object in messages as of now."""
    return sent_object(upload) | _outcome(upload)


def media_event(upload: Upload, sending: Sending) -> Media:
    """Give the record that tells a room how the processing ended: equal for equal uploads."""
    return Media.model_validate({"media": upload.id, "target": sending.seq} | _outcome(upload))


def upload_key(media: MediaId) -> str:
    """Give the key of an `Upload` in the topic."""
    return media


def sending_key(media: MediaId) -> str:
    """Give the key of a `Sending` in the topic."""
    return media + _ROOM_KEY


def media_of(key: str) -> MediaId:
    """Give the media object that a key of the topic is about."""
    return MediaId(key.removesuffix(_ROOM_KEY))


def incoming_key(key: str) -> IncomingKey | None:
    """Read the key of an uploaded object; None if it is not one."""
    match = _INCOMING_KEY.fullmatch(key)
    return IncomingKey(match[1], RoomId(match[2]), MediaId(match[3])) if match else None  # type: ignore[arg-type]


def encode(record: Upload | Sending) -> bytes:
    """Write a record, or a view, as compact JSON without what is null; equal ones are equal bytes."""
    return record.model_dump_json(exclude_none=True).encode()


def parse(key: str, value: bytes) -> Upload | Sending | None:
    """Read a record of the topic; None for shapes that this version does not know."""
    try:
        if key.endswith(_ROOM_KEY):
            return Sending.model_validate_json(value)
        return Upload.model_validate_json(value)
    except ValidationError:
        return None


def parse_view(value: str | bytes) -> MediaView:
    """Read the view of a media object.

    Raises ValueError.
    """
    return MediaView.model_validate_json(value)


def _rank(upload: Upload) -> tuple[int, bytes]:
    return _RANKS[upload.state], encode(upload)


def _place(sending: Sending) -> tuple[int, bool, str]:
    """Order sendings: of one message, one that names it is before one that does not."""
    return sending.seq, sending.message is None, sending.message or ""


def _sent_first(sent: tuple[int | None, str | None]) -> tuple[bool, int, bool, str]:
    seq, message = sent
    return seq is None, seq or 0, message is None, message or ""


def _view(upload: Upload, sent: int | None, message: str | None) -> MediaView:
    fields = {name: getattr(upload, name) for name in Upload.model_fields}
    return MediaView.model_construct(**fields, sent=sent, message=message)


def _outcome(upload: Upload) -> dict[str, Any]:
    original = upload.variants.get("original")
    return _known(
        status=upload.status,
        content_type=original.content_type if original else None,
        size=original.size if original else None,
        reason=upload.reason,
        width=upload.width,
        height=upload.height,
        animated=upload.animated,
        duration_ms=upload.duration_ms,
        peaks=None if upload.peaks is None else list(upload.peaks),
        blur=upload.blur,
    )


def _known(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}
