"""Text at the border: NFC, lengths in code points, nothing that breaks JSON or logs."""

import unicodedata
from typing import Annotated

from pydantic import AfterValidator, StringConstraints

from kaftalk_protocol.ids import is_uuid

_CONTROLS_ALLOWED = "\n\t\r"


def nfc(text: str) -> str:
    """Normalise to NFC; lone surrogates and NUL are refused.

    Raises ValueError.
    """
    if any(0xD800 <= ord(c) <= 0xDFFF for c in text):
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


def _emoji(text: str) -> str:
    text = nfc(text)
    if not 1 <= len(text.encode()) <= 64 or any(c.isspace() or unicodedata.category(c) == "Cc" for c in text):
        raise ValueError("is not one emoji of at most 64 bytes")
    if not any(ord(c) > 0x203B for c in text) and "\ufe0f" not in text and "\u20e3" not in text:
        raise ValueError("is not an emoji")
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
