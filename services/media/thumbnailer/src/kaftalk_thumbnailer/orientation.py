"""Turn a picture as its EXIF orientation says, with room for one picture only: the other one waits on disk."""

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from PIL import Image

_TAG = 0x0112
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_SIDEWAYS = frozenset({5, 6, 7, 8})
STRIP_ROWS = 256


def orientation_of(image: Image.Image) -> int:
    """Return the orientation of 1-8 that the file asks for; 1 (upright) if it asks for nothing that makes sense."""
    found = image.getexif().get(_TAG)
    return found if found in _TURNS else 1


def upright(image: Image.Image, orientation: int, spool: Path) -> Image.Image:
    """Return the picture turned; the one that is given is closed on the way, and `spool` is written and removed."""
    if orientation not in _TURNS:
        return image
    blank = Image.new(image.mode, (1, 1))
    blank.info = image.info
    if image.palette:
        blank.putpalette(image.palette)
    size = image.size
    with spool.open("wb") as file:
        lengths = [file.write(strip.tobytes()) for strip in strips(image)]
    image.close()
    with spool.open("rb") as file:
        spool.unlink()
        return _read_turned(file, blank, size, orientation, lengths)


def turned(image: Image.Image, orientation: int) -> Image.Image:
    """Return a small picture turned."""
    return image.transpose(_TURNS[orientation]) if orientation in _TURNS else image


def strips(image: Image.Image) -> Iterator[Image.Image]:
    """Give copies of STRIP_ROWS rows at a time; the last one may have fewer."""
    width, height = image.size
    for top in range(0, height, STRIP_ROWS):
        yield image.crop((0, top, width, min(top + STRIP_ROWS, height)))


def _read_turned(
    file: BinaryIO, blank: Image.Image, size: tuple[int, int], orientation: int, lengths: list[int]
) -> Image.Image:
    width, height = size
    whole = blank.resize((height, width) if orientation in _SIDEWAYS else size)
    for number, length in enumerate(lengths):
        top = number * STRIP_ROWS
        rows = min(STRIP_ROWS, height - top)
        strip = Image.frombytes(blank.mode, (width, rows), file.read(length))
        whole.paste(strip.transpose(_TURNS[orientation]), _place(orientation, top, height - top - rows))
    return whole


def _place(orientation: int, before: int, after: int) -> tuple[int, int]:
    """Say where a strip goes that has `before` rows above and `after` rows below it."""
    along = after if orientation in {3, 4, 6, 7} else before
    return (along, 0) if orientation in _SIDEWAYS else (0, along)
