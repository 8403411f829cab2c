"""Text at the border: NFC, lengths in code points, nothing that breaks JSON or logs."""

import re
import unicodedata
from typing import Annotated

from pydantic import AfterValidator, StringConstraints

from kaftalk_protocol.ids import is_uuid


def is_encodable(text: str) -> bool:
    """Tell whether `text` can be written as UTF-8: it has no lone surrogate."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def nfc(text: str) -> str:
    """Normalise to NFC; lone surrogates and NUL are refused.

    Raises ValueError.
    """
    if not is_encodable(text):
        raise ValueError("has a lone surrogate")
    if "\x00" in text:
        raise ValueError("has a NUL character")
    return unicodedata.normalize("NFC", text)


def single_line(text: str) -> str:
    """Normalise a name: NFC, trimmed, one line, no control characters.

    Raises ValueError.
    """
    text = nfc(text).strip()
    if any(unicodedata.category(c) in ("Cc", "Zl", "Zp") for c in text):
        raise ValueError("has control characters")
    return text


def _canonical_uuid(text: str) -> str:
    if not is_uuid(text):
        raise ValueError("is not a UUID in canonical text")
    return text


_ELEMENT = (
    "[\u00a9\u00ae\u203c\u2049\u2100-\u214f\u2190-\u21ff\u2300-\u23ff\u2460-\u24ff\u25a0-\u27bf\u2900-\u297f"
    "\u2b00-\u2bff\u3030\u303d\u3297\u3299\U0001f000-\U0001f1e5\U0001f200-\U0001faff]"
    "[\U0001f3fb-\U0001f3ff]?\ufe0f?[\U000e0020-\U000e007f]*"
)
_ONE_EMOJI = re.compile(f"[\U0001f1e6-\U0001f1ff]{{2}}|[0-9#*]\ufe0f?\u20e3|{_ELEMENT}(?:\u200d{_ELEMENT})*")


def _emoji(text: str) -> str:
    """Take one emoji: a flag, a keycap, or pictographs joined by ZWJ (UTS #51 1.4.9, without its tables)."""
    text = nfc(text)
    if len(text.encode()) > 64 or not _ONE_EMOJI.fullmatch(text):
        raise ValueError("is not one emoji of at most 64 bytes")
    return text


def _length(least: int, most: int) -> AfterValidator:
    def check(text: str) -> str:
        if not least <= len(text) <= most:
            raise ValueError(f"must have {least} to {most} characters")
        return text

    return AfterValidator(check)


TEXT_CHARS_MAX = 4_000

Uuid = Annotated[str, AfterValidator(_canonical_uuid)]
MessageText = Annotated[
    str, StringConstraints(max_length=4 * TEXT_CHARS_MAX), AfterValidator(nfc), _length(0, TEXT_CHARS_MAX)
]
RoomName = Annotated[str, StringConstraints(max_length=1_000), AfterValidator(single_line), _length(1, 80)]
RoomTopic = Annotated[str, StringConstraints(max_length=4_000), AfterValidator(nfc), _length(0, 1_000)]
DisplayName = Annotated[str, StringConstraints(max_length=1_000), AfterValidator(single_line), _length(1, 64)]
Emoji = Annotated[str, StringConstraints(max_length=64), AfterValidator(_emoji)]
