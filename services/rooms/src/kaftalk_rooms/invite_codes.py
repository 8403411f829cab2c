"""Invite codes: which room a code names, and its hash. Pure.

A code is the room's id and 16 secret bytes. The log and Redis know only its hash; the secret bytes are made from the
signing key and a number below 1,024, so that the codes of a room can be listed again. Under another signing key old
codes still let people in, but are listed without their text.
"""

import base64
import binascii
import hashlib
import uuid
from collections.abc import Collection
from functools import lru_cache

from kaftalk_protocol.ids import RoomId
from kaftalk_rooms.access_tokens import DerivedSecrets

CODES_MAX = 1_024
_SECRET_BYTES = 16


class InviteCodes:
    """The codes that a room can have."""

    def __init__(self, secrets: DerivedSecrets) -> None:
        self._secrets = secrets
        self._of = lru_cache(maxsize=256)(self._make)

    def by_digest(self, room: RoomId) -> dict[str, str]:
        """Give every code of a room by its hash."""
        return self._of(room)

    def unused(self, room: RoomId, used: Collection[str]) -> list[str]:
        """Give the codes whose hashes are not among those used."""
        return [code for digest, code in self._of(room).items() if digest not in used]

    def _make(self, room: RoomId) -> dict[str, str]:
        parts = (self._secrets.derive("invites", room, str(number))[:_SECRET_BYTES] for number in range(CODES_MAX))
        codes = (base64.urlsafe_b64encode(uuid.UUID(room).bytes + part).decode().rstrip("=") for part in parts)
        return {digest_of(code): code for code in codes}


def digest_of(code: str) -> str:
    """Give the hash under which the log knows a code."""
    return hashlib.sha256(code.encode()).hexdigest()


def room_of(code: str) -> RoomId | None:
    """Read which room a code names; None if it is no code."""
    try:
        raw = base64.b64decode(code.encode() + b"=" * (-len(code) % 4), b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    if len(raw) != 16 + _SECRET_BYTES or base64.urlsafe_b64encode(raw).decode().rstrip("=") != code:
        return None
    return RoomId(str(uuid.UUID(bytes=raw[:16])))
