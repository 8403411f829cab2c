"""`release` frames: what one user's hold held, in parts of a bounded size. Pure.

A room of a batch is written once for all who get the same of it.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import orjson

from kaftalk_protocol.ids import RoomId
from kaftalk_protocol.quiet_state import BatchRoom, UserRelease, UserRoom

PART_BYTES = 400 * 1024


class BatchRooms:
    """The rooms of a batch, as they are written into frames."""

    def __init__(self, rooms: Mapping[RoomId, BatchRoom]) -> None:
        self._rooms = rooms
        self._items: dict[RoomId, list[bytes]] = {}
        self._written: dict[tuple[RoomId, int], list[bytes]] = {}

    def __getitem__(self, room: RoomId) -> BatchRoom:
        return self._rooms[room]

    def __contains__(self, room: RoomId) -> bool:
        return room in self._rooms

    def has_items(self, part: UserRoom) -> bool:
        """Tell whether there is anything to show of one user's part of a room."""
        items = self._rooms[part.room].items
        return bool(items) and items[-1].seq > part.from_

    def write(self, part: UserRoom) -> list[bytes]:
        """Write one user's part of a room: as one object, or as several that follow each other if it is large."""
        if part.mine:
            return self._write(part)
        key = (part.room, part.from_)
        if key not in self._written:
            self._written[key] = self._write(part)
        return self._written[key]

    def _write(self, part: UserRoom) -> list[bytes]:
        room = self._rooms[part.room]
        if part.room not in self._items:
            self._items[part.room] = [orjson.dumps(item.model_dump()) for item in room.items]
        own = set(part.mine)
        chosen = [
            (item.seq, _marked(written, item.seq, own) if own else written)
            for item, written in zip(room.items, self._items[part.room], strict=True)
            if item.seq > part.from_
        ]
        pieces = list(_split(chosen))
        from_, written = part.from_, []
        for number, piece in enumerate(pieces, 1):
            to = room.to if number == len(pieces) else piece[-1][0]
            head = orjson.dumps({"room": part.room, "epoch": room.epoch, "from": from_, "to": to})
            written.append(head[:-1] + b',"items":[' + b",".join([text for _, text in piece]) + b"]}")
            from_ = to
        return written


def release_frames(release: UserRelease, rooms: Iterable[bytes]) -> list[bytes]:
    """Write the parts of a release that has these rooms; the digest is in the first."""
    groups = list(_grouped(rooms)) or [[]]
    return [_frame(release, number, len(groups), group) for number, group in enumerate(groups, 1)]


def _frame(release: UserRelease, number: int, of: int, group: list[bytes]) -> bytes:
    frame: dict[str, Any] = {
        "t": "release",
        "release_id": release.release_id,
        "part": number,
        "of": of,
        "window": release.window,
    }
    if release.late_by_s is not None:
        frame["late_by_s"] = release.late_by_s
    if number == 1:
        frame["digest"] = release.digest.model_dump()
    return orjson.dumps(frame)[:-1] + b',"rooms":[' + b",".join(group) + b"]}"


def _grouped(rooms: Iterable[bytes]) -> Iterator[list[bytes]]:
    group: list[bytes] = []
    size = 0
    for room in rooms:
        if group and size + len(room) > PART_BYTES:
            yield group
            group, size = [], 0
        group.append(room)
        size += len(room)
    if group:
        yield group


def _split(items: list[tuple[int, bytes]]) -> Iterator[list[tuple[int, bytes]]]:
    """Split the items of one room into pieces that fit into a part; one item always does."""
    piece: list[tuple[int, bytes]] = []
    size = 0
    for item in items:
        if piece and size + len(item[1]) > PART_BYTES:
            yield piece
            piece, size = [], 0
        piece.append(item)
        size += len(item[1])
    if piece:
        yield piece


def _marked(written: bytes, seq: int, own: set[tuple[int, str]]) -> bytes:
    """Mark the reader's own reactions in an item."""
    emojis = {emoji for at, emoji in own if at == seq}
    if not emojis:
        return written
    item = orjson.loads(written)
    for reaction in item["e"].get("reactions", ()):
        reaction["me"] = reaction["emoji"] in emojis
    return orjson.dumps(item)
