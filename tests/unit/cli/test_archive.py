"""An exported room: nothing in it can be changed without its hash telling."""

from collections.abc import Callable
from pathlib import Path

import pytest

from kaftalk_cli.archive import (
    MANIFEST,
    MEDIA,
    RECORDS,
    USERS,
    Archive,
    ArchivedRecord,
    ArchiveWriter,
    BrokenArchive,
    digest,
)

ROOM = "11111111-1111-4111-8111-111111111111"
PICTURE = b"\x89PNG"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    writer = ArchiveWriter(tmp_path / "room", ROOM)
    for seq in range(5, 9):
        writer.add(ArchivedRecord(seq, 1_700_000_000_000 + seq, f'{{"k":"message","text":"안녕 {seq}"}}'))
    writer.file("media/a.png", PICTURE)
    file = {
        "key": "media/a.png",
        "path": "media/a.png",
        "sha256": digest(PICTURE),
        "size": 4,
        "content_type": "image/png",
    }
    writer.close([{"id": "ann", "username": "ann"}], [{"id": "m", "files": [file]}], {"name": "차 한잔"})
    return tmp_path / "room"


def lines(folder: Path, name: str, change: Callable[[list[str]], list[str]]) -> None:
    text = (folder / name).read_text().splitlines()
    (folder / name).write_text("".join(f"{line}\n" for line in change(text)))


def test_what_was_written_is_read(folder: Path) -> None:
    archive = Archive(folder)
    manifest = archive.verify()
    assert (manifest["room"], manifest["name"], manifest["first_seq"], manifest["records"]) == (ROOM, "차 한잔", 5, 4)
    assert [record.seq for record in archive.records()] == [5, 6, 7, 8]
    assert archive.users() == [{"id": "ann", "username": "ann"}]


@pytest.mark.parametrize(
    ("name", "change"),
    [
        (RECORDS, lambda rows: [rows[0].replace("안녕", "안녕히"), *rows[1:]]),
        (RECORDS, lambda rows: [rows[1], rows[0], *rows[2:]]),
        (RECORDS, lambda rows: rows[1:]),
        (RECORDS, lambda rows: rows[:-1]),
        (RECORDS, lambda rows: [*rows, rows[-1]]),
        (RECORDS, lambda rows: [rows[0].replace("1700000000005", "1700000000004"), *rows[1:]]),
        (RECORDS, lambda rows: ["no json", *rows[1:]]),
        (USERS, lambda rows: [rows[0].replace('"username":"ann"', '"username":"bob"')]),
        (MEDIA, lambda _rows: []),
    ],
)
def test_whatever_is_changed_breaks_it(folder: Path, name: str, change: Callable[[list[str]], list[str]]) -> None:
    lines(folder, name, change)
    with pytest.raises(BrokenArchive):
        Archive(folder).verify()


def test_a_chain_made_anew_has_another_hash(folder: Path, tmp_path: Path) -> None:
    forged = ArchiveWriter(tmp_path / "forged", ROOM)
    for record in Archive(folder).records():
        forged.add(record._replace(value=record.value.replace("안녕", "잘 가")))
    forged.close([], [], {})
    assert Archive(tmp_path / "forged").verify()["hash"] != Archive(folder).manifest["hash"]


def test_a_changed_or_missing_file_breaks_it(folder: Path) -> None:
    (folder / "media/a.png").write_bytes(b"other")
    with pytest.raises(BrokenArchive, match=r"media/a\.png"):
        Archive(folder).verify()
    (folder / "media/a.png").unlink()
    with pytest.raises(BrokenArchive, match=r"media/a\.png"):
        Archive(folder).verify()


def test_no_file_outside_of_the_folder_is_read(folder: Path) -> None:
    with pytest.raises(BrokenArchive, match="outside"):
        Archive(folder).file("../../etc/passwd")


def test_another_format_and_no_archive_are_refused(folder: Path, tmp_path: Path) -> None:
    lines(folder, MANIFEST, lambda rows: [row.replace('"format": 1', '"format": 2') for row in rows])
    with pytest.raises(BrokenArchive, match="format 2"):
        Archive(folder)
    with pytest.raises(BrokenArchive):
        Archive(tmp_path)


def test_a_folder_with_something_in_it_is_not_written_to(folder: Path) -> None:
    with pytest.raises(FileExistsError):
        ArchiveWriter(folder, ROOM)
