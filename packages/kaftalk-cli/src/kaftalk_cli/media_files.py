"""The media of one room: out of the bucket into a folder, and back."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from kaftalk_cli.archive import Archive, ArchiveWriter, digest
from kaftalk_cli.deployment import Deployment
from kaftalk_cli.settings import CliSettings
from kaftalk_media.object_store import ObjectStore, Place
from kaftalk_protocol.ids import MediaId
from kaftalk_protocol.media import MediaView, Sending, Upload, encode, sending_key, upload_key
from kaftalk_protocol.topics import MEDIA
from kaftalk_roomlog.shards import shard_of
from kaftalk_views.media_views import MediaReads

APPEND_TIMEOUT_S = 10.0
_JSON = "application/json"


class MediaFiles:
    """Saves and restores media objects; without a store only what the log says of them."""

    def __init__(self, deployment: Deployment, store: ObjectStore | None) -> None:
        self._deployment = deployment
        self._reads = MediaReads(deployment.redis)
        self._store = store

    async def save(self, media: MediaId, archive: ArchiveWriter) -> dict[str, Any] | None:
        """Write the files of a media object; gives its line in the list, None if nothing is left of it.

        Raises StoreAway, ViewsLost.
        """
        view = await self._reads.get(media)
        if view is None:
            return None
        sent = Sending(id=media, room=view.room, seq=view.sent or 0, message=view.message, told=view.status)
        files = [file for key, kind in _keys(view).items() if (file := await self._save(key, kind, archive))]
        return {
            "id": media,
            "upload": view.upload.model_dump(mode="json", exclude_none=True),
            "sending": sent.model_dump(mode="json", exclude_none=True) if view.sent is not None else None,
            "files": files,
        }

    async def restore(self, row: dict[str, Any], archive: Archive) -> MediaId:
        """Put the files of a media object into the bucket, and what is known of it into the log.

        Raises StoreAway, BrokenArchive, AppendError.
        """
        upload = Upload.model_validate(row["upload"])
        if self._store is not None:
            for file in row["files"]:
                await self._store.put(file["key"], archive.file(file["path"]), file["content_type"])
        await self._append(upload_key(upload.id), encode(upload), upload)
        if row["sending"]:
            await self._append(sending_key(upload.id), encode(Sending.model_validate(row["sending"])), upload)
        return upload.id

    async def _save(self, key: str, content_type: str, archive: ArchiveWriter) -> dict[str, Any] | None:
        data = await self._store.read(key) if self._store else None
        if data is None:
            return None
        archive.file(key, data)
        return {"key": key, "path": key, "size": len(data), "sha256": digest(data), "content_type": content_type}

    async def _append(self, key: str, value: bytes, upload: Upload) -> None:
        shard = shard_of(upload.room, self._deployment.settings.shards)
        await self._deployment.writer.append(
            MEDIA, value, key=key.encode(), partition=shard, timeout_s=APPEND_TIMEOUT_S
        )


@asynccontextmanager
async def open_store(settings: CliSettings) -> AsyncIterator[ObjectStore]:
    """Connect to the bucket; nothing is sent."""
    store = ObjectStore(
        Place(
            settings.s3_bucket,
            settings.s3_region,
            settings.s3_endpoint,
            access_key=settings.s3_access_key,
            secret_key=settings.s3_secret_key,
        )
    )
    await store.start()
    try:
        yield store
    finally:
        await store.stop()


@asynccontextmanager
async def media_files(deployment: Deployment, *, with_files: bool) -> AsyncIterator[MediaFiles]:
    """Connect to the bucket, unless the files are to stay where they are."""
    if not with_files:
        yield MediaFiles(deployment, None)
        return
    async with open_store(deployment.settings) as store:
        yield MediaFiles(deployment, store)


def _keys(view: MediaView) -> dict[str, str]:
    """Give every object that is served, and the manifest, with their types."""
    served = {variant.key: variant.content_type for variant in view.variants.values()}
    return served | ({view.manifest: _JSON} if served else {})
