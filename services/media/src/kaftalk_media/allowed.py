"""What may be uploaded: the types of each kind, and how long it may be. Pure.

What counts in the end is the content, which the function looks at; here a mistake is told before anything is sent.
"""

import re

from kaftalk_media.settings import Settings
from kaftalk_protocol.errors import Code, Refused
from kaftalk_protocol.media import PARTS_MAX, Kind

_IMAGES = frozenset(
    f"image/{name}" for name in ("jpeg", "png", "apng", "webp", "gif", "avif", "heic", "heif", "heic-sequence")
)
_VOICES = frozenset(
    {
        "audio/webm", "audio/ogg", "audio/opus", "audio/mp4", "audio/m4a", "audio/x-m4a", "audio/aac",
        "audio/wav", "audio/x-wav", "audio/wave", "audio/vnd.wave", "video/webm", "video/mp4", "application/ogg",
    }
)  # fmt: skip
_TYPES: dict[Kind, frozenset[str] | None] = {"image": _IMAGES, "voice": _VOICES, "file": None}
_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # noqa: S105
_CONTENT_TYPE = re.compile(rf'{_TOKEN}/{_TOKEN}(?:\s*;\s*{_TOKEN}=(?:{_TOKEN}|"[^"\\\x00-\x1f\x7f]*"))*', re.ASCII)

CONTENT_TYPE_CHARS_MAX = 255


def is_content_type(text: str) -> bool:
    """Tell whether this is a media type, with or without parameters (RFC 9110, 8.3.1)."""
    return text.isascii() and text.isprintable() and _CONTENT_TYPE.fullmatch(text) is not None


def check(settings: Settings, kind: Kind, content_type: str, size: int) -> None:
    """See that an upload of this kind may have this type and length in bytes.

    Raises Refused: `unsupported`, `too_large`.
    """
    types = _TYPES[kind]
    if types is not None and content_type.partition(";")[0].strip().lower() not in types:
        raise Refused(Code.UNSUPPORTED, f"content_type: no {kind} has this type", field="content_type")
    bytes_max = longest(settings, kind)
    if size > bytes_max:
        raise Refused(Code.TOO_LARGE, f"size: is over the {bytes_max} bytes of a {kind}", field="size")


def longest(settings: Settings, kind: Kind) -> int:
    """Give how many bytes an upload of this kind may have."""
    by_kind = {
        "image": settings.media_image_bytes_max,
        "voice": settings.media_voice_bytes_max,
        "file": settings.media_file_bytes_max,
    }
    return min(by_kind[kind], PARTS_MAX * settings.media_part_bytes)


def part_size(size: int, part_bytes: int, n: int) -> int | None:
    """Give the length of part `n` (from 1) of an upload in parts; None if it has no such part."""
    count = part_count(size, part_bytes)
    if not 1 <= n <= count:
        return None
    return part_bytes if n < count else size - (count - 1) * part_bytes


def part_count(size: int, part_bytes: int) -> int:
    """Give the number of parts of an upload."""
    return -(-size // part_bytes)
