"""One upload from its arrival to its result. Every step may be repeated, and the manifest says that all are done.

Written are first the files, then the manifest; then the upload is removed and the media service told. Whoever
comes again (an event twice, a retry after a crash) goes on where the manifest says.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal, Protocol

from kaftalk_thumbnailer import manifest as manifests
from kaftalk_thumbnailer.errors import Reason, Rejected
from kaftalk_thumbnailer.rendering import renderer_of
from kaftalk_thumbnailer.rendition import Rendition, Variant
from kaftalk_thumbnailer.sandbox import Limits, run_apart
from kaftalk_thumbnailer.sniffing import HEAD_BYTES, sniff
from kaftalk_thumbnailer.store import Absent, ObjectStore
from kaftalk_thumbnailer.uploads import Upload

Outcome = Literal["ready", "rejected", "gone"]
_FILE = "original"

_log = logging.getLogger(__name__)


class Listener(Protocol):
    """Whom results are told to."""

    def tell(self, media: str, manifest: bytes) -> bool:
        """Send the result; False if there is no such media any more."""


class Intake:
    """Works off uploads of one bucket."""

    def __init__(self, store: ObjectStore, listener: Listener, *, bytes_max: int, limits: Limits) -> None:
        self._store = store
        self._listener = listener
        self._bytes_max = bytes_max
        self._limits = limits

    def take(self, upload: Upload, deadline: float) -> Outcome:
        """Bring the upload to its result; `gone` if it was deleted meanwhile.

        Decoding ends by `deadline` (time.monotonic).
        Raises what the store and the media service raise, and SandboxTrouble: to be tried again.
        """
        manifest: dict[str, Any] | None
        try:
            manifest = self._earlier(upload) or self._made(upload, deadline)
        except Absent:
            # Another invocation may have finished it between two of our steps.
            manifest = self._earlier(upload)
        if manifest is None:
            # A try before this one may have written some of the files.
            self._store.delete_all(upload.folder)
            return "gone"
        self._store.delete(upload.incoming)
        if not self._listener.tell(upload.id, manifests.encode(manifest)):
            self._store.delete_all(upload.folder)
            return "gone"
        return "ready" if manifest["status"] == "ready" else "rejected"

    def _earlier(self, upload: Upload) -> dict[str, Any] | None:
        try:
            return manifests.decode(self._store.read(upload.manifest))
        except Absent:
            return None

    def _made(self, upload: Upload, deadline: float) -> dict[str, Any]:
        size = self._store.size(upload.incoming)
        try:
            if size == 0:
                raise Rejected(Reason.EMPTY)
            manifest = self._kept(upload, size) if upload.kind == "file" else self._rendered(upload, size, deadline)
        except Rejected as error:
            _log.info("rejected %s %s: %s", upload.kind, upload.id, error)
            manifest = manifests.rejected(upload, error)
        self._store.write(upload.manifest, manifests.encode(manifest), "application/json")
        return manifest

    def _kept(self, upload: Upload, size: int) -> dict[str, Any]:
        """Keep a file as it is, byte for byte, with the type that its content has."""
        content_type = sniff(self._store.read(upload.incoming, HEAD_BYTES))
        self._store.copy(upload.incoming, upload.folder + _FILE, content_type)
        return manifests.ready(upload, Rendition({"original": Variant(_FILE, content_type)}), {_FILE: size})

    def _rendered(self, upload: Upload, size: int, deadline: float) -> dict[str, Any]:
        if size > self._bytes_max:
            raise Rejected(Reason.TOO_LARGE, f"{size} bytes")
        make = renderer_of("image" if upload.kind == "image" else "voice")
        with TemporaryDirectory(prefix="kaftalk-") as name:
            source, folder = Path(name, "source"), Path(name, "made")
            folder.mkdir()
            self._store.download(upload.incoming, source)
            rendition = self._apart(partial(make, source, folder), deadline)
            files = {variant.file: variant.content_type for variant in rendition.variants.values()}
            for file, content_type in files.items():
                self._store.upload(folder / file, upload.folder + file, content_type)
            return manifests.ready(upload, rendition, {file: (folder / file).stat().st_size for file in files})

    def _apart(self, work: Callable[[], Rendition], deadline: float) -> Rendition:
        limits = replace(self._limits, wall_s=min(self._limits.wall_s, deadline - time.monotonic()))
        return Rendition.from_json(run_apart(lambda: work().as_json(), limits))
