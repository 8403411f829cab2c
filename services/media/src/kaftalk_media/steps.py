"""Performing what is to be done about a media object; each step may be done twice, and by two owners at once."""

from collections.abc import Iterable, Mapping
from typing import Protocol

from kaftalk_media.entries import NOT_PROCESSED, Entry
from kaftalk_media.lifecycle import Step, is_missed
from kaftalk_media.media_log import MediaLog
from kaftalk_protocol import records
from kaftalk_protocol.ids import MediaId, RoomId
from kaftalk_protocol.media import MediaView, Result, Sending, Upload, media_event, with_result
from kaftalk_roomlog.partition_queue import Appended
from kaftalk_runtime import metrics
from kaftalk_runtime.clock import Clock
from kaftalk_runtime.logs import get_logger
from kaftalk_views.errors import ViewUnavailable
from kaftalk_views.placements import Placements

_log = get_logger(__name__)
_steps = metrics.counter("kaftalk_media_steps_total", "What was done about media objects", "step")
_resent = metrics.counter("kaftalk_media_events_resent_total", "Uploads that the function was told of again")


class Views(Protocol):
    """The views of media objects in Redis."""

    async def put(self, view: MediaView) -> MediaView:
        """Merge a view into what is there. Raises RedisError."""

    async def drop(self, media: MediaId) -> None:
        """Take a view away. Raises RedisError."""


class Finds(Protocol):
    """What the store holds of an upload."""

    async def head(self, key: str) -> int | None:
        """Give an object's length in bytes; None if there is none. Raises StoreAway."""

    async def read(self, key: str) -> bytes | None:
        """Give a small object; None if there is none. Raises StoreAway."""


class Purges(Protocol):
    """Removing what the store holds; what is gone already is no error."""

    async def delete(self, keys: Iterable[str]) -> None:
        """Delete objects. Raises StoreAway."""

    async def delete_prefix(self, prefix: str) -> int:
        """Delete all objects below a prefix and give their number. Raises StoreAway."""

    async def abort_multipart(self, key: str, upload_id: str) -> None:
        """End a multipart upload, and drop its parts. Raises StoreAway."""


class RoomWriter(Protocol):
    """Appends to rooms' logs."""

    async def append(self, topic: str, value: bytes, *, timeout_s: float = 10.0) -> Appended:
        """Append one record. Raises AppendUnknown, AppendRefused."""


class Events(Protocol):
    """Tells the function again of an upload that it seems to have missed."""

    async def resend(self, upload: Upload) -> None:
        """Send its event again. Raises AppendUnknown, AppendRefused."""


class Steps:
    """All steps; what is appended is taken in at once, and comes again by the log."""

    def __init__(  # noqa: PLR0913 - one a kind of thing that is done
        self,
        *,
        log: MediaLog,
        views: Views,
        finds: Finds,
        purges: Purges,
        placements: Placements,
        rooms: RoomWriter,
        events: Events,
        clock: Clock,
    ) -> None:
        self._log = log
        self._views = views
        self._finds = finds
        self._purges = purges
        self._placements = placements
        self._rooms = rooms
        self._events = events
        self._clock = clock
        self._perform = {
            Step.FORGET: self._forget, Step.REPAIR: self._repair, Step.REMOVE: self._remove, Step.PURGE: self._purge,
            Step.CLEAR: self._clear, Step.SHOW: self._show, Step.LOOK: self._look, Step.GIVE_UP: self._give_up,
            Step.TELL: self._tell,
        }  # fmt: skip

    def room_gone(self, room: RoomId) -> bool:
        """Tell whether a room was deleted; one that nobody knows proves nothing."""
        placement = self._placements.get(room)
        return placement is not None and placement.status == "deleted"

    async def perform(self, step: Step, entry: Entry) -> None:
        """Do one step.

        Raises AppendError, RedisError, StoreAway, ViewUnavailable: it is to be done again.
        """
        await self._perform[step](entry)
        _steps.labels(step).inc()

    async def _append(self, entry: Entry, record: Upload | Sending) -> None:
        await self._log.append(record)
        entry.take(record, self._clock.now_ms())

    async def _change(self, entry: Entry, changes: Mapping[str, object]) -> None:
        await self._append(entry, entry.upload.model_copy(update=dict(changes)))

    async def _forget(self, entry: Entry) -> None:
        await self._views.drop(entry.id)
        await self._log.forget(entry.id, entry.room)
        entry.end()
        _log.info("media_forgotten", media=entry.id)

    async def _repair(self, entry: Entry) -> None:
        if entry.upload_behind_ms is not None:
            await self._append(entry, entry.upload)
        if entry.sending_behind_ms is not None and entry.sending is not None:
            await self._append(entry, entry.sending)

    async def _remove(self, entry: Entry) -> None:
        await self._change(entry, {"state": "removed"})

    async def _purge(self, entry: Entry) -> None:
        await self._delete_incoming(entry.upload)
        await self._purges.delete_prefix(entry.upload.folder)
        entry.purges, entry.purged_ms = entry.purges + 1, self._clock.now_ms()

    async def _clear(self, entry: Entry) -> None:
        await self._delete_incoming(entry.upload)
        entry.cleared = True

    async def _delete_incoming(self, upload: Upload) -> None:
        if upload.upload_id is not None:
            await self._purges.abort_multipart(upload.incoming, upload.upload_id)
        await self._purges.delete([upload.incoming])

    async def _show(self, entry: Entry) -> None:
        # What changes from here on is shown next.
        entry.shown = True
        try:
            await self._views.put(entry.view)
        except BaseException:
            entry.shown = False
            raise

    async def _look(self, entry: Entry) -> None:
        upload, now_ms = entry.upload, self._clock.now_ms()
        result = result_of(await self._finds.read(upload.manifest))
        if result is not None:
            await self._append(entry, with_result(upload, result))
        elif await self._finds.head(upload.incoming) is None:
            entry.found_ms = None
        elif entry.found_ms is None:
            entry.found_ms = now_ms
        elif is_missed(entry, now_ms):
            await self._events.resend(upload)
            _resent.inc()
            _log.warning("event_sent_again", media=entry.id)
        entry.looks, entry.looked_ms = entry.looks + 1, now_ms

    async def _give_up(self, entry: Entry) -> None:
        reason = "not_uploaded" if entry.found_ms is None and entry.state == "incoming" else NOT_PROCESSED
        await self._change(entry, {"state": "rejected", "reason": reason})

    async def _tell(self, entry: Entry) -> None:
        upload, sending, placement = entry.upload, entry.sending, self._placements.get(entry.room)
        if placement is None or sending is None:
            raise ViewUnavailable(entry.room)
        if upload.state == "removed":
            upload = upload.model_copy(update={"state": "rejected", "reason": "removed", "variants": {}})
        await self._rooms.append(placement.topic, records.encode(media_event(upload, sending)))
        await self._append(entry, sending.model_copy(update={"told": upload.status}))


def result_of(manifest: bytes | None) -> Result | None:
    """Read a manifest; None for what this version does not know."""
    if manifest is None:
        return None
    try:
        return Result.model_validate_json(manifest)
    except ValueError:
        _log.warning("manifest_unreadable")
        return None
