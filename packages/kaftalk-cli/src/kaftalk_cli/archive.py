"""The folder that holds one exported room, and the chain of hashes over it. Pure but for the folder.

`records.jsonl`  `{seq, ts, value, hash}` a line, from the oldest kept record on; `value` as stored
`users.jsonl`    `{id, username, display_name, kind, created_ms}` a line: everybody whom the records name
`media.jsonl`    `{id, upload, sending, files: [{key, path, size, sha256, content_type}]}` a line
`media/…`        the files
`manifest.json`  `{format, room, name, kind, exported_at, first_seq, records, users, media, hash}`

A record's hash is SHA-256 over the hash before it and the record's own bytes, the first over the room's id; the
manifest's is over the last of those and the two other lists. So nothing can be changed, added, left out or reordered
without its hash telling; keep that one hash elsewhere, and the whole folder is proven.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

FORMAT = 1
MANIFEST = "manifest.json"
RECORDS = "records.jsonl"
USERS = "users.jsonl"
MEDIA = "media.jsonl"


class BrokenArchive(Exception):
    """The folder is not what was exported; says where it differs."""


class ArchivedRecord(NamedTuple):
    """One record of a room; `ts` in Unix milliseconds, `value` as stored."""

    seq: int
    ts: int
    value: str

    def chained(self, before: str) -> str:
        """Give the hash of this record after the one before it."""
        return digest(before.encode() + _line(self._asdict()))


def digest(data: bytes) -> str:
    """Give the SHA-256 in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


class ArchiveWriter:
    """Writes a folder that did not exist before, or was empty."""

    def __init__(self, folder: Path, room: str) -> None:
        if folder.exists() and any(folder.iterdir()):
            raise FileExistsError(f"{folder} is not empty")
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self._room = room
        self._hash = digest(room.encode())
        self._count = 0
        self._first: int | None = None
        self._records = (folder / RECORDS).open("wb")

    def add(self, record: ArchivedRecord) -> None:
        """Write the next record."""
        self._hash = record.chained(self._hash)
        self._records.write(_line({**record._asdict(), "hash": self._hash}))
        self._first = record.seq if self._first is None else self._first
        self._count += 1

    def file(self, path: str, data: bytes) -> None:
        """Write a file below the folder."""
        place = self.folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)

    def close(
        self, users: Iterable[dict[str, Any]], media: Iterable[dict[str, Any]], facts: dict[str, Any]
    ) -> dict[str, Any]:
        """Write the lists and the manifest, and give the latter."""
        self._records.close()
        lists = {USERS: [*users], MEDIA: [*media]}
        for name, rows in lists.items():
            (self.folder / name).write_bytes(b"".join(map(_line, rows)))
        manifest = {
            "format": FORMAT, "room": self._room, **facts, "first_seq": self._first, "records": self._count,
            "users": len(lists[USERS]), "media": len(lists[MEDIA]), "hash": _whole(self.folder, self._hash),
        }  # fmt: skip
        (self.folder / MANIFEST).write_text(json.dumps(manifest, ensure_ascii=False, indent=2) + "\n")
        return manifest


class Archive:
    """An exported room. Raises BrokenArchive if the folder has no manifest of this format."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            self.manifest: dict[str, Any] = json.loads((folder / MANIFEST).read_text())
        except (OSError, ValueError) as error:
            raise BrokenArchive(f"{folder / MANIFEST}: {error}") from error
        if self.manifest.get("format") != FORMAT:
            raise BrokenArchive(
                f"{folder / MANIFEST}: format {self.manifest.get('format')}, this program reads {FORMAT}"
            )

    def records(self) -> Iterator[ArchivedRecord]:
        """Read the records. Raises BrokenArchive at the first that is not as it was."""
        before, count = digest(str(self.manifest["room"]).encode()), 0
        for count, row in enumerate(self._rows(RECORDS), 1):  # noqa: B007
            record = ArchivedRecord(row["seq"], row["ts"], row["value"])
            before = record.chained(before)
            if before != row["hash"]:
                raise BrokenArchive(f"{RECORDS}: seq {record.seq} is not as it was exported")
            yield record
        if count != self.manifest["records"] or _whole(self.folder, before) != self.manifest["hash"]:
            raise BrokenArchive(f"{MANIFEST}: its hash is of other records, users or media")

    def users(self) -> list[dict[str, Any]]:
        """Read the people whom the records name."""
        return list(self._rows(USERS))

    def media(self) -> list[dict[str, Any]]:
        """Read the list of media. Raises BrokenArchive if a file is not as it was."""
        rows = list(self._rows(MEDIA))
        for file in (file for row in rows for file in row["files"]):
            if digest(self.file(file["path"])) != file["sha256"]:
                raise BrokenArchive(f"{file['path']} is not as it was exported")
        return rows

    def file(self, path: str) -> bytes:
        """Read a file of the folder. Raises BrokenArchive."""
        place = (self.folder / path).resolve()
        if not place.is_relative_to(self.folder.resolve()):
            raise BrokenArchive(f"{path} is outside of the folder")
        try:
            return place.read_bytes()
        except OSError as error:
            raise BrokenArchive(f"{path}: {error.strerror}") from error

    def verify(self) -> dict[str, Any]:
        """Read everything; gives the manifest. Raises BrokenArchive."""
        for _ in self.records():
            pass
        self.media()
        return self.manifest

    def _rows(self, name: str) -> Iterator[dict[str, Any]]:
        try:
            with (self.folder / name).open("rb") as lines:
                for number, line in enumerate(lines, 1):
                    yield _parsed(line, f"{name}, line {number}")
        except OSError as error:
            raise BrokenArchive(f"{name}: {error.strerror}") from error


def _parsed(line: bytes, place: str) -> dict[str, Any]:
    try:
        row: dict[str, Any] = json.loads(line)
    except ValueError as error:
        raise BrokenArchive(f"{place}: {error}") from error
    return row


def _whole(folder: Path, records: str) -> str:
    lists = (digest((folder / name).read_bytes()) for name in (USERS, MEDIA))
    return digest("".join((records, *lists)).encode())


def _line(row: dict[str, Any]) -> bytes:
    return json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
