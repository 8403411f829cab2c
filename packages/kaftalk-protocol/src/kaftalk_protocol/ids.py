"""Identifiers. All are UUIDs in text, lower case, with dashes."""

import hashlib
import uuid
from typing import NewType

UserId = NewType("UserId", str)
RoomId = NewType("RoomId", str)
StreamId = NewType("StreamId", str)
SessionId = NewType("SessionId", str)
MediaId = NewType("MediaId", str)

_DIRECT = uuid.UUID("5c4b6f0e-3d0b-5b6e-9a53-6b61667461c7")
_KEYED = uuid.UUID("8d0f0f3a-52a5-5f0a-8b5d-6b61667461c8")


def is_uuid(text: str) -> bool:
    """Tell whether `text` is a UUID in its canonical spelling."""
    try:
        return str(uuid.UUID(text)) == text
    except (ValueError, AttributeError, TypeError):
        return False


def direct_room(one: UserId, other: UserId) -> RoomId:
    """Name the direct room of a pair; the same for both, so both callers meet in one topic (UUIDv8, RFC 9562 5.8)."""
    digest = bytearray(hashlib.sha256(_DIRECT.bytes + "|".join(sorted((one, other))).encode()).digest()[:16])
    digest[6] = digest[6] & 0x0F | 0x80
    digest[8] = digest[8] & 0x3F | 0x80
    return RoomId(str(uuid.UUID(bytes=bytes(digest))))


def keyed_stream(user: UserId, key: str) -> StreamId:
    """Name the stream of a REST send with an `Idempotency-Key`: UUIDv5 of key and user, used with n = 1."""
    return StreamId(str(uuid.uuid5(_KEYED, f"{user}|{key}")))
