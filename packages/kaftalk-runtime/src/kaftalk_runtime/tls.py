"""Mutual TLS by files: the names in a folder are those of a Kubernetes TLS secret, `ca.crt`, `tls.crt`, `tls.key`.

Certificates are replaced on disk before they end (cert-manager, Strimzi): every new connection looks whether they
have changed, so nothing has to be restarted. Connections that are open keep what they were opened with.
"""

import ssl
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kaftalk_runtime.logs import get_logger

INTERNAL_NAME = "internal.kaftalk"
"""Whom internal calls ask for: instances are called by addresses that change, and no certificate could name them."""

_log = get_logger(__name__)


class UnusableCertificates(ValueError):
    """A folder lacks a file, or its files do not belong together."""


class Certificates:
    """A certificate with its key, and the authority that signs those of the other end."""

    def __init__(self, folder: Path) -> None:
        """Check the files.

        Raises UnusableCertificates.
        """
        self._files = [folder / name for name in ("tls.crt", "tls.key", "ca.crt")]
        self.for_calling()

    def for_listening(self) -> ssl.SSLContext:
        """Make a context that answers only who shows a certificate of the authority."""
        context = _Context(ssl.PROTOCOL_TLS_SERVER)
        context.verify_mode = ssl.CERT_REQUIRED
        context.follow(self._files)
        return context

    def for_calling(self) -> ssl.SSLContext:
        """Make a context that talks only to who shows a certificate of the authority for the name that is called."""
        context = _Context(ssl.PROTOCOL_TLS_CLIENT)
        context.follow(self._files)
        return context


class _Context(ssl.SSLContext):
    """A TLS context that reads its files again when they have changed."""

    _files: Sequence[Path] = ()
    _seen: Sequence[int] = ()

    def follow(self, files: Sequence[Path]) -> None:
        """Read certificate, key and authority, now and whenever they change. Raises UnusableCertificates."""
        self.minimum_version = ssl.TLSVersion.TLSv1_3
        self._files, self._seen = files, _changes(files)
        self._read()

    def wrap_bio(self, *args: Any, **options: Any) -> ssl.SSLObject:
        """Begin a connection: asyncio calls this for each, on both ends."""
        changes = _changes(self._files)
        if changes != self._seen:
            self._seen = changes
            self._read_again()
        return super().wrap_bio(*args, **options)

    def _read_again(self) -> None:
        """While the new files cannot be used the old certificate holds."""
        try:
            _Context(ssl.PROTOCOL_TLS_CLIENT).follow(self._files)
            self._read()
        except UnusableCertificates as error:
            _log.error("certificates_unusable", error=str(error))
        else:
            _log.info("certificates_read")

    def _read(self) -> None:
        certificate, key, authority = self._files
        try:
            self.load_cert_chain(certificate, key)
            self.load_verify_locations(authority)
        except OSError as error:  # ssl.SSLError is one
            names = ", ".join(map(str, self._files))
            raise UnusableCertificates(f"{names}: {error.strerror or error}") from error


def _changes(files: Sequence[Path]) -> list[int]:
    return [file.stat().st_mtime_ns if file.exists() else 0 for file in files]
