"""What an access token says; signing and verifying live in the service that owns the keys."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from kaftalk_protocol.text import Uuid

AUDIENCE: Literal["kaftalk"] = "kaftalk"
ALGORITHM = "EdDSA"
TYPE = "at+jwt"
"""The `typ` of the header, which keeps tokens of other uses out (RFC 9068 2.1, RFC 8725 3.11)."""
ACCESS_SECONDS = 10 * 60

_Seconds = Annotated[int, Field(ge=0, strict=True)]


class AccessClaims(BaseModel):
    """The claims of an access token: user `sub` in session `sid`; times in Unix seconds (RFC 7519 4.1)."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    iss: str
    aud: Literal["kaftalk"] = AUDIENCE
    sub: Uuid
    sid: Uuid
    iat: _Seconds
    nbf: _Seconds
    exp: _Seconds
