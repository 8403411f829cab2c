"""Make pictures smaller, with little room beside a large one."""

from PIL import Image

from kaftalk_thumbnailer.orientation import STRIP_ROWS, strips

_MODES_WITH_ALPHA = frozenset({"LA", "RGBA"})
_MODES = frozenset({"L", "RGB", "CMYK"}) | _MODES_WITH_ALPHA


def fitted(image: Image.Image, side_max: int) -> Image.Image:
    """Return the picture with sides of at most `side_max`, never enlarged."""
    size = fitting_size(image.size, side_max)
    return image if size == image.size else image.resize(size, Image.Resampling.LANCZOS)


def fitting_size(size: tuple[int, int], side_max: int) -> tuple[int, int]:
    """Scale a size down to sides of at most `side_max` and at least 1 px."""
    scale = min(1.0, side_max / max(size))
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def shrunk(image: Image.Image, side: int) -> Image.Image:
    """Return a copy in a mode that can be resized, shrunk by a whole number while it stays above twice `side`.

    The copy is made strip by strip: resizing a large picture with transparency would copy all of it first.
    """
    factor = max(1, max(image.size) // (2 * side))
    while STRIP_ROWS % factor:
        factor -= 1
    rows = -(-image.height // factor)
    whole: Image.Image | None = None
    for number, strip in enumerate(strips(image)):
        piece = _resizable(strip).reduce(factor)
        whole = whole or Image.new(piece.mode, (piece.width, rows))
        whole.paste(piece, (0, number * STRIP_ROWS // factor))
    return whole or image


def _resizable(image: Image.Image) -> Image.Image:
    if image.has_transparency_data and image.mode not in _MODES_WITH_ALPHA:
        return image.convert("RGBA")
    if image.mode == "I;16":
        return image.point(lambda level: level / 256, "L")
    return image if image.mode in _MODES else image.convert("RGB")
