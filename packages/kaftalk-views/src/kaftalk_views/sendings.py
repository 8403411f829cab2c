"""Telling `kaftalk.media` which media objects messages sent, or deletions took, before a view moves past them."""

import asyncio
from collections.abc import Iterable, Sequence
from typing import Protocol

from kaftalk_protocol.ids import MediaId, RoomId
from kaftalk_protocol.media import Sending, encode, sending_key
from kaftalk_protocol.records import Delete, Message
from kaftalk_protocol.topics import MEDIA
from kaftalk_roomlog.errors import AppendError
from kaftalk_roomlog.partition_queue import Appended
from kaftalk_roomlog.shards import shard_of
from kaftalk_views.errors import ViewUnavailable


class Writer(Protocol):
    """What sendings are appended with (`kaftalk_roomlog.writer.RoomLogWriter`)."""

    async def append(
        self, topic: str, value: bytes, *, key: bytes | None = None, partition: int | None = 0, timeout_s: float = 10.0
    ) -> Appended:
        """Append one record. Raises AppendUnknown, AppendRefused."""


class Sendings:
    """Appends them, at least once each."""

    def __init__(self, writer: Writer, *, shards: int) -> None:
        self._writer = writer
        self._shards = shards

    async def append(self, sendings: Sequence[Sending]) -> None:
        """Return when Kafka has them all.

        Raises ViewUnavailable: some may be missing, try all again.
        """
        results = await asyncio.gather(*map(self._append, sendings), return_exceptions=True)
        for sending, result in zip(sendings, results, strict=True):
            if isinstance(result, AppendError):
                raise ViewUnavailable(sending.room) from result
            if isinstance(result, BaseException):
                raise result

    async def _append(self, sending: Sending) -> Appended:
        key, shard = sending_key(sending.id).encode(), shard_of(sending.room, self._shards)
        return await self._writer.append(MEDIA, encode(sending), key=key, partition=shard)


def sent_by(room: RoomId, seq: int, message: Message) -> Iterable[Sending]:
    """Give what a message that was taken sends."""
    for part in message.media:
        if "id" in part:
            yield Sending(id=MediaId(part["id"]), room=room, seq=seq, message=message.id)


def removed_by(room: RoomId, delete: Delete) -> Iterable[Sending]:
    """Give what a deletion that was taken removes."""
    for media in delete.media or ():
        yield Sending(id=media, room=room, seq=delete.target, removed=True)
