"""Makes the secrets named on the command line that do not exist yet; an existing one is never read or changed.

Runs in a pod whose service account may create secrets in its namespace, and replace half-made certificates.
"""

import base64
import datetime
import hashlib
import json
import os
import secrets
import ssl
import sys
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.x509.oid import NameOID

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
SERVICES = ("delivery", "dnd-batch", "gateway", "lambda-host", "media", "rooms", "tools")
# What every certificate for internal calls is for: pods are called at addresses that change.
INTERNAL_NAME = "internal.kaftalk"
YEARS = 10
EXISTS, MISSING = 409, 404

Secret = dict[str, str]


def keys() -> tuple[str, Secret]:
    """Make what the services share: their key, that of access tokens, and a way into Redis."""
    token_key = Ed25519PrivateKey.generate()
    password = secrets.token_hex(32)
    digest = hashlib.sha256(password.encode()).hexdigest()
    shared = {
        "internal-keys": secrets.token_hex(32),
        "jwt.pem": private_pem(token_key),
        "jwt.pub.pem": public_pem(token_key),
        "redis-url": f"redis://kaftalk:{password}@redis:6379/0",
        "redis-password": password,
        # No command that stops, reconfigures or empties the server.
        "redis.acl": f"user default off\nuser kaftalk on #{digest} ~* &* +@all -@admin -@dangerous +info\n",
    }
    return "kaftalk-keys", shared


def s3() -> tuple[str, Secret]:
    """Make the owner of the S3 server."""
    return "kaftalk-s3", {"access-key": secrets.token_hex(10), "secret-key": secrets.token_hex(20)}


def internal_tls() -> dict[str, Secret]:
    """Make an authority, forget its key, and give each service a certificate for itself and for internal calls."""
    authority_key = ec.generate_private_key(ec.SECP256R1())
    name = named("kaftalk internal")
    authority = (
        unsigned(name, name, authority_key)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(authority_key, hashes.SHA256())
    )
    made = {}
    for service in SERVICES:
        key = ec.generate_private_key(ec.SECP256R1())
        names = x509.SubjectAlternativeName([x509.DNSName(INTERNAL_NAME), x509.DNSName(service)])
        certificate = (
            unsigned(named(service), name, key)
            .add_extension(names, critical=False)
            .sign(authority_key, hashes.SHA256())
        )
        made[f"{service}-internal-tls"] = {
            "ca.crt": pem(authority),
            "tls.crt": pem(certificate),
            "tls.key": private_pem(key),
        }
    return made


def create(name: str, values: Secret) -> bool:
    """Create a secret; False if there is one of that name. Raises HTTPError."""
    return ask("POST", "", secret(name, values)) != EXISTS


def create_together(made: dict[str, Secret], marker: str) -> bool:
    """Create secrets that are worth something only together; False if an earlier run came to its end.

    The marker is written last, so what a run left half done is made anew. Raises HTTPError.
    """
    if ask("GET", f"/{marker}") != MISSING:
        return False
    for name, values in made.items():
        if not create(name, values):
            ask("PUT", f"/{name}", secret(name, values))
    return create(marker, {})


def secret(name: str, values: Secret) -> dict[str, Any]:
    """Write a Secret as the API takes it."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "labels": {"app.kubernetes.io/part-of": "kaftalk"}},
        "data": {key: base64.b64encode(value.encode()).decode() for key, value in values.items()},
    }


def ask(method: str, path: str, body: dict[str, Any] | None = None) -> int:
    """Ask the API about secrets of this namespace and give the status. Raises HTTPError but for EXISTS and MISSING."""
    namespace = (ACCOUNT / "namespace").read_text()
    host, port = os.environ["KUBERNETES_SERVICE_HOST"], os.environ["KUBERNETES_SERVICE_PORT"]
    request = Request(
        f"https://{f'[{host}]' if ':' in host else host}:{port}/api/v1/namespaces/{namespace}/secrets{path}",
        json.dumps(body).encode() if body else None,
        {"Authorization": f"Bearer {(ACCOUNT / 'token').read_text()}", "Content-Type": "application/json"},
        method=method,
    )
    try:
        with urlopen(request, timeout=10, context=ssl.create_default_context(cafile=ACCOUNT / "ca.crt")) as answer:
            return int(answer.status)
    except HTTPError as error:
        with error:
            if error.code in (EXISTS, MISSING):
                return error.code
            raise


def unsigned(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    """Begin a certificate."""
    now = datetime.datetime.now(datetime.timezone.utc)
    return (
        x509.CertificateBuilder(subject_name=subject, issuer_name=issuer, public_key=key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=365 * YEARS))
    )


def named(name: str) -> x509.Name:
    """Write a name as certificates do."""
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def pem(certificate: x509.Certificate) -> str:
    """Write a certificate in PEM."""
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def private_pem(key: Ed25519PrivateKey | ec.EllipticCurvePrivateKey) -> str:
    """Write a private key in PEM."""
    plain = serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain).decode()


def public_pem(key: Ed25519PrivateKey) -> str:
    """Write the public half of a key in PEM."""
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(serialization.Encoding.PEM, form).decode()


def main() -> None:
    """Make what the command line names."""
    for wanted in sys.argv[1:]:
        if wanted == "internal-tls":
            made = create_together(internal_tls(), "internal-tls-made")
        else:
            made = create(*{"keys": keys, "s3": s3}[wanted]())
        print(f"{wanted}: {'made' if made else 'is there'}", flush=True)


if __name__ == "__main__":
    main()
