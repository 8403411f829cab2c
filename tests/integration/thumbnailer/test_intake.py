"""S3 goes away before each call that the function makes in turn: what the next try finds, and what it leaves."""

import asyncio
import time
import uuid
from itertools import count
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from kaftalk_testing.media_samples import photo
from kaftalk_thumbnailer.intake import Intake, Outcome
from kaftalk_thumbnailer.sandbox import Limits
from kaftalk_thumbnailer.store import ObjectStore
from kaftalk_thumbnailer.uploads import Upload

pytestmark = pytest.mark.slow

CONTENTS = {"image": photo(), "file": b"%PDF-1.7 and so on"}


class Interrupted:
    """The store until it has been called so often."""

    def __init__(self, store: ObjectStore, calls: int) -> None:
        self._store = store
        self._left = calls

    def __getattr__(self, name: str) -> Any:
        if self._left == 0:
            raise EndpointConnectionError(endpoint_url=name)
        self._left -= 1
        return getattr(self._store, name)


class Listener:
    """A media service that knows the upload, or not any more."""

    def __init__(self) -> None:
        self.knows = True
        self.told = 0

    def tell(self, media: str, manifest: bytes) -> bool:
        del media, manifest
        self.told += 1
        return self.knows


async def take(store: Any, listener: Listener, upload: Upload) -> Outcome:
    intake = Intake(store, listener, bytes_max=1 << 20, limits=Limits())
    return await asyncio.to_thread(intake.take, upload, time.monotonic() + 20)


@pytest.mark.parametrize("kind", CONTENTS)
@pytest.mark.parametrize("deleted", [False, True], ids=["kept", "deleted meanwhile"])
async def test_a_try_that_s3_broke_off_is_made_up_for_by_the_next(
    store: ObjectStore,
    stage: Any,
    kind: Any,
    deleted: bool,  # noqa: FBT001
) -> None:
    for calls in count():
        upload, listener = Upload(kind, str(uuid.uuid4()), str(uuid.uuid4())), Listener()
        await stage.bucket.put(upload.incoming, CONTENTS[kind])
        try:
            await take(Interrupted(store, calls), listener, upload)
            break
        except EndpointConnectionError:
            assert listener.told == 0
        if deleted:
            # As the media service does; the function's files may come after it.
            listener.knows = False
            await stage.bucket.delete(upload.incoming)
            assert await take(store, listener, upload) == "gone"
            assert await stage.bucket.keys() == set()
        else:
            assert await take(store, listener, upload) == "ready"
            stored = await stage.bucket.keys(upload.folder)
            assert {upload.manifest} < stored == await stage.bucket.keys()
            for key in stored:
                await stage.bucket.delete(key)
    assert calls >= 6
