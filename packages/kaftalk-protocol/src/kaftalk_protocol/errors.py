"""Error codes of REST and WebSocket, and the close codes, in one table.

ProtocolError
└── Refused        a request that is answered with an error code
"""

from enum import StrEnum
from typing import Any


class Code(StrEnum):
    """Stable error codes; `status` is the HTTP status each has in REST."""

    INVALID = "invalid"
    UNAUTHENTICATED = "unauthenticated"
    FORBIDDEN = "forbidden"
    NOT_MEMBER = "not_member"
    NOT_FOUND = "not_found"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    RATE_LIMITED = "rate_limited"
    CONFLICT = "conflict"
    LAST_OWNER = "last_owner"
    ARCHIVED = "archived"
    GONE = "gone"
    PRECONDITION_FAILED = "precondition_failed"
    TOO_LARGE = "too_large"
    QUOTA_EXCEEDED = "quota_exceeded"
    UNSUPPORTED = "unsupported"
    UNAVAILABLE = "unavailable"
    UNKNOWN_OUTCOME = "unknown_outcome"

    @property
    def status(self) -> int:
        """Give the HTTP status (422 for `invalid`; a broken body overrides it with 400)."""
        return _STATUS[self]


_STATUS = {
    Code.INVALID: 422,
    Code.UNAUTHENTICATED: 401,
    Code.FORBIDDEN: 403,
    Code.NOT_MEMBER: 403,
    Code.NOT_FOUND: 404,
    Code.METHOD_NOT_ALLOWED: 405,
    Code.RATE_LIMITED: 429,
    Code.CONFLICT: 409,
    Code.LAST_OWNER: 409,
    Code.ARCHIVED: 409,
    Code.GONE: 410,
    Code.PRECONDITION_FAILED: 412,
    Code.TOO_LARGE: 413,
    Code.QUOTA_EXCEEDED: 413,
    Code.UNSUPPORTED: 415,
    Code.UNAVAILABLE: 503,
    Code.UNKNOWN_OUTCOME: 503,
}


class CloseCode:
    """WebSocket close codes: 4000–4499 reconnect, 4500–4999 do not reconnect by itself."""

    DRAIN = 4000
    TOO_SLOW = 4001
    NO_HELLO = 4002
    LOST = 4003
    BAD_TICKET = 4500
    BAD_FRAME = 4502
    SESSION_ENDED = 4503
    FLOODING = 4504
    STREAM_TAKEN = 4505


class ProtocolError(Exception):
    """Root of the errors of this package."""


class Refused(ProtocolError):
    """A request is refused with a code that the client can act on.

    `field` is a dotted path into the input where one field is to blame; `retry_after_ms` goes with
    `rate_limited`, `unavailable` and `unknown_outcome`.
    """

    def __init__(self, code: Code, detail: str, *, field: str | None = None, retry_after_ms: int | None = None) -> None:
        super().__init__(code, detail)
        self.code = code
        self.detail = detail
        self.field = field
        self.retry_after_ms = retry_after_ms

    def __str__(self) -> str:
        return f"{self.code}: {self.detail}"

    def problem(self) -> dict[str, Any]:
        """Give the body of an RFC 9457 answer."""
        errors = [{"field": self.field, "detail": self.detail}] if self.field else []
        return {
            "type": f"https://kaftalk.dev/errors/{self.code}",
            "title": self.code.replace("_", " ").capitalize(),
            "status": self.code.status,
            "detail": self.detail,
            "code": str(self.code),
            "errors": errors,
        }
