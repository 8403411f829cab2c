"""The Lambda function: an S3 event in, results in the bucket and at the media service."""

import logging
import os
import time
from functools import cache
from typing import Any, Protocol

from kaftalk_thumbnailer.callback import MediaService
from kaftalk_thumbnailer.intake import Intake
from kaftalk_thumbnailer.rendering import renderer_of
from kaftalk_thumbnailer.sandbox import Limits
from kaftalk_thumbnailer.settings import Settings
from kaftalk_thumbnailer.store import connect
from kaftalk_thumbnailer.uploads import uploads_in

# What downloading, writing the results and telling them may still need when the decoder's time is up.
_RESERVE_S = 6.0

logging.getLogger().setLevel(logging.INFO)


class Context(Protocol):
    """What Lambda says of an invocation."""

    def get_remaining_time_in_millis(self) -> int:
        """Return how long it may still run."""


def handler(event: dict[str, Any], context: Context) -> dict[str, Any]:
    """Work off the uploads that the event reports; an error that is raised makes Lambda try again."""
    settings, intake = _wired()
    results = {}
    for upload in uploads_in(event, settings.bucket):
        deadline = time.monotonic() + context.get_remaining_time_in_millis() / 1000 - _RESERVE_S
        results[upload.id] = intake.take(upload, deadline)
    return {"results": results}


@cache
def _wired() -> tuple[Settings, Intake]:
    """Put the function together once in the life of its environment."""
    settings = Settings.load(os.environ)
    store = connect(settings.bucket, settings.endpoint, settings.region)
    renderer_of("image")
    media = MediaService(settings.media_url, settings.internal_key, tls=settings.internal_tls)
    return settings, Intake(store, media, bytes_max=settings.bytes_max, limits=Limits())
