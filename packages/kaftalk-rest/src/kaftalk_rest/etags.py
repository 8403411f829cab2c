"""Entity tags of what PATCH changes, and `If-Match` (RFC 9110, 13.1.1). Pure."""

import hashlib
import json
from typing import Any

from kaftalk_protocol.errors import Code, Refused


def etag_of(thing: dict[str, Any], fields: tuple[str, ...]) -> str:
    """Give the tag of an object by the fields that a PATCH can change."""
    text = json.dumps([thing[field] for field in fields])
    return f'"{hashlib.sha256(text.encode()).hexdigest()[:16]}"'


def check_match(if_match: str | None, etag: str) -> None:
    """See that a conditional request knows the newest state.

    Raises Refused(precondition_failed).
    """
    if if_match is None or if_match.strip() == "*":
        return
    if etag not in (part.strip() for part in if_match.split(",")):
        raise Refused(Code.PRECONDITION_FAILED, "it was changed meanwhile", field="If-Match")
