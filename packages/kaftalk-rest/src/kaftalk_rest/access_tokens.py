"""Who asks: access tokens (JWTs signed with Ed25519, RFC 8037) are checked with the public key, sessions in Redis."""

import base64
import hashlib
from pathlib import Path
from typing import Annotated, NamedTuple

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from kaftalk_protocol import redis_keys
from kaftalk_protocol.errors import Code, Refused
from kaftalk_protocol.ids import SessionId, UserId
from kaftalk_protocol.tokens import ALGORITHM, AUDIENCE, TYPE, AccessClaims
from kaftalk_runtime.clock import Clock, SystemClock
from kaftalk_runtime.redis_client import Redis

SKEW_S = 5


class Bearer(NamedTuple):
    """Who asks, by which session."""

    user: UserId
    sid: SessionId


class WeakKey(ValueError):
    """The key file does not hold an Ed25519 key."""


class TokenVerifier:
    """Checks access tokens with one public Ed25519 key."""

    def __init__(self, key: Ed25519PublicKey, issuer: str, clock: Clock | None = None) -> None:
        self._key = key
        self._issuer = issuer
        self._clock = clock or SystemClock()
        self.kid = key_id(key)

    def verify(self, token: str) -> Bearer:
        """Read a token; nothing in it is believed before its signature (RFC 8725).

        Raises Refused(unauthenticated).
        """
        try:
            header = jwt.get_unverified_header(token)
            if header.get("typ") != TYPE or header.get("kid") != self.kid:
                raise jwt.InvalidTokenError("not an access token of this deployment")
            claims = jwt.decode(
                token, self._key, algorithms=[ALGORITHM], audience=AUDIENCE, issuer=self._issuer,
                options={
                    "require": ["exp", "iat", "nbf", "sub", "sid", "aud", "iss"],
                    "verify_exp": False, "verify_nbf": False, "verify_iat": False,
                },
            )  # fmt: skip
            checked = AccessClaims.model_validate(claims)
            self._check_times(checked)
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError) as error:
            raise Refused(Code.UNAUTHENTICATED, "the access token is not valid") from error
        return Bearer(UserId(checked.sub), SessionId(checked.sid))

    def _check_times(self, claims: AccessClaims) -> None:
        """See that the token lives, by the clock that the service goes by: PyJWT knows the machine's only."""
        now = self._clock.now_ms() // 1000
        if not max(claims.nbf, claims.iat) - SKEW_S <= now < claims.exp + SKEW_S:
            raise jwt.ExpiredSignatureError("not at this time")


class Bearers:
    """Tells who asks: a token that is right, of a session that still is."""

    def __init__(self, redis: Redis, verifier: TokenVerifier) -> None:
        self._redis = redis
        self._verifier = verifier

    async def check(self, access_token: str) -> Bearer:
        """Tell who asks; the session must still be there.

        Raises Refused(unauthenticated), RedisAway.
        """
        bearer = self._verifier.verify(access_token)
        if await self._redis.run("HGET", redis_keys.session(bearer.sid), "user") != bearer.user:
            raise Refused(Code.UNAUTHENTICATED, "the session has ended")
        return bearer


_bearer = HTTPBearer(auto_error=False, bearerFormat="JWT", scheme_name="bearer")
Credentials = Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]


async def bearer_of(request: Request, credentials: Credentials) -> Bearer:
    """Tell who asks, by the `state.bearers` of the app.

    Raises Refused(unauthenticated), RedisAway.
    """
    if credentials is None:
        raise Refused(Code.UNAUTHENTICATED, "an access token is needed")
    bearers: Bearers = request.app.state.bearers
    return await bearers.check(credentials.credentials)


Authenticated = Annotated[Bearer, Depends(bearer_of)]


def read_public_key(path: Path) -> Ed25519PublicKey:
    """Read the public half of an Ed25519 key from a PEM file that holds either half.

    Raises WeakKey.
    """
    try:
        pem = path.read_bytes()
        if b"PUBLIC KEY" in pem:
            key: object = serialization.load_pem_public_key(pem)
        else:
            key = serialization.load_pem_private_key(pem, password=None)
    except (OSError, ValueError, TypeError) as error:
        raise WeakKey(f"{path} holds no key in PEM") from error
    if isinstance(key, Ed25519PrivateKey):
        return key.public_key()
    if not isinstance(key, Ed25519PublicKey):
        raise WeakKey(f"{path} holds another key than Ed25519")
    return key


def key_id(key: Ed25519PublicKey) -> str:
    """Name a key, alike for whoever has it."""
    return base64url(hashlib.sha256(key.public_bytes_raw()).digest()[:12])


def base64url(raw: bytes) -> str:
    """Write bytes as JOSE does: without padding (RFC 7515, 2)."""
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")
