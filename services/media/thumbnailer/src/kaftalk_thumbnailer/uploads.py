"""Which upload an event is about, where its bytes are and where its results go: all of it is in the key.

The media service gives out one fresh key an upload and signs it into the URL, so nobody can choose another.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import unquote_plus

Kind = Literal["image", "voice", "file"]

INCOMING = "incoming/"
_UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_KEY = re.compile(rf"incoming/(?P<kind>image|voice|file)/(?P<room>{_UUID})/(?P<id>{_UUID})")


@dataclass(frozen=True, slots=True)
class Upload:
    """One upload of a room."""

    kind: Kind
    room: str
    id: str

    @property
    def incoming(self) -> str:
        """The key that the sender writes."""
        return f"{INCOMING}{self.kind}/{self.room}/{self.id}"

    @property
    def folder(self) -> str:
        """The prefix of everything that is served."""
        return f"media/{self.room}/{self.id}/"

    @property
    def manifest(self) -> str:
        """The key of the result; once it exists the upload is done."""
        return f"{self.folder}manifest.json"


def upload_of(key: str) -> Upload | None:
    """Read a key; None if it is not the key of an upload."""
    match = _KEY.fullmatch(key)
    return Upload(**match.groupdict()) if match else None  # type: ignore[arg-type]


def uploads_in(event: Mapping[str, Any], bucket: str) -> Iterator[Upload]:
    """Give the uploads that an S3 event reports for the bucket; a test event, deletions and other keys are none.

    Keys come URL-encoded, with a plus for a space (S3 event message structure 2.x).
    """
    for record in event.get("Records", ()):
        stored = record.get("s3", {})
        created = str(record.get("eventName", "")).removeprefix("s3:").startswith("ObjectCreated:")
        if created and stored.get("bucket", {}).get("name") == bucket:
            upload = upload_of(unquote_plus(stored.get("object", {}).get("key", "")))
            if upload:
                yield upload
