"""The secrets of a local deployment: made on its first start, readable by their owner only."""

import base64
import os
import secrets
from pathlib import Path

# RFC 8410: PKCS#8 of an Ed25519 key is this prefix and the 32 bytes of the seed.
_PKCS8_ED25519 = bytes.fromhex("302e020100300506032b657004220420")


def internal_key(folder: Path) -> str:
    """Return the secret that the services share, of at least 32 characters."""
    return _kept(folder / "internal.key", secrets.token_hex(32)).read_text()


def jwt_key_file(folder: Path) -> Path:
    """Return the PEM file of the Ed25519 key that signs access tokens."""
    body = base64.b64encode(_PKCS8_ED25519 + secrets.token_bytes(32)).decode()
    return _kept(folder / "jwt.pem", f"-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n")


def s3_secret_key(folder: Path) -> str:
    """Return the secret access key of the S3 server's owner."""
    return _kept(folder / "s3.key", secrets.token_hex(20)).read_text()


def _kept(path: Path, fresh: str) -> Path:
    """Keep what the file holds, or write `fresh` into it; the file appears whole or not at all."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        part.unlink(missing_ok=True)
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(fresh)
        part.rename(path)
    return path
