"""`release` frames: what one user's hold held, in parts of a bounded size. Pure.

What a room of a batch is to many users is written once, and its items are not even read if they go out as they came.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import orjson

from kaftalk_protocol.ids import RoomId
from kaftalk_protocol.release_batch import DIGEST_ROOMS_MAX, BatchRoom, ReleaseBatch, Share, UserRelease

PART_BYTES = 400 * 1024


@dataclass(slots=True)
class Part:
    """What a room of a batch is to some of its users; `line` is that of their digests."""

    share: Share
    room: BatchRoom
    line: bytes | None
    written: list[bytes] | None = None

    @property
    def has_items(self) -> bool:
        """Tell whether there is anything to show of the room."""
        return bool(self.room.seqs) and self.room.seqs[-1] > self.share.from_


class BatchParts:
    """The parts of a batch, as they are written into frames."""

    def __init__(self, batch: ReleaseBatch) -> None:
        self._batch = batch
        self._parts: dict[int, Part] = {}

    def of(self, release: UserRelease) -> dict[RoomId, Part]:
        """Give one user's parts by room, in the order of her digest."""
        parts = (self._part(number) for number in release.shares)
        return {part.share.room: part for part in parts}

    def _part(self, number: int) -> Part:
        part = self._parts.get(number)
        if part is None:
            share = self._batch.share(number)
            line = None if share.line is None else share.line.model_dump_json().encode()
            part = self._parts[number] = Part(share, self._batch.rooms[share.room], line)
        return part

    def write(self, part: Part) -> list[bytes]:
        """Write a part: as one object, or as several that follow each other if it is large."""
        if part.written is None:
            part.written = self._write(part.share, part.room)
        return part.written

    def _write(self, share: Share, room: BatchRoom) -> list[bytes]:
        items = self._batch.items(share.room)
        if share.from_ < room.seqs[0] and not share.mine and len(items) <= PART_BYTES:
            return [_room(room, share.from_, room.to, items)]
        own = set(share.mine)
        chosen = [
            (item["seq"], orjson.dumps(_marked(item, own))) for item in orjson.loads(items) if item["seq"] > share.from_
        ]
        pieces = list(_split(chosen))
        from_, written = share.from_, []
        for number, piece in enumerate(pieces, 1):
            to = room.to if number == len(pieces) else piece[-1][0]
            written.append(_room(room, from_, to, b"[" + b",".join([text for _, text in piece]) + b"]"))
            from_ = to
        return written


def release_frames(release: UserRelease, parts: Iterable[Part], rooms: Iterable[bytes]) -> list[bytes]:
    """Write the frames of a release that shows these rooms; the digest of all `parts` is in the first."""
    groups = list(_grouped(rooms)) or [[]]
    digest = _digest(release, parts)
    return [
        _frame(release, number, len(groups), digest if number == 1 else b"", group)
        for number, group in enumerate(groups, 1)
    ]


def _frame(release: UserRelease, number: int, of: int, digest: bytes, group: list[bytes]) -> bytes:
    frame: dict[str, Any] = {
        "t": "release",
        "release_id": release.release_id,
        "part": number,
        "of": of,
        "window": release.window,
    }
    if release.late_by_s is not None:
        frame["late_by_s"] = release.late_by_s
    return orjson.dumps(frame)[:-1] + digest + b',"rooms":[' + b",".join(group) + b"]}"


def _digest(release: UserRelease, parts: Iterable[Part]) -> bytes:
    lines = list(islice((part.line for part in parts if part.line is not None), DIGEST_ROOMS_MAX))
    lines += [line.model_dump_json().encode() for line in release.gone]
    head = b',"digest":{"total":%d,"mentions":%d,"rooms":[' % (release.total, release.mentions)
    return head + b",".join(lines) + b"]}"


def _room(room: BatchRoom, from_: int, to: int, items: bytes) -> bytes:
    head = orjson.dumps({"room": room.room, "epoch": room.epoch, "from": from_, "to": to})
    return head[:-1] + b',"items":' + items + b"}"


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


def _marked(item: dict[str, Any], own: set[tuple[int, str]]) -> dict[str, Any]:
    """Mark the reader's own reactions in an item."""
    emojis = {emoji for seq, emoji in own if seq == item["seq"]}
    for reaction in item["e"].get("reactions", ()) if emojis else ():
        reaction["me"] = reaction["emoji"] in emojis
    return item
