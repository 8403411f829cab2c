"""The result of an upload as JSON: the content of `manifest.json`, and word for word the body of the callback."""

import json
from collections.abc import Mapping
from typing import Any

from kaftalk_thumbnailer.errors import Rejected
from kaftalk_thumbnailer.rendition import Rendition
from kaftalk_thumbnailer.uploads import Upload

VERSION = 1


def ready(upload: Upload, rendition: Rendition, sizes: Mapping[str, int]) -> dict[str, Any]:
    """Describe what is served; `sizes` are the lengths of the files in bytes."""
    variants = {
        name: {"key": upload.folder + variant.file, "content_type": variant.content_type, "size": sizes[variant.file]}
        | _known(width=variant.width, height=variant.height)
        for name, variant in rendition.variants.items()
    }
    original = variants["original"]
    return _head(upload, "ready") | {
        "content_type": original["content_type"],
        "size": original["size"],
        **_known(
            width=rendition.width,
            height=rendition.height,
            animated=rendition.animated,
            duration_ms=rendition.duration_ms,
            peaks=rendition.peaks,
            blur=rendition.blur,
        ),
        "variants": variants,
    }


def rejected(upload: Upload, error: Rejected) -> dict[str, Any]:
    """Describe a refusal: nothing is served."""
    return _head(upload, "rejected") | {"reason": str(error.reason), "variants": {}}


def encode(manifest: Mapping[str, Any]) -> bytes:
    """Write a manifest; equal ones are equal bytes."""
    return json.dumps(manifest, separators=(",", ":"), ensure_ascii=False).encode()


def decode(content: bytes) -> dict[str, Any]:
    """Read what `encode` wrote."""
    manifest: dict[str, Any] = json.loads(content)
    return manifest


def _head(upload: Upload, status: str) -> dict[str, Any]:
    return {"v": VERSION, "id": upload.id, "room": upload.room, "kind": upload.kind, "status": status}


def _known(**values: object) -> dict[str, object]:
    return {name: value for name, value in values.items() if value is not None}
