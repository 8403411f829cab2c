"""Refresh tokens: `<session>.<generation>` under a MAC. Pure.

A session counts its generations, so every token it ever gave out can be told from a forged one, and the successor of
a token can be made again: two tabs that refresh at once get the same one. Nothing secret is stored.
"""

import base64
import binascii
import hmac
import struct
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto

from kaftalk_protocol.ids import SessionId

GRACE_MS = 10_000
ROTATIONS_KEPT = 50
LIFETIME_S = 30 * 24 * 3600

_PLAIN = struct.Struct(">16sI")
_MAC_BYTES = 32


@dataclass(frozen=True, slots=True)
class RefreshToken:
    """The token of a session's generation, counted from 0."""

    sid: SessionId
    generation: int

    def write(self, secret: bytes) -> str:
        """Write the token as text."""
        plain = _PLAIN.pack(uuid.UUID(self.sid).bytes, self.generation)
        return base64.urlsafe_b64encode(plain + hmac.digest(secret, plain, "sha256")).decode().rstrip("=")

    def successor(self) -> "RefreshToken":
        """Give the token that replaces this one."""
        return RefreshToken(self.sid, self.generation + 1)


def read(text: str, secret: bytes) -> RefreshToken | None:
    """Read a token; None if it was never given out."""
    try:
        raw = base64.b64decode(text.encode() + b"=" * (-len(text) % 4), b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    plain, mac = raw[: _PLAIN.size], raw[_PLAIN.size :]
    if len(mac) != _MAC_BYTES or not hmac.compare_digest(mac, hmac.digest(secret, plain, "sha256")):
        return None
    sid, generation = _PLAIN.unpack(plain)
    return RefreshToken(SessionId(str(uuid.UUID(bytes=sid))), generation)


class Rotation(Enum):
    """What becomes of a session when a token is presented."""

    ROTATE = auto()
    REPEAT = auto()
    REUSED = auto()


def judge(presented: int, current: int, rotations_ms: Sequence[int], now_ms: int) -> Rotation:
    """Decide on a token's generation (RFC 9700, 4.14.2): a replaced one is good for 10 s more.

    `rotations_ms` says when the last generations were replaced, the newest last.
    """
    if presented == current:
        return Rotation.ROTATE
    ago = current - presented
    if 0 < ago <= len(rotations_ms) and now_ms - rotations_ms[-ago] <= GRACE_MS:
        return Rotation.REPEAT
    return Rotation.REUSED


def rotated(rotations_ms: Sequence[int], now_ms: int) -> tuple[int, ...]:
    """Note one more rotation; forget those whose tokens are not good any more."""
    kept = [at for at in rotations_ms if now_ms - at <= GRACE_MS]
    return (*kept[1 - ROTATIONS_KEPT :], now_ms)
