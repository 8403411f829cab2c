"""Animations: GIF, animated PNG and animated WebP all become animated WebP, one frame in memory at a time."""

from pathlib import Path

from PIL import Image

from kaftalk_thumbnailer.animation import Animation
from kaftalk_thumbnailer.blur import blur
from kaftalk_thumbnailer.errors import Reason, Rejected
from kaftalk_thumbnailer.fitting import fitting_size
from kaftalk_thumbnailer.icc import colour_profile
from kaftalk_thumbnailer.rendition import Rendition, Variant
from kaftalk_thumbnailer.sniffing import WEBP

DECODED_PIXELS_MAX = 300_000_000
_ENCODED_PIXELS_MAX = 60_000_000


class Frames(Image.Image):
    """The frames of an animation, scaled one by one as the encoder asks for them."""

    def __init__(self, source: Image.Image, frames: int, size: tuple[int, int]) -> None:
        super().__init__()
        self._source = source
        # A PNG may begin with a picture for readers that know no animation; it is none of the frames.
        self._first = 1 if getattr(source, "default_image", False) else 0
        self.n_frames = frames
        self.is_animated = True
        self._mode = "RGBA"
        self._size = size
        self.seek(0)

    def seek(self, frame: int) -> None:
        """Take up a frame, counted from 0. Raises EOFError, and what the decoder raises."""
        self._source.seek(self._first + frame)
        self._frame = frame
        picture = self._source.convert("RGBA")
        if picture.size != self._size:
            picture = picture.resize(self._size, Image.Resampling.BILINEAR, reducing_gap=1.5)
        self.im = picture.im

    def tell(self) -> int:
        """Return the number of the frame."""
        return self._frame


def animated(image: Image.Image, animation: Animation, folder: Path, sides: tuple[int, int]) -> Rendition:
    """Make `original` and `preview` (one file) and `thumb`, their sides at most the two of `sides`.

    Raises Rejected: more pixels in all than are decoded for anyone.
    """
    if animation.width * animation.height * animation.frames > DECODED_PIXELS_MAX:
        raise Rejected(Reason.TOO_MANY_PIXELS, f"{animation.frames} frames")
    preview_size, thumb_size = (_encoded_size(image.size, animation.frames, side) for side in sides)
    profile = colour_profile(image.info.get("icc_profile"), "RGBA")
    preview = _written(image, animation, folder / "original.webp", preview_size, profile)
    thumb = _written(image, animation, folder / "thumb.webp", thumb_size, profile)
    return Rendition(
        {"original": preview, "preview": preview, "thumb": thumb},
        *preview_size,
        animated=True,
        duration_ms=sum(animation.durations_ms),
        blur=blur(Frames(image, animation.frames, thumb_size)),
    )


def _encoded_size(size: tuple[int, int], frames: int, side_max: int) -> tuple[int, int]:
    """Choose how large the frames are: many are kept smaller, so that the encoder's work is bounded."""
    width, height = fitting_size(size, side_max)
    excess = width * height * frames / _ENCODED_PIXELS_MAX
    return (width, height) if excess <= 1 else fitting_size(size, int(max(width, height) / excess**0.5))


def _written(
    image: Image.Image, animation: Animation, path: Path, size: tuple[int, int], profile: bytes | None
) -> Variant:
    frames = Frames(image, animation.frames, size)
    options = {"quality": 75, "method": 0, "minimize_size": False, "loop": 0, "icc_profile": profile}
    with path.open("wb") as file:
        frames.save(file, "WEBP", save_all=True, duration=animation.durations_ms, **options)
    return Variant(path.name, WEBP, *size)
