"""Announcing uploads, writing them in parts, and taking them back. The bytes themselves never come here."""

import contextlib
from collections.abc import Sequence
from typing import Protocol

from kaftalk_media import allowed, shapes
from kaftalk_media.errors import MultipartGone, PartsRefused, StoreAway
from kaftalk_media.object_store import ObjectStore, StoredPart
from kaftalk_media.settings import Settings
from kaftalk_media.views import MediaViews
from kaftalk_protocol.errors import Code, Refused
from kaftalk_protocol.ids import MediaId, RoomId, UserId
from kaftalk_protocol.media import MULTIPART_LIFE_MS, UPLOAD_LIFE_MS, MediaView, Upload, view_of
from kaftalk_roomlog.errors import AppendRefused
from kaftalk_runtime.clock import Clock
from kaftalk_runtime.redis_client import RedisError
from kaftalk_views.errors import ViewsLost
from kaftalk_views.listing import rfc3339


class MediaLog(Protocol):
    """The topic `kaftalk.media`."""

    async def append(self, record: Upload) -> None:
        """Return when Kafka has the record. Raises AppendUnknown, AppendRefused."""


class Uploads:
    """Uploads of people who may have them; who may what is decided before (`Rights`).

    All methods raise RedisError and ViewUnavailable; those that append raise AppendError.
    """

    def __init__(self, settings: Settings, store: ObjectStore, views: MediaViews, log: MediaLog, clock: Clock) -> None:
        self._settings = settings
        self._store = store
        self._views = views
        self._log = log
        self._clock = clock

    async def announce(self, media: MediaId, by: UserId, asked: shapes.NewUpload) -> Upload:
        """Take up a new upload: it counts against the quotas, Kafka has it, and it can be sent.

        Raises Refused: `unsupported`, `too_large`, `quota_exceeded`; StoreAway for one in parts.
        """
        allowed.check(self._settings, asked.kind, asked.content_type, asked.size)
        upload = Upload(
            id=media,
            room=RoomId(asked.room),
            by=by,
            kind=asked.kind,
            name=asked.name,
            content_type=asked.content_type,
            size=asked.size,
            sha256=asked.sha256,
            duration_ms=asked.duration_ms,
            created_ms=self._clock.now_ms(),
        )
        if asked.size > self._settings.media_part_bytes:
            upload_id = await self._store.create_multipart(upload.incoming, upload.content_type)
            part_bytes = self._settings.media_part_bytes
            upload = upload.model_copy(update={"upload_id": upload_id, "part_bytes": part_bytes})
        try:
            await self._views.reserve(upload)
        except (Refused, RedisError, ViewsLost):
            await self._forget(upload)
            raise
        try:
            await self._log.append(upload)
        except AppendRefused:
            # Not so when its fate is unknown: Kafka may have it, and then its owner lets it go after a day.
            await self._views.drop(upload.id)
            await self._forget(upload)
            raise
        return upload

    async def confirm(self, upload: Upload) -> None:
        """Take up again what a first try reserved, and perhaps did not come to store."""
        await self._log.append(upload)

    async def ticket(self, upload: Upload) -> shapes.PutTicket | shapes.MultipartTicket:
        """Tell how the bytes are to be sent; a fresh URL every time."""
        if upload.upload_id is not None and upload.part_bytes is not None:
            return shapes.MultipartTicket(
                id=upload.id,
                method="MULTIPART",
                part_bytes=upload.part_bytes,
                expires_at=rfc3339(upload.created_ms + MULTIPART_LIFE_MS),
            )
        signed = await self._store.presign_put(
            upload.incoming,
            content_type=upload.content_type,
            size=upload.size,
            sha256=upload.sha256,
            for_s=UPLOAD_LIFE_MS // 1000,
        )
        return shapes.PutTicket(
            id=upload.id, method="PUT", url=signed.url, headers=signed.headers, expires_at=self._in_a_while()
        )

    async def sign_parts(self, upload: Upload, parts: Sequence[shapes.AskedPart]) -> list[shapes.SignedPart]:
        """Let parts be written; a part that is stored already is replaced.

        Raises Refused.
        """
        upload_id, part_bytes = _in_parts(upload)
        if upload.state != "incoming":
            raise Refused(Code.CONFLICT, "the upload is complete")
        if upload.created_ms + MULTIPART_LIFE_MS <= self._clock.now_ms():
            raise Refused(Code.GONE, "the upload was not completed in time")
        _check_parts(parts, upload.size, part_bytes)
        expires_at = self._in_a_while()
        items: list[shapes.SignedPart] = []
        for part in parts:
            signed = await self._store.presign_part(
                upload.incoming,
                upload_id,
                part.n,
                size=part.size,
                sha256=part.sha256,
                for_s=UPLOAD_LIFE_MS // 1000,
            )
            items.append(shapes.SignedPart(n=part.n, url=signed.url, headers=signed.headers, expires_at=expires_at))
        return items

    async def stored_parts(self, upload: Upload) -> list[StoredPart]:
        """Give the parts that the store has.

        Raises Refused, StoreAway.
        """
        upload_id, _ = _in_parts(upload)
        if upload.state != "incoming":
            raise Refused(Code.CONFLICT, "the upload is complete")
        try:
            return await self._store.parts(upload.incoming, upload_id)
        except MultipartGone as error:
            raise await self._gone(upload) from error

    async def complete(self, view: MediaView, named: Sequence[shapes.NamedPart]) -> MediaView:
        """Join the parts, and give the view afterwards; an upload that is complete is left as it is.

        Raises Refused, StoreAway.
        """
        upload_id, part_bytes = _in_parts(view)
        if view.state != "incoming":
            return view
        count = allowed.part_count(view.size, part_bytes)
        if [part.n for part in named] != list(range(1, count + 1)):
            raise Refused(Code.INVALID, f"parts: are not 1 to {count}, in order", field="parts")
        try:
            await self._join(view, upload_id, named)
        except MultipartGone as error:
            # Perhaps joined before, by a request whose answer was lost.
            if not await self._is_whole(view):
                raise _never_completed() from error
        upload = view.upload.model_copy(update={"state": "stored"})
        await self._log.append(upload)
        return await self._views.update(view_of(upload))

    async def cancel(self, view: MediaView) -> None:
        """Take back what was not sent.

        Raises Refused(conflict) if it was.
        """
        if view.sent is not None:
            raise Refused(Code.CONFLICT, "it was sent: delete the message")
        removed = view.upload.model_copy(update={"state": "removed"})
        await self._log.append(removed)
        await self._views.update(view_of(removed))

    async def _join(self, upload: Upload, upload_id: str, named: Sequence[shapes.NamedPart]) -> None:
        stored = {part.n: part for part in await self._store.parts(upload.incoming, upload_id)}
        for at, part in enumerate(named):
            if part.n not in stored or _bare(stored[part.n].etag) != _bare(part.etag):
                field = f"parts.{at}.etag"
                raise Refused(Code.INVALID, f"{field}: part {part.n} is not stored so", field=field)
        try:
            await self._store.complete_multipart(upload.incoming, upload_id, [stored[part.n] for part in named])
        except PartsRefused as error:
            raise Refused(Code.INVALID, "parts: do not make the upload", field="parts") from error

    async def _is_whole(self, upload: Upload) -> bool:
        """Tell whether the object is there, or what the function made of it."""
        return (
            await self._store.head(upload.incoming) == upload.size
            or await self._store.head(upload.manifest) is not None
        )

    async def _gone(self, upload: Upload) -> Refused:
        return Refused(Code.CONFLICT, "the upload is complete") if await self._is_whole(upload) else _never_completed()

    async def _forget(self, upload: Upload) -> None:
        if upload.upload_id is not None:
            with contextlib.suppress(StoreAway):
                await self._store.abort_multipart(upload.incoming, upload.upload_id)

    def _in_a_while(self) -> str:
        return rfc3339(self._clock.now_ms() + UPLOAD_LIFE_MS)


def _in_parts(upload: Upload) -> tuple[str, int]:
    if upload.upload_id is None or upload.part_bytes is None:
        raise Refused(Code.CONFLICT, "the upload goes in one piece")
    return upload.upload_id, upload.part_bytes


def _check_parts(parts: Sequence[shapes.AskedPart], size: int, part_bytes: int) -> None:
    seen: set[int] = set()
    for at, part in enumerate(parts):
        wanted = allowed.part_size(size, part_bytes, part.n)
        if wanted is None or part.n in seen:
            raise Refused(Code.INVALID, f"parts.{at}.n: no such part, or named twice", field=f"parts.{at}.n")
        if part.size != wanted:
            raise Refused(Code.INVALID, f"parts.{at}.size: the part has {wanted} bytes", field=f"parts.{at}.size")
        seen.add(part.n)


def _never_completed() -> Refused:
    return Refused(Code.GONE, "the upload was not completed in time")


def _bare(etag: str) -> str:
    return etag.strip().strip('"')
