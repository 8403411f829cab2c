"""Settings of the media service."""

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field

from kaftalk_rest.access_tokens import read_public_key
from kaftalk_runtime.settings import ServiceSettings

MIB = 1 << 20
GIB = 1 << 30
PART_BYTES_MIN = 5 * MIB
"""S3 takes no smaller part but the last."""


def _holds_a_key(path: Path) -> Path:
    read_public_key(path)
    return path


Url = Annotated[str, Field(pattern=r"^https?://[^/]+$")]


class Settings(ServiceSettings):
    """Everything that an operator may change."""

    jwt_key_file: Annotated[Path, AfterValidator(_holds_a_key)]
    """PEM file of the Ed25519 key that checks access tokens; its public half is enough."""

    s3_bucket: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")] = "kaftalk-media"

    s3_endpoint: Url | None = None
    """The S3 server; none: AWS."""

    s3_public_endpoint: Url | None = None
    """Where browsers reach it; none: at `s3_endpoint`."""

    s3_region: Annotated[str, Field(min_length=1)] = "us-east-1"

    s3_access_key: str | None = None
    """None: AWS's own chain of credentials."""

    s3_secret_key: Annotated[str | None, Field(repr=False)] = None

    s3_create_bucket: bool = False
    """Make the bucket, and let pages from `origins` write and read it."""

    s3_events_topic: str | None = None
    """Where an event is sent again that seems lost; none: nowhere."""

    media_image_bytes_max: int = Field(default=25 * MIB, ge=1)
    media_voice_bytes_max: int = Field(default=25 * MIB, ge=1)
    media_file_bytes_max: int = Field(default=100 * MIB, ge=1)

    media_user_bytes_max: int = Field(default=10 * GIB, ge=1)
    media_room_bytes_max: int = Field(default=100 * GIB, ge=1)

    media_part_bytes: int = Field(default=16 * MIB, ge=PART_BYTES_MIN)
    """The length of a part, and the longest upload in one piece."""

    limit_uploads: int = Field(default=120, ge=1)
    """How many uploads a person may announce, a minute."""
