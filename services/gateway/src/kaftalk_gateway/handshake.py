"""Who may open a WebSocket: path, origin, subprotocol and rate, decided before the upgrade. Pure."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import orjson

from kaftalk_gateway.rates import Buckets, Rate
from kaftalk_protocol.errors import Code, Refused

SUBPROTOCOL = "kaftalk.v1"
PATH = "/ws"

Headers = Iterable[tuple[bytes, bytes]]


class Problem(NamedTuple):
    """An answer instead of an upgrade."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes


class Handshakes:
    """Judges handshakes; `draining` refuses all of them."""

    def __init__(self, origins: Sequence[str], rate: Rate) -> None:
        self._origins = frozenset(origin.lower().encode() for origin in origins)
        self._addresses = Buckets(rate)
        self.draining = False

    def refusal(self, scope: Any, now: float) -> Problem | None:
        """Give why a handshake is refused; None if it may go on."""
        if scope["path"] != PATH:
            return problem(Refused(Code.NOT_FOUND, "there is nothing here"))
        if self.draining:
            return problem(Refused(Code.UNAVAILABLE, "this gateway is going", retry_after_ms=1_000))
        if not self._allowed(scope["headers"]):
            return problem(Refused(Code.FORBIDDEN, "the origin is not allowed"))
        if SUBPROTOCOL not in scope["subprotocols"]:
            return problem(Refused(Code.INVALID, f"the subprotocol must be {SUBPROTOCOL}"), status=400)
        wait_ms = self._addresses.take(str((scope.get("client") or ("",))[0]), now)
        if wait_ms:
            return problem(Refused(Code.RATE_LIMITED, "too many handshakes", retry_after_ms=wait_ms))
        return None

    def _allowed(self, headers: Headers) -> bool:
        """A browser always says where it comes from (RFC 6455 10.2); who says nothing is no browser."""
        origins = [value for name, value in headers if name.lower() == b"origin"]
        return not origins or (len(origins) == 1 and origins[0].lower() in self._origins)


def problem(refused: Refused, *, status: int | None = None) -> Problem:
    """Write a refusal as `application/problem+json` (RFC 9457)."""
    body = refused.problem() | ({"status": status} if status is not None else {})
    headers = [(b"content-type", b"application/problem+json"), (b"cache-control", b"no-store")]
    if refused.retry_after_ms is not None:
        headers.append((b"retry-after", str(-(-refused.retry_after_ms // 1000)).encode()))
    return Problem(body["status"], headers, orjson.dumps(body))
