"""Tell the media service a result, signed as every internal call is."""

import hashlib
import hmac
import secrets
import ssl
import time
from collections.abc import Callable
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

HEADER = "X-Kaftalk-Auth"
_TIMEOUT_S = 5.0
_GONE = frozenset({404, 410})


class NotTaken(Exception):
    """The media service answered with an error; the manifest holds the result until it is told again."""

    def __init__(self, status: int) -> None:
        super().__init__(f"status {status}")
        self.status = status


class MediaService:
    """The internal listener of the media service."""

    def __init__(self, url: str, key: str, *, tls: Path | None = None, now_ms: Callable[[], int] | None = None) -> None:
        """Call by mutual TLS if `tls` is a folder with `ca.crt`, `tls.crt` and `tls.key`."""
        self._url = url.rstrip("/")
        self._key = key.encode()
        self._tls = tls
        self._now_ms = now_ms or (lambda: time.time_ns() // 1_000_000)

    def tell(self, media: str, manifest: bytes) -> bool:
        """Send the result; False if there is no such media any more. Raises NotTaken, OSError."""
        path = f"/media/{media}/result"
        headers = {"Content-Type": "application/json", HEADER: self.signature("POST", path, manifest)}
        request = Request(self._url + path, manifest, headers, method="POST")
        try:
            with urlopen(request, timeout=_TIMEOUT_S, context=self._context()):
                return True
        except HTTPError as error:
            with error:
                if error.code in _GONE:
                    return False
                raise NotTaken(error.code) from error

    def _context(self) -> ssl.SSLContext | None:
        """Read the certificates with every call: they are replaced before they end."""
        if self._tls is None:
            return None
        context = ssl.create_default_context(cafile=self._tls / "ca.crt")
        context.load_cert_chain(self._tls / "tls.crt", self._tls / "tls.key")
        return context

    def signature(self, method: str, path: str, body: bytes) -> str:
        """Sign as `kaftalk_runtime.internal_auth` verifies: HMAC over method, path, time, nonce and body."""
        ts_ms, nonce = self._now_ms(), secrets.token_hex(16)
        text = f"{method}\n{path}\n{ts_ms}\n{nonce}\n{hashlib.sha256(body).hexdigest()}"
        return f"{ts_ms}:{nonce}:{hmac.new(self._key, text.encode(), hashlib.sha256).hexdigest()}"
