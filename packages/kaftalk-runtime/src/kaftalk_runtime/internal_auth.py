"""Who may call an internal endpoint: HMAC-SHA256 over method, path, time, nonce and body, with up to two active keys.

The first key signs, both are accepted, so a key is replaced without an outage: add the new one behind, move it to
the front, drop the old one.
"""

import hashlib
import hmac
import secrets
from collections import deque
from collections.abc import Sequence

from kaftalk_runtime.clock import Clock, SystemClock

HEADER = "X-Kaftalk-Auth"

_SKEW_MS = 30_000
_NONCES_MAX = 100_000
_NONCE_CHARS = 32


class NotAuthenticated(Exception):
    """The header is missing, malformed, signed with another key, too old, or was used before."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class InternalKeys:
    """The keys that the services of one deployment share; signs and verifies `<ts_ms>:<nonce>:<hex mac>`."""

    def __init__(self, keys: Sequence[str], *, clock: Clock | None = None) -> None:
        self._keys = [key.encode() for key in keys]
        self._clock = clock or SystemClock()
        self._seen: set[str] = set()
        self._seen_order: deque[tuple[int, str]] = deque()

    def sign(self, method: str, path: str, body: bytes = b"") -> str:
        """Give the header for one request."""
        ts_ms, nonce = self._clock.now_ms(), secrets.token_hex(_NONCE_CHARS // 2)
        return f"{ts_ms}:{nonce}:{_mac(self._keys[0], method, path, ts_ms, nonce, body)}"

    def verify(self, method: str, path: str, header: str | None, body: bytes = b"") -> None:
        """Take a request whose header is right and new.

        Raises NotAuthenticated.
        """
        ts_ms, nonce, mac = _split(header)
        if abs(self._clock.now_ms() - ts_ms) > _SKEW_MS:
            raise NotAuthenticated("time is off by more than 30 s")
        # Both keys are always tried: the time taken must not tell which one was nearer.
        matches = [hmac.compare_digest(_mac(key, method, path, ts_ms, nonce, body), mac) for key in self._keys]
        if not any(matches):
            raise NotAuthenticated("signature is wrong")
        self._remember(nonce)

    def _remember(self, nonce: str) -> None:
        now_ms = self._clock.now_ms()
        while self._seen_order and self._seen_order[0][0] < now_ms - 2 * _SKEW_MS:
            self._seen.discard(self._seen_order.popleft()[1])
        if nonce in self._seen:
            raise NotAuthenticated("nonce was used before")
        if len(self._seen) >= _NONCES_MAX:
            raise NotAuthenticated("too many requests to remember")
        self._seen.add(nonce)
        self._seen_order.append((now_ms, nonce))


def _split(header: str | None) -> tuple[int, str, str]:
    parts = (header or "").split(":")
    if len(parts) != 3 or not parts[0].isascii() or not parts[0].isdigit() or len(parts[0]) > 15:
        raise NotAuthenticated("header is missing or malformed")
    if len(parts[1]) != _NONCE_CHARS or not parts[2].isascii():
        raise NotAuthenticated("header is missing or malformed")
    return int(parts[0]), parts[1], parts[2]


def _mac(key: bytes, method: str, path: str, ts_ms: int, nonce: str, body: bytes) -> str:
    text = f"{method}\n{path}\n{ts_ms}\n{nonce}\n{hashlib.sha256(body).hexdigest()}"
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
