"""What is asked and answered about media, as pydantic models."""

import base64
import binascii
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints

from kaftalk_media.allowed import CONTENT_TYPE_CHARS_MAX, is_content_type
from kaftalk_protocol.client_frames import SEQ_MAX
from kaftalk_protocol.media import NAME_CHARS_MAX, PARTS_MAX, Kind, Status
from kaftalk_protocol.text import Uuid, single_line
from kaftalk_rest.shapes import Answer, Asked

PARTS_A_REQUEST = 20
DURATION_MS_MAX = 24 * 3600 * 1000
ETAG_CHARS_MAX = 256


def _file_name(text: str) -> str:
    name = single_line(text)
    if not 1 <= len(name) <= NAME_CHARS_MAX:
        raise ValueError(f"must have 1 to {NAME_CHARS_MAX} characters")
    if "/" in name or "\\" in name:
        raise ValueError("has a slash or backslash")
    return name


def _content_type(text: str) -> str:
    if not is_content_type(text):
        raise ValueError("is no media type")
    return text


def _sha256(text: str) -> str:
    try:
        digest = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        digest = b""
    if len(digest) != 32 or base64.b64encode(digest).decode() != text:
        raise ValueError("is no SHA-256 in base64")
    return text


FileName = Annotated[str, StringConstraints(max_length=4 * NAME_CHARS_MAX), AfterValidator(_file_name)]
ContentType = Annotated[
    str, StringConstraints(min_length=3, max_length=CONTENT_TYPE_CHARS_MAX), AfterValidator(_content_type)
]
Sha256 = Annotated[str, StringConstraints(min_length=44, max_length=44), AfterValidator(_sha256)]
Bytes = Annotated[int, Field(ge=1, le=SEQ_MAX, strict=True)]
PartNumber = Annotated[int, Field(ge=1, le=PARTS_MAX, strict=True)]
ETag = Annotated[str, Field(min_length=1, max_length=ETAG_CHARS_MAX)]
Time = Annotated[str, Field(json_schema_extra={"format": "date-time"})]


class NewUpload(Asked):
    """What is to be uploaded; `size` in bytes, `sha256` in base64."""

    room: Uuid
    name: FileName
    content_type: ContentType
    size: Bytes
    sha256: Sha256
    kind: Kind
    duration_ms: Annotated[int, Field(ge=0, le=DURATION_MS_MAX, strict=True)] | None = None


class PutTicket(Answer):
    """Where the bytes go in one request, with exactly these headers and those that are always there."""

    id: str
    method: Literal["PUT"]
    url: str
    headers: dict[str, str]
    expires_at: Time


class MultipartTicket(Answer):
    """The bytes go in parts of `part_bytes`, the last one shorter, until `expires_at`."""

    id: str
    method: Literal["MULTIPART"]
    part_bytes: int
    expires_at: Time


class AskedPart(Asked):
    """Part `n`, from 1, of `size` bytes."""

    n: PartNumber
    size: Bytes
    sha256: Sha256


class AskedParts(Asked):
    """Which parts are to be written now."""

    parts: Annotated[list[AskedPart], Field(min_length=1, max_length=PARTS_A_REQUEST)]


class SignedPart(Answer):
    """Where a part goes."""

    n: int
    url: str
    headers: dict[str, str]
    expires_at: Time


class SignedParts(Answer):
    """Where parts go."""

    items: list[SignedPart]


class StoredPart(Answer):
    """A part that is stored; `etag` as the S3 server spells it."""

    n: int
    size: int
    etag: str


class StoredParts(Answer):
    """The parts that are stored, by number."""

    items: list[StoredPart]


class NamedPart(Asked):
    """A part by its number and the `ETag` that the S3 server answered."""

    n: PartNumber
    etag: ETag


class Completion(Asked):
    """All parts."""

    parts: Annotated[list[NamedPart], Field(min_length=1, max_length=PARTS_MAX)]


class MediaObject(Answer):
    """A media object as in messages, and its room; `content_type` and `size` of a ready one are those served."""

    id: str
    room: str
    kind: Kind
    name: str
    content_type: str
    size: int
    status: Status
    reason: str | None = Field(default=None, exclude_if=lambda value: value is None)
    width: int | None = Field(default=None, exclude_if=lambda value: value is None)
    height: int | None = Field(default=None, exclude_if=lambda value: value is None)
    animated: bool | None = Field(default=None, exclude_if=lambda value: value is None)
    duration_ms: int | None = Field(default=None, exclude_if=lambda value: value is None)
    peaks: list[int] | None = Field(default=None, exclude_if=lambda value: value is None)
    blur: str | None = Field(default=None, exclude_if=lambda value: value is None)


class SignedUrl(Answer):
    """Where to read the bytes until `expires_at`."""

    url: str
    expires_at: Time
