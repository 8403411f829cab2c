"""Pictures: a new original without metadata, two smaller ones and a blur, made from bytes that nobody vouches for."""

import mmap
import warnings
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image, ImageCms, JpegImagePlugin

from kaftalk_thumbnailer.animated import animated
from kaftalk_thumbnailer.animation import Animation, scan
from kaftalk_thumbnailer.blur import blur
from kaftalk_thumbnailer.errors import Reason, Rejected
from kaftalk_thumbnailer.fitting import fitted, shrunk
from kaftalk_thumbnailer.icc import colour_profile
from kaftalk_thumbnailer.orientation import orientation_of, turned, upright
from kaftalk_thumbnailer.rendition import Rendition, Variant
from kaftalk_thumbnailer.sniffing import AVIF, GIF, HEIC, JPEG, PNG, WEBP

PIXELS_MAX = 50_000_000
THUMB_SIDE_MAX = 320
PREVIEW_SIDE_MAX = 1280

# Their decoders hold the picture up to four times over; measured, these are what 512 MiB have room for.
_PIXELS_MAX_OF = {WEBP: 20_000_000, AVIF: 36_000_000}
_DECODERS = {JPEG: "JPEG", PNG: "PNG", WEBP: "WEBP", GIF: "GIF", AVIF: "AVIF", HEIC: "HEIF"}
_FILES = {JPEG: "original.jpg", PNG: "original.png", WEBP: "original.webp"}
_OPAQUE = frozenset({"1", "L", "RGB", "CMYK", "I;16"})
_KEPT_MODES = frozenset({"1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16"})


def picture(source: Path, folder: Path, content_type: str) -> Rendition:
    """Make the variants `original`, `preview` and `thumb` of an image of a sniffed type, as files in `folder`.

    Raises Rejected.
    """
    animation = _structure(source, content_type)
    with _opened(source, content_type) as image:
        _check_size(image, animation, content_type)
        if animation and animation.frames > 1:
            return animated(image, animation, folder, (PREVIEW_SIDE_MAX, THUMB_SIDE_MAX))
        return _still(image, folder, content_type)


def _structure(source: Path, content_type: str) -> Animation | None:
    with source.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return scan(content, content_type)


def _opened(source: Path, content_type: str) -> Image.Image:
    """Read the header with the decoder of this type and no other."""
    if content_type == HEIC:
        import pi_heif  # only iPhones send these: no other picture waits for the library

        pi_heif.options.DECODE_THREADS = 1
        pi_heif.register_heif_opener()
    Image.MAX_IMAGE_PIXELS = PIXELS_MAX
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            return Image.open(source, formats=[_DECODERS[content_type]])
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise Rejected(Reason.TOO_MANY_PIXELS, str(error)) from error


def _check_size(image: Image.Image, animation: Animation | None, content_type: str) -> None:
    """Refuse by the size in the header, before a pixel is decoded. Raises Rejected."""
    width, height = image.size
    if animation:
        width, height = max(width, animation.width), max(height, animation.height)
    pixels_max = _PIXELS_MAX_OF.get(content_type, PIXELS_MAX)
    if width * height > pixels_max:
        raise Rejected(Reason.TOO_MANY_PIXELS, f"{width} x {height}, more than {pixels_max}")


def _still(image: Image.Image, folder: Path, content_type: str) -> Rendition:
    orientation = orientation_of(image)
    encoding = _encoding(image, content_type)
    image.load()
    embedded = image.info.get("icc_profile")
    plain = _plain(image)
    profile = colour_profile(embedded, plain.mode)
    preview = turned(_srgb(fitted(shrunk(plain, PREVIEW_SIDE_MAX), PREVIEW_SIDE_MAX), profile), orientation)
    thumb = fitted(preview, THUMB_SIDE_MAX)
    plain = upright(plain, orientation, folder / "spool")
    target = encoding.pop("content_type")
    with (folder / _FILES[target]).open("wb") as file:
        plain.save(file, icc_profile=profile, **encoding)
    variants = {
        "original": Variant(_FILES[target], target, *plain.size),
        "preview": _webp(preview, folder / "preview.webp"),
        "thumb": _webp(thumb, folder / "thumb.webp"),
    }
    return Rendition(variants, *plain.size, blur=blur(thumb))


def _encoding(image: Image.Image, content_type: str) -> dict[str, Any]:
    """Choose what the original is written as: its own format if every browser shows it and it can hold the picture."""
    if content_type in {PNG, GIF}:
        return {"content_type": PNG, "format": "PNG", "compress_level": 3}
    if content_type == WEBP or image.mode not in _OPAQUE:
        return {"content_type": WEBP, "format": "WEBP", "quality": 90, "method": 2}
    jpeg: dict[str, Any] = {"content_type": JPEG, "format": "JPEG"}
    if isinstance(image, JpegImagePlugin.JpegImageFile) and _usable(image.quantization):
        # The tables it came with: no second loss worth the name, and no larger file.
        return jpeg | {"qtables": image.quantization, "subsampling": JpegImagePlugin.get_sampling(image)}
    return jpeg | {"quality": 90}


def _usable(tables: dict[int, list[int]]) -> bool:
    return bool(tables) and all(len(table) == 64 and min(table) > 0 and max(table) < 256 for table in tables.values())


def _plain(image: Image.Image) -> Image.Image:
    """Return the picture in a mode that the encoders know, with no note but which colour is transparent."""
    plain = image if image.mode in _KEPT_MODES else image.convert("RGB")
    plain.info = {"transparency": image.info["transparency"]} if "transparency" in image.info else {}
    return plain


def _srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """Return a small picture in sRGB, RGB or RGBA: it needs no profile beside it."""
    mode = "RGBA" if image.mode in {"LA", "RGBA"} else "RGB"
    if profile and image.mode != "LA":
        with suppress(ImageCms.PyCMSError):
            converted = ImageCms.profileToProfile(
                image, BytesIO(profile), ImageCms.createProfile("sRGB"), outputMode=mode
            )
            if converted:
                return _bare(converted)
    return _bare(image.convert(mode))


def _bare(image: Image.Image) -> Image.Image:
    image.info = {}
    return image


def _webp(image: Image.Image, path: Path) -> Variant:
    with path.open("wb") as file:
        image.save(file, "WEBP", quality=78, method=2)
    return Variant(path.name, WEBP, *image.size)
