"""Moments: Unix ms in objects, RFC 3339 text with an offset on the wire and in records."""

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

YEAR_MIN, YEAR_MAX = 2000, 2199

_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)


def instant_ms(text: object) -> int:
    """Read an RFC 3339 time with an offset into Unix ms; finer digits are cut off.

    Raises ValueError.
    """
    if not isinstance(text, str) or not _RFC3339.fullmatch(text):
        raise ValueError("must be a time with an offset (RFC 3339), as 2027-03-14T07:00:00Z")
    try:
        at = datetime.fromisoformat(text.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError("is no time of the calendar") from None
    if not YEAR_MIN <= at.year <= YEAR_MAX:
        raise ValueError(f"must be in the years {YEAR_MIN} to {YEAR_MAX}")
    return (at - _EPOCH) // _MS


def instant_text(ms: int) -> str:
    """Write Unix ms as RFC 3339 in UTC with milliseconds."""
    return (_EPOCH + ms * _MS).isoformat(timespec="milliseconds").replace("+00:00", "Z")


Instant = Annotated[
    int,
    BeforeValidator(instant_ms, json_schema_input_type=str),
    PlainSerializer(instant_text, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
"""Unix ms in the object, RFC 3339 text on the wire and in records."""
