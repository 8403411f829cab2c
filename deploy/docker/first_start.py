"""Make the secrets of a deployment on its first start, and give each folder below /secrets and /data to its user.

Runs to its end before everything else in compose.yaml; what exists is kept. A folder that is not there is left out.
"""

import base64
import os
import secrets
from pathlib import Path

SERVICES, REDIS = 10001, 999
# RFC 8410: PKCS#8 of an Ed25519 key is this prefix and the 32 bytes of the seed.
PKCS8_ED25519 = bytes.fromhex("302e020100300506032b657004220420")


def main(root: Path = Path("/")) -> None:
    """Write what is missing: for the services, for Redis, and for the S3 server."""
    password, s3_key, s3_secret = secrets.token_hex(32), secrets.token_hex(10), secrets.token_hex(32)
    folder = root / "secrets"
    # The services' folder is last: what the others need of it must not be made twice after a start that was cut off.
    keep(folder / "redis", REDIS, {"password": password, "redis.conf": f"requirepass {password}\n"})
    keep(folder / "s3", SERVICES, {"access-key": s3_key, "secret-key": s3_secret})
    password, s3_key, s3_secret = (
        (folder / name).read_text() for name in ("redis/password", "s3/access-key", "s3/secret-key")
    )
    services = {
        "internal-keys": secrets.token_hex(32),
        "jwt.pem": ed25519_pem(),
        "redis-url": f"redis://:{password}@redis:6379/0",
        "s3-access-key": s3_key,
        "s3-secret-key": s3_secret,
    }
    keep(folder / "services", SERVICES, services)
    for data in (root / "data").glob("*"):
        os.chown(data, SERVICES, SERVICES)


def keep(folder: Path, owner: int, values: dict[str, str]) -> None:
    """Write the files that are not there, readable by their owner alone; each appears whole or not at all."""
    for name, value in values.items():
        if not (folder / name).exists():
            part = folder / f"{name}.part"
            part.unlink(missing_ok=True)
            with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o400), "w") as file:
                file.write(value)
            os.chown(part, owner, owner)
            part.rename(folder / name)


def ed25519_pem() -> str:
    """Return a new private key."""
    body = base64.b64encode(PKCS8_ED25519 + secrets.token_bytes(32)).decode()
    return f"-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n"


if __name__ == "__main__":
    main()
