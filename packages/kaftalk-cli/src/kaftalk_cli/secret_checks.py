"""Secrets: strong, and readable by nobody else. Their values are never shown."""

import os
import stat
from pathlib import Path

from kaftalk_cli.findings import Finding, good, weak, wrong
from kaftalk_runtime.settings import strong_secret

_KEYS_MAX = 2


def check_internal_keys(keys: tuple[str, ...]) -> Finding:
    """Judge the keys of internal calls."""
    subject = "KAFTALK_INTERNAL_KEYS"
    if not keys:
        return wrong(subject, "not set", "`openssl rand -hex 32`, the same for all services")
    if len(keys) > _KEYS_MAX:
        return wrong(subject, f"{len(keys)} keys", "keep the new and, while it is being changed, the old one")
    try:
        for key in keys:
            strong_secret(key)
    except ValueError as error:
        return wrong(subject, str(error), "`openssl rand -hex 32`")
    return good(subject, f"{len(keys)} strong")


def check_jwt_key(file: Path | None) -> Finding:
    """Judge the file of the key that signs access tokens."""
    subject = "KAFTALK_JWT_KEY_FILE"
    if file is None:
        return wrong(subject, "not set", "`openssl genpkey -algorithm ed25519 -out jwt.pem`, chmod 600")
    try:
        facts = file.stat()
    except OSError as error:
        return wrong(subject, f"{error.strerror}", "name a file that this user may read")
    # Kubernetes hands secrets out as root's, to be read by the group of the pod: there it cannot be less.
    by_group = facts.st_uid != os.geteuid()
    if facts.st_mode & (stat.S_IROTH if by_group else stat.S_IRGRP | stat.S_IROTH):
        return weak(subject, f"others may read it (mode {stat.S_IMODE(facts.st_mode):o})", "chmod 600")
    return good(subject, "readable by nobody else")
