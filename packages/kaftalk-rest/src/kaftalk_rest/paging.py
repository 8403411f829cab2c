"""Opaque cursors of lists, and the answer around a part of a list."""

import base64
import binascii
import hashlib
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlencode

from fastapi import Request, Response

from kaftalk_protocol.errors import Code, Refused

_CHECK_BYTES = 6


def encode_cursor(after: str) -> str:
    """Write the place after which the next part begins as an opaque cursor."""
    plain = after.encode()
    return base64.urlsafe_b64encode(_check(plain) + plain).decode().rstrip("=")


def decode_cursor(cursor: str | None) -> str | None:
    """Read a cursor; None means from the beginning.

    Raises Refused(invalid).
    """
    if cursor is None:
        return None
    try:
        raw = base64.b64decode(cursor.encode() + b"=" * (-len(cursor) % 4), b"-_", validate=True)
        if raw[:_CHECK_BYTES] != _check(raw[_CHECK_BYTES:]):
            raise ValueError("made up")
        return raw[_CHECK_BYTES:].decode()
    except (binascii.Error, ValueError) as error:
        raise Refused(Code.INVALID, "cursor is not one that was given out", field="cursor") from error


def _check(plain: bytes) -> bytes:
    """Tell a cursor from a guess; it opens nothing, so this is no secret."""
    return hashlib.blake2s(plain, digest_size=_CHECK_BYTES, person=b"cursor").digest()


def part_of(
    items: Sequence[Any], limit: int, cursor: str | None, order: Callable[[Any], tuple[Any, ...]]
) -> tuple[list[Any], str | None]:
    """Sort by `order` (ending in something unique) and cut out the part after the cursor; gives it and the next cursor.

    A cursor names the last item seen, not a number of items, so nothing is shown twice when the list changes.
    """
    after = decode_cursor(cursor)
    ordered = sorted(items, key=order)
    if after is not None:
        ordered = [item for item in ordered if _spelt(order(item)) > after]
    part = ordered[:limit]
    return part, encode_cursor(_spelt(order(part[-1]))) if len(ordered) > limit else None


def _spelt(key: tuple[Any, ...]) -> str:
    return "\x00".join(f"{part:020d}" if isinstance(part, int) else str(part) for part in key)


def link_next(request: Request, response: Response, next_cursor: str | None) -> None:
    """Add `Link: rel="next"` where there is more (RFC 8288)."""
    if next_cursor is None:
        return
    query = [(name, value) for name, value in request.query_params.multi_items() if name != "cursor"]
    response.headers["Link"] = f'<{request.url.path}?{urlencode([*query, ("cursor", next_cursor)])}>; rel="next"'
