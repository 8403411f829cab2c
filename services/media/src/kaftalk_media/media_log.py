"""Writing to `kaftalk.media`: whoever writes what, in whatever order, the records merge to the same."""

from typing import Protocol

from kaftalk_protocol.ids import MediaId, RoomId
from kaftalk_protocol.media import Sending, Upload, encode, sending_key, upload_key
from kaftalk_protocol.topics import MEDIA
from kaftalk_roomlog.partition_queue import Appended
from kaftalk_roomlog.shards import shard_of


class Writer(Protocol):
    """What records are appended with (`kaftalk_roomlog.writer.RoomLogWriter`)."""

    async def append(
        self,
        topic: str,
        value: bytes | None,
        *,
        key: bytes | None = None,
        partition: int | None = 0,
        timeout_s: float = 10.0,
    ) -> Appended:
        """Append one record. Raises AppendUnknown, AppendRefused."""


class MediaLog:
    """Appends records, each to the partition of its room."""

    def __init__(self, writer: Writer, *, shards: int) -> None:
        self._writer = writer
        self._shards = shards

    async def append(self, record: Upload | Sending) -> None:
        """Return when all replicas have it.

        Raises AppendUnknown, AppendRefused.
        """
        key = upload_key(record.id) if isinstance(record, Upload) else sending_key(record.id)
        await self._append(record.room, key, encode(record))

    async def forget(self, media: MediaId, room: RoomId) -> None:
        """Take both keys of a media object away.

        Raises AppendUnknown, AppendRefused.
        """
        await self._append(room, sending_key(media), None)
        await self._append(room, upload_key(media), None)

    async def _append(self, room: RoomId, key: str, value: bytes | None) -> None:
        shard = shard_of(room, self._shards)
        await self._writer.append(MEDIA, value, key=key.encode(), partition=shard)
