"""What is made of an upload of each kind."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Literal

from kaftalk_thumbnailer.errors import Reason, Rejected
from kaftalk_thumbnailer.rendition import Rendition
from kaftalk_thumbnailer.sniffing import HEAD_BYTES, IMAGES, VOICES, sniff

Renderer = Callable[[Path, Path], Rendition]


def renderer_of(kind: Literal["image", "voice"]) -> Renderer:
    """Return what makes the files of an upload in a folder; it raises Rejected.

    The libraries are loaded now, by the process that stays, and not by each child: FFmpeg's only if there is voice.
    """
    if kind == "image":
        from kaftalk_thumbnailer.images import picture

        return partial(_render, picture, IMAGES)
    from kaftalk_thumbnailer.voice import voice

    return partial(_render, voice, VOICES)


def _render(
    make: Callable[[Path, Path, str], Rendition], types: frozenset[str], source: Path, folder: Path
) -> Rendition:
    with source.open("rb") as file:
        content_type = sniff(file.read(HEAD_BYTES))
    if content_type not in types:
        raise Rejected(Reason.UNSUPPORTED_TYPE, content_type)
    return make(source, folder, content_type)
