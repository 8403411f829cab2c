"""Access tokens: JWTs signed with Ed25519 (RFC 8037), and the public keys to check them."""

import base64
import hashlib
import hmac
from pathlib import Path
from typing import Any, NamedTuple

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from kaftalk_protocol.errors import Code, Refused
from kaftalk_protocol.ids import SessionId, UserId
from kaftalk_protocol.tokens import ACCESS_SECONDS, ALGORITHM, AUDIENCE, TYPE, AccessClaims

SKEW_S = 5


class Bearer(NamedTuple):
    """Who asks, by which session."""

    user: UserId
    sid: SessionId


class WeakKey(ValueError):
    """The key file does not hold an Ed25519 private key."""


class AccessTokens:
    """Signs and checks access tokens with one Ed25519 key."""

    def __init__(self, key: Ed25519PrivateKey, issuer: str) -> None:
        self._key = key
        self._public = key.public_key()
        self._issuer = issuer
        self._raw = self._public.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        self.kid = _base64url(hashlib.sha256(self._raw).digest()[:12])

    def sign(self, user: UserId, sid: SessionId, now_ms: int) -> str:
        """Write a token that lives for ten minutes."""
        now = now_ms // 1000
        claims = AccessClaims(iss=self._issuer, sub=user, sid=sid, iat=now, nbf=now, exp=now + ACCESS_SECONDS)
        return jwt.encode(claims.model_dump(), self._key, algorithm=ALGORITHM, headers={"typ": TYPE, "kid": self.kid})

    def check(self, token: str) -> Bearer:
        """Read a token; nothing in it is believed before its signature (RFC 8725).

        Raises Refused(unauthenticated).
        """
        try:
            header = jwt.get_unverified_header(token)
            if header.get("typ") != TYPE or header.get("kid") != self.kid:
                raise jwt.InvalidTokenError("not an access token of this deployment")
            claims = jwt.decode(
                token, self._public, algorithms=[ALGORITHM], audience=AUDIENCE, issuer=self._issuer, leeway=SKEW_S,
                options={"require": ["exp", "iat", "nbf", "sub", "sid", "aud", "iss"]},
            )  # fmt: skip
            checked = AccessClaims.model_validate(claims)
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError) as error:
            raise Refused(Code.UNAUTHENTICATED, "the access token is not valid") from error
        return Bearer(UserId(checked.sub), SessionId(checked.sid))

    def jwks(self) -> dict[str, Any]:
        """Give the public key as a JWK set (RFC 7517)."""
        key = {
            "kty": "OKP",
            "crv": "Ed25519",
            "x": _base64url(self._raw),
            "kid": self.kid,
            "use": "sig",
            "alg": ALGORITHM,
        }
        return {"keys": [key]}


class DerivedSecrets:
    """Secrets that any instance can make again from the signing key, so that they need no storage."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        seed = key.private_bytes(
            serialization.Encoding.Raw, serialization.PrivateFormat.Raw, serialization.NoEncryption()
        )
        self._root = hashlib.sha256(b"kaftalk derived secrets\0" + seed).digest()

    def derive(self, purpose: str, *parts: str) -> bytes:
        """Give 32 bytes that only holders of the signing key can know."""
        return hmac.digest(self._root, "\0".join((purpose, *parts)).encode(), "sha256")


def read_key(path: Path) -> Ed25519PrivateKey:
    """Read an Ed25519 private key from a PEM file.

    Raises WeakKey.
    """
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError, TypeError) as error:
        raise WeakKey(f"{path} holds no private key in PEM") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise WeakKey(f"{path} holds another key than Ed25519")
    return key


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")
