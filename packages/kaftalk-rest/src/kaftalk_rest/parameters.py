"""What routes read from addresses, queries and headers."""

from typing import Annotated

from fastapi import Header, Query, Request
from pydantic import AfterValidator, BeforeValidator

from kaftalk_protocol.errors import Code, Refused
from kaftalk_protocol.ids import is_uuid


def id_or_404(text: str) -> str:
    """Take an id in a path.

    Raises Refused(not_found) for what cannot be one.
    """
    if not is_uuid(text):
        raise Refused(Code.NOT_FOUND, "there is nothing at this address")
    return text


def _encodable(text: str) -> str:
    text.encode()
    return text


def _plain(text: str) -> str:
    """Take digits alone: an integer could as well be spelt "+5", "5_0" or " 5"."""
    if not (text.isascii() and text.isdigit()):
        raise ValueError("must be a whole number in decimal digits")
    return text


PlainDigits = BeforeValidator(_plain)
Text = Annotated[str, Query(max_length=200), AfterValidator(_encodable)]
PageSize = Annotated[int, Query(ge=1, le=200), PlainDigits]
Cursor = Annotated[str | None, Query(max_length=500)]
Key = Annotated[
    str | None,
    Header(alias="Idempotency-Key", min_length=1, max_length=128, pattern=r"^[ -~]+$"),
]
IfMatch = Annotated[str | None, Header(alias="If-Match", max_length=1_000)]


def client_address(request: Request) -> str:
    """Give the client's address: the proxy's word for it where the proxy is trusted."""
    return request.client.host if request.client else "unknown"
