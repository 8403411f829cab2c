"""How many frames a GIF, PNG or WebP has and how long each stands, read from its structure: nothing is decoded.

A decoder that is asked for the number of frames works through them first; that is what a bomb wants.
"""

import mmap
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice

from kaftalk_thumbnailer.errors import Reason, Rejected
from kaftalk_thumbnailer.sniffing import GIF, PNG, WEBP

# 40 frames a second for 10 s.
FRAMES_MAX = 400
_BLOCKS_MAX = 200_000
# Browsers show a frame that asks for 10 ms or less for 100 ms.
_HURRIED_MS = 10
_UNHURRIED_MS = 100

Bytes = bytes | mmap.mmap


@dataclass(slots=True)
class Animation:
    """The frames of a file: `width` and `height` of the largest picture that a decoder would make room for."""

    width: int
    height: int
    durations_ms: list[int] = field(default_factory=list)

    @property
    def frames(self) -> int:
        """The number of frames; a still picture has none or one."""
        return len(self.durations_ms)

    def add(self, duration_ms: int) -> None:
        """Count a frame. Raises Rejected."""
        if self.frames == FRAMES_MAX:
            raise Rejected(Reason.TOO_MANY_FRAMES, f"more than {FRAMES_MAX}")
        self.durations_ms.append(_UNHURRIED_MS if duration_ms <= _HURRIED_MS else duration_ms)


def scan(content: Bytes, content_type: str) -> Animation | None:
    """Read the structure of a file of one of the three types; None for the others.

    Raises Rejected: too many frames, or a structure that ends early or makes no sense.
    """
    scanner = _SCANNERS.get(content_type)
    if scanner is None:
        return None
    try:
        return scanner(content)
    except IndexError as error:
        raise Rejected(Reason.UNREADABLE, "truncated") from error


def _gif(content: Bytes) -> Animation:
    found = Animation(_le(content, 6, 2), _le(content, 8, 2))
    delay_ms = 0
    for at in _gif_blocks(content):
        if content[at] == 0x21:
            if content[at + 1] == 0xF9:
                delay_ms = 10 * _le(content, at + 4, 2)
            continue
        # A frame may lie outside of the screen, and decoders grow the picture to hold it.
        found.width = max(found.width, _le(content, at + 1, 2) + _le(content, at + 5, 2))
        found.height = max(found.height, _le(content, at + 3, 2) + _le(content, at + 7, 2))
        found.add(delay_ms)
        delay_ms = 0
    return found


def _gif_blocks(content: Bytes) -> Iterator[int]:
    """Give where each extension and each image begins; the trailer or the end of the file ends them."""
    at = 13 + _colour_table(content[10])
    while at < len(content) and content[at] != 0x3B:
        yield at
        if content[at] == 0x21:
            at = _after_sub_blocks(content, at + 2)
        elif content[at] == 0x2C:
            at = _after_sub_blocks(content, at + 11 + _colour_table(content[at + 9]))
        else:
            raise Rejected(Reason.UNREADABLE, "an unknown GIF block")


def _colour_table(flags: int) -> int:
    return 3 * 2 ** ((flags & 7) + 1) if flags & 0x80 else 0


def _after_sub_blocks(content: Bytes, at: int) -> int:
    while content[at]:
        at += content[at] + 1
    return at + 1


def _png(content: Bytes) -> Animation:
    found = Animation(_be(content, 16), _be(content, 20))
    announced = 0
    for kind, at in _bounded(_png_chunks(content)):
        if kind == b"acTL":
            announced = _be(content, at)
            if announced > FRAMES_MAX:
                raise Rejected(Reason.TOO_MANY_FRAMES, f"{announced}")
        elif kind == b"fcTL":
            numerator, denominator = _be(content, at + 20, 2), _be(content, at + 22, 2)
            found.add(1000 * numerator // (denominator or 100))
    if announced > found.frames:
        raise Rejected(Reason.UNREADABLE, "frames are missing")
    del found.durations_ms[announced:]
    return found


def _png_chunks(content: Bytes) -> Iterator[tuple[bytes, int]]:
    at = 8
    while at < len(content):
        kind = content[at + 4 : at + 8]
        yield kind, at + 8
        if kind == b"IEND":
            return
        at += 12 + _be(content, at)


def _webp(content: Bytes) -> Animation:
    found = Animation(0, 0)
    for kind, at in _bounded(_webp_chunks(content)):
        if kind == b"VP8X":
            found.width, found.height = _le(content, at + 4, 3) + 1, _le(content, at + 7, 3) + 1
        elif kind == b"ANMF":
            found.add(_le(content, at + 12, 3))
    return found


def _webp_chunks(content: Bytes) -> Iterator[tuple[bytes, int]]:
    end = min(len(content), 8 + _le(content, 4, 4))
    at = 12
    while at + 8 <= end:
        yield content[at : at + 4], at + 8
        bytes_ = _le(content, at + 4, 4)
        at += 8 + bytes_ + bytes_ % 2


def _bounded(chunks: Iterator[tuple[bytes, int]]) -> Iterator[tuple[bytes, int]]:
    yield from islice(chunks, _BLOCKS_MAX)
    if next(chunks, None) is not None:
        raise Rejected(Reason.TOO_COMPLEX, f"more than {_BLOCKS_MAX} chunks")


def _le(content: Bytes, at: int, size: int) -> int:
    return int.from_bytes(_exactly(content, at, size), "little")


def _be(content: Bytes, at: int, size: int = 4) -> int:
    return int.from_bytes(_exactly(content, at, size))


def _exactly(content: Bytes, at: int, size: int) -> bytes:
    found = content[at : at + size]
    if len(found) < size:
        raise IndexError(at)
    return found


_SCANNERS: dict[str, Callable[[Bytes], Animation]] = {GIF: _gif, PNG: _png, WEBP: _webp}
