"""What is made of an upload of each kind."""

from pathlib import Path

from kaftalk_thumbnailer.errors import Reason, Rejected
from kaftalk_thumbnailer.rendition import Rendition
from kaftalk_thumbnailer.sniffing import HEAD_BYTES, IMAGES, VOICES, sniff
from kaftalk_thumbnailer.uploads import Kind


def render(kind: Kind, source: Path, folder: Path) -> Rendition:
    """Make the files of an image or a voice message in `folder`. Raises Rejected."""
    with source.open("rb") as file:
        content_type = sniff(file.read(HEAD_BYTES))
    if content_type not in (IMAGES if kind == "image" else VOICES):
        raise Rejected(Reason.UNSUPPORTED_TYPE, content_type)
    if kind == "image":
        from kaftalk_thumbnailer.images import picture

        return picture(source, folder, content_type)
    from kaftalk_thumbnailer.voice import voice  # FFmpeg's libraries: 60 MB that pictures do without

    return voice(source, folder, content_type)
