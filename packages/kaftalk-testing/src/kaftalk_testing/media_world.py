"""Kafka, Redis, S3 and rooms around the owner of media, in memory; each may fail before or after its part."""

from collections.abc import Callable, Iterable, Sequence

from kaftalk_protocol import records
from kaftalk_protocol.ids import MediaId
from kaftalk_protocol.media import MediaView, Upload, merge_views
from kaftalk_protocol.topics import MEDIA
from kaftalk_roomlog.errors import AppendUnknown, Reason
from kaftalk_roomlog.partition_queue import Appended
from kaftalk_roomlog.tail import TailRecord


class MediaWorld:
    """What the owner's steps act upon. `fails` is asked before and after each act.

    `log` are the records of `kaftalk.media`; `told` the media records of rooms, each with whether Redis showed the
    media as sent by then.
    """

    def __init__(self, fails: Callable[[], bool] = lambda: False) -> None:
        self.fails = fails
        self.log: list[tuple[str, bytes | None]] = []
        self.views: dict[MediaId, MediaView] = {}
        self.objects: dict[str, bytes] = {}
        self.aborted: list[str] = []
        self.told: list[tuple[records.Media, bool]] = []
        self.resent: list[Upload] = []

    async def append(
        self,
        topic: str,
        value: bytes | None,
        *,
        key: bytes | None = None,
        partition: int | None = 0,
        timeout_s: float = 10.0,
    ) -> Appended:
        """Append a record of `kaftalk.media` or of a room."""
        del partition, timeout_s
        self._try(topic)
        if topic == MEDIA:
            self.log.append(((key or b"").decode(), value))
        else:
            event = records.parse(value or b"")
            assert isinstance(event, records.Media)
            view = self.views.get(MediaId(event.media))
            self.told.append((event, view is not None and view.sent is not None))
        self._try(topic)
        return Appended(len(self.log) - 1, 0, resent=False)

    async def put(self, view: MediaView) -> MediaView:
        """Merge a view into what is there."""
        self._try("redis")
        old = self.views.get(view.id)
        self.views[view.id] = view if old is None else merge_views(old, view)
        self._try("redis")
        return self.views[view.id]

    async def drop(self, media: MediaId) -> None:
        """Take a view away."""
        self._try("redis")
        self.views.pop(media, None)

    async def head(self, key: str) -> int | None:
        """Give an object's length."""
        self._try("s3")
        return len(self.objects[key]) if key in self.objects else None

    async def read(self, key: str) -> bytes | None:
        """Give an object."""
        self._try("s3")
        return self.objects.get(key)

    async def delete(self, keys: Iterable[str]) -> None:
        """Delete objects."""
        for key in keys:
            self._try("s3")
            self.objects.pop(key, None)

    async def delete_prefix(self, prefix: str) -> int:
        """Delete all objects below a prefix."""
        found = [key for key in self.objects if key.startswith(prefix)]
        await self.delete(found)
        return len(found)

    async def abort_multipart(self, key: str, upload_id: str) -> None:
        """End a multipart upload."""
        self._try("s3")
        self.aborted.append(f"{key} {upload_id}")

    async def resend(self, upload: Upload) -> None:
        """Send an event again."""
        self._try("events")
        self.resent.append(upload)

    async def poll(self, timeout_s: float = 1.0) -> Sequence[TailRecord]:
        """Nobody tails the rooms here: placements are noted by hand."""
        del timeout_s
        return ()

    async def catch_up(self, timeout_s: float = 5.0) -> None:
        """Be caught up."""

    def compact(self) -> None:
        """Keep the last record of each key, and no tombstones, as Kafka does in time."""
        last = {key: at for at, (key, _) in enumerate(self.log)}
        self.log = [(key, value) for at, (key, value) in enumerate(self.log) if last[key] == at and value is not None]

    def _try(self, what: str) -> None:
        if self.fails():
            raise AppendUnknown(what, Reason.TIMED_OUT)
