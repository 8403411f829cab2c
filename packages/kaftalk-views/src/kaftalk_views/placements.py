"""Where every room's log is: the tail of `kaftalk.rooms` in memory."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import orjson

from kaftalk_protocol.ids import RoomId
from kaftalk_protocol.topics import ROOMS, Placement
from kaftalk_roomlog.errors import ReadError
from kaftalk_roomlog.partition_queue import Appended
from kaftalk_roomlog.tail import TailRecord

VERSION = 1
_LATER = ("deleted_ms", "copied", "erased_ms")


class Tail(Protocol):
    """What `Placements` follows (`kaftalk_roomlog.tail.TailReader` of `kaftalk.rooms`)."""

    async def poll(self, timeout_s: float = 1.0) -> Sequence[TailRecord]:
        """Return what is new, from the topic's beginning on."""

    async def catch_up(self, timeout_s: float = 5.0) -> None:
        """Wait until all that is in the topic by now was polled and worked off. Raises TimeoutError, ReadError."""


class Writer(Protocol):
    """What `publish` appends with (`kaftalk_roomlog.writer.RoomLogWriter`)."""

    async def append(
        self, topic: str, value: bytes, *, key: bytes | None = None, partition: int | None = 0, timeout_s: float = 10.0
    ) -> Appended:
        """Append one record. Raises AppendUnknown, AppendRefused."""


class Placements:
    """Knows the placement of every room, deleted ones included. `run` must be kept going by its owner."""

    def __init__(self, tail: Tail) -> None:
        self._tail = tail
        self._known: dict[RoomId, Placement] = {}
        self._listeners: list[Callable[[Placement], None]] = []

    async def run(self) -> None:
        """Follow the tail, for ever."""
        while True:
            for record in await self._tail.poll():
                placement = decode(record.key, record.value)
                if placement is not None:
                    self.note(placement)

    async def catch_up(self, timeout_s: float = 30.0) -> None:
        """Wait until everything that is in the topic by now is known.

        Raises TimeoutError, ReadError.
        """
        await self._tail.catch_up(timeout_s)

    def get(self, room: RoomId) -> Placement | None:
        """Give a room's placement, if it is known here by now."""
        return self._known.get(room)

    def all(self) -> list[Placement]:
        """Give all placements."""
        return list(self._known.values())

    def on_change(self, listener: Callable[[Placement], None]) -> None:
        """Call `listener` with each placement that is new or changed from now on."""
        self._listeners.append(listener)

    async def wait_for(self, room: RoomId, timeout_s: float = 1.0) -> Placement | None:
        """Give a room's placement, also if it was written elsewhere a moment ago; None if there is none."""
        if room in self._known:
            return self._known[room]
        with contextlib.suppress(TimeoutError, ReadError):
            await self._tail.catch_up(timeout_s)
        return self._known.get(room)

    def note(self, placement: Placement) -> None:
        """Take a placement in, at once for one that this process has written; an older epoch changes nothing."""
        before = self._known.get(placement.room)
        if placement == before or (before is not None and placement.epoch < before.epoch):
            return
        self._known[placement.room] = placement
        for listener in self._listeners:
            listener(placement)


def encode(placement: Placement) -> bytes:
    """Write the value of a record of `kaftalk.rooms`; its key is the room's id."""
    fields: dict[str, Any] = {
        "v": VERSION, "epoch": placement.epoch, "base": placement.base, "status": placement.status
    }  # fmt: skip
    later = {name: getattr(placement, name) for name in _LATER}
    return orjson.dumps(fields | {name: value for name, value in later.items() if value is not None})


def decode(key: bytes | None, value: bytes | None) -> Placement | None:
    """Read a record of `kaftalk.rooms`; None if it is a tombstone or of a shape this version does not know."""
    if key is None or value is None:
        return None
    try:
        stored = orjson.loads(value)
        return Placement(
            RoomId(key.decode()), stored["epoch"], stored["base"], stored["status"], *map(stored.get, _LATER)
        )
    except (ValueError, KeyError, TypeError):
        return None


async def publish(writer: Writer, placement: Placement, *, timeout_s: float = 10.0) -> Appended:
    """Append a placement to `kaftalk.rooms`.

    Raises AppendUnknown, AppendRefused.
    """
    key = placement.room.encode()
    return await writer.append(ROOMS, encode(placement), key=key, partition=None, timeout_s=timeout_s)
