"""Access tokens: JWTs signed with Ed25519 (RFC 8037), and the public keys to check them."""

import hashlib
import hmac
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from kaftalk_protocol.ids import SessionId, UserId
from kaftalk_protocol.tokens import ACCESS_SECONDS, ALGORITHM, TYPE, AccessClaims
from kaftalk_rest.access_tokens import TokenVerifier, WeakKey, base64url


class AccessTokens:
    """Signs access tokens with one Ed25519 key."""

    def __init__(self, key: Ed25519PrivateKey, issuer: str) -> None:
        self._key = key
        self._issuer = issuer
        self.verifier = TokenVerifier(key.public_key(), issuer)

    def sign(self, user: UserId, sid: SessionId, now_ms: int) -> str:
        """Write a token that lives for ten minutes."""
        now = now_ms // 1000
        claims = AccessClaims(iss=self._issuer, sub=user, sid=sid, iat=now, nbf=now, exp=now + ACCESS_SECONDS)
        return jwt.encode(
            claims.model_dump(), self._key, algorithm=ALGORITHM, headers={"typ": TYPE, "kid": self.verifier.kid}
        )

    def jwks(self) -> dict[str, Any]:
        """Give the public key as a JWK set (RFC 7517)."""
        key = {
            "kty": "OKP",
            "crv": "Ed25519",
            "x": base64url(self._key.public_key().public_bytes_raw()),
            "kid": self.verifier.kid,
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
