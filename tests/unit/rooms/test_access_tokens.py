"""Access tokens: everything that is not ours is refused (RFC 8725)."""

import base64
import json
import time
import uuid
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from kaftalk_protocol.errors import Code, Refused
from kaftalk_protocol.ids import SessionId, UserId
from kaftalk_protocol.tokens import ACCESS_SECONDS
from kaftalk_rest.access_tokens import TokenVerifier, WeakKey, read_public_key
from kaftalk_rooms.access_tokens import AccessTokens, DerivedSecrets, read_key
from kaftalk_runtime.clock import ManualClock

ISSUER = "http://rooms.test"
KEY = Ed25519PrivateKey.generate()
TOKENS = AccessTokens(KEY, ISSUER)
USER, SID = UserId(str(uuid.uuid4())), SessionId(str(uuid.uuid4()))


def _now_ms() -> int:
    return int(time.time() * 1000)


def _claims(**changes: Any) -> dict[str, Any]:
    now = int(time.time())
    claims = {"iss": ISSUER, "aud": "kaftalk", "sub": USER, "sid": SID, "iat": now, "nbf": now, "exp": now + 60}
    return {name: value for name, value in (claims | changes).items() if value is not None}


def _signed(claims: dict[str, Any], key: Any = KEY, algorithm: str = "EdDSA", **headers: Any) -> str:
    return jwt.encode(claims, key, algorithm=algorithm, headers={"typ": "at+jwt", "kid": TOKENS.verifier.kid} | headers)


def _refused(token: str) -> bool:
    with pytest.raises(Refused) as refused:
        TOKENS.verifier.verify(token)
    return refused.value.code is Code.UNAUTHENTICATED


def test_ones_own_token_names_user_and_session() -> None:
    assert TOKENS.verifier.verify(TOKENS.sign(USER, SID, _now_ms())) == (USER, SID)


@pytest.mark.parametrize(
    "changes",
    [
        {"exp": 1}, {"nbf": 9_999_999_999}, {"iss": "http://evil.test"}, {"aud": "other"}, {"sub": "root"},
        {"sid": None}, {"exp": None}, {"sub": None}, {"iat": "now"}, {"aud": None}, {"iat": 9_999_999_999},
    ],
    ids=str,
)  # fmt: skip
def test_wrong_claims_are_refused(changes: dict[str, Any]) -> None:
    assert _refused(_signed(_claims(**changes)))


def test_another_key_type_or_key_id_is_refused() -> None:
    assert _refused(_signed(_claims(), Ed25519PrivateKey.generate()))
    assert _refused(_signed(_claims(), typ="JWT"))
    assert _refused(_signed(_claims(), kid="../../etc/passwd"))
    assert _refused(_signed(_claims(), generate_private_key(SECP256R1()), "ES256"))


def test_the_public_key_is_no_shared_secret() -> None:
    raw = KEY.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    assert _refused(_signed(_claims(), raw, "HS256"))


def test_an_unsigned_token_is_refused() -> None:
    def part(content: dict[str, Any]) -> str:
        return base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")

    header = {"alg": "none", "typ": "at+jwt", "kid": TOKENS.verifier.kid}
    assert _refused(f"{part(header)}.{part(_claims())}.")


@pytest.mark.parametrize("token", ["", ".", "a.b.c", "x" * 10_000, "é.é.é"])
def test_what_is_no_token_is_refused(token: str) -> None:
    assert _refused(token)


def test_the_key_set_checks_the_tokens() -> None:
    jwk = jwt.PyJWKSet.from_dict(TOKENS.jwks()).keys[0]
    token = TOKENS.sign(USER, SID, _now_ms())
    assert jwt.decode(token, jwk.key, algorithms=["EdDSA"], audience="kaftalk")["sub"] == USER


def test_a_file_without_an_ed25519_key_is_refused(tmp_path: Path) -> None:
    pem = generate_private_key(SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    for content in (b"", b"changeme", pem):
        (tmp_path / "key.pem").write_bytes(content)
        for read in (read_key, read_public_key):
            with pytest.raises(WeakKey):
                read(tmp_path / "key.pem")
    with pytest.raises(WeakKey):
        read_key(tmp_path / "missing.pem")


async def test_a_token_lives_by_the_clock_that_is_given() -> None:
    clock = ManualClock(1_000_000_000_000)
    verifier = TokenVerifier(KEY.public_key(), ISSUER, clock)
    token = TOKENS.sign(USER, SID, clock.now_ms())
    assert verifier.verify(token) == (USER, SID)
    await clock.advance(ACCESS_SECONDS + 4)
    assert verifier.verify(token) == (USER, SID)
    await clock.advance(2)
    with pytest.raises(Refused):
        verifier.verify(token)


def test_who_only_checks_needs_the_public_half(tmp_path: Path) -> None:
    private = KEY.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = KEY.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    for content in (private, public):
        (tmp_path / "key.pem").write_bytes(content)
        verifier = TokenVerifier(read_public_key(tmp_path / "key.pem"), ISSUER)
        assert verifier.verify(TOKENS.sign(USER, SID, _now_ms())) == (USER, SID)


def test_derived_secrets_differ_by_purpose_part_and_key() -> None:
    one, other = DerivedSecrets(KEY), DerivedSecrets(Ed25519PrivateKey.generate())
    made = [one.derive("a", "bc"), one.derive("ab", "c"), one.derive("a", "b", "c"), other.derive("a", "bc")]
    assert len(set(made)) == 4
    assert one.derive("a", "bc") == DerivedSecrets(KEY).derive("a", "bc")
