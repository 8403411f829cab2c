"""Pictures that mean harm: refused with a reason, within the memory of the function."""

import struct
import zlib
from collections.abc import Callable

import pytest
from PIL import Image

from kaftalk_testing.media_rendering import Render
from kaftalk_testing.media_samples import (
    apng,
    endless_ogg,
    gif,
    painting,
    photo,
    png_header,
    recording,
    saved,
    tiny_gif,
)

pytestmark = pytest.mark.slow

SVG = b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>'
HTML = b"<!DOCTYPE html><script>alert(1)</script>"
# Of the function's 512 MiB; the runtime itself takes about 60, of which a child shares most.
CHILD_MIB_MAX = 450


def huge_gif_frame() -> bytes:
    """A screen of 1 px with a frame of 65,535 x 65,535."""
    frame = b"," + struct.pack("<HHHH", 0, 0, 65_535, 65_535) + b"\0" + b"\x02\x02D\x01\0"
    return b"GIF89a" + struct.pack("<HH", 1, 1) + b"\x80\0\0" + bytes(6) + frame * 2 + b";"


def text_bomb() -> bytes:
    """A PNG whose note is 64 MiB of zeros in 64 KiB."""
    note = b"Comment\0\0" + zlib.compress(bytes(64 << 20))
    chunk = len(note).to_bytes(4) + b"zTXt" + note + zlib.crc32(b"zTXt" + note).to_bytes(4)
    png = saved(painting((8, 8)), "PNG")
    return png[:33] + chunk + png[33:]


BOMBS: dict[str, tuple[Callable[[], bytes], str]] = {
    "a PNG of 50,000 x 50,000": (lambda: png_header(50_000, 50_000), "too_many_pixels"),
    "a PNG of 64 MP": (lambda: png_header(8_000, 8_000), "too_many_pixels"),
    "a PNG of a million columns": (lambda: png_header(1_000_000, 51), "too_many_pixels"),
    "a GIF of 10,000 frames": (lambda: tiny_gif(10_000), "too_many_frames"),
    "a GIF of one frame too many": (lambda: tiny_gif(401), "too_many_frames"),
    "a GIF frame larger than its screen": (huge_gif_frame, "too_many_pixels"),
    "an APNG of 1,200 MP in all": (lambda: apng(300, 2_000, 2_000), "too_many_pixels"),
    "an APNG of one frame too many": (lambda: apng(401, 4, 4), "too_many_frames"),
    "a PNG with a bomb for a note": (text_bomb, "unreadable"),
    "a WebP that its decoder has no room for": (
        lambda: saved(painting((10_000, 2_001)), "WEBP", method=0, quality=1),
        "too_many_pixels",
    ),
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_bomb_is_refused_before_it_is_decoded(render: Render, bomb: str) -> None:
    content, reason = BOMBS[bomb]
    outcome = render("image", content())
    assert outcome.reason == reason, outcome
    assert outcome.mib < 200
    assert not any(outcome.folder.iterdir())


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP", "AVIF", "GIF"])
@pytest.mark.parametrize("share", [pytest.param(0.1, marks=pytest.mark.slow), 0.5, 0.95])
def test_a_truncated_picture_is_refused(render: Render, image_format: str, share: float) -> None:
    content = gif(5) if image_format == "GIF" else photo(image_format, size=(400, 300))
    outcome = render("image", content[: int(len(content) * share)])
    assert outcome.reason == "unreadable", outcome


@pytest.mark.parametrize(
    "content",
    [
        SVG,
        HTML,
        b"",
        b"\0" * 100,
        b"%!PS-Adobe-3.0 EPSF-3.0",
        b"%PDF-1.7",
        b"SIMPLE  =                    T",
        b"II*\0" + bytes(100),
        recording("wav", 0.1),
        endless_ogg(1),
        b"\x89PNG\r\n",
        b"\0\0\0\x18ftypavis\0\0\0\0avismif1",
    ],
    ids=[
        "SVG",
        "HTML",
        "nothing",
        "zeros",
        "EPS",
        "PDF",
        "FITS",
        "TIFF",
        "WAV",
        "Ogg",
        "half a magic",
        "AVIF sequence",
    ],
)
def test_what_is_no_picture_is_refused_whatever_it_is_called(render: Render, content: bytes) -> None:
    assert render("image", content).reason == "unsupported_type"


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "GIF", "WEBP"])
def test_what_hides_behind_or_in_a_picture_is_left_behind(render: Render, image_format: str) -> None:
    script = b"<script>alert('polyglot')</script>"
    archive = b"PK\x03\x04" + script
    content = saved(
        painting((64, 64)), image_format, **({"comment": script} if image_format in {"JPEG", "GIF"} else {})
    )
    outcome = render("image", content + archive + HTML)
    assert outcome.reason is None, outcome
    assert b"script" not in outcome.everything()
    assert b"PK\x03\x04" not in outcome.everything()


def test_html_after_the_magic_of_a_gif_is_refused(render: Render) -> None:
    assert render("image", b"GIF89a/*" + HTML + b"*/=1;").reason == "unreadable"


def test_a_signature_and_noise_is_refused(render: Render) -> None:
    for signature in (
        b"\xff\xd8\xff\xe0",
        b"\x89PNG\r\n\x1a\n",
        b"GIF89a",
        b"RIFF\xff\xff\xff\x7fWEBP",
        b"\0\0\0\x18ftypheic",
    ):
        outcome = render("image", signature + bytes(range(256)) * 20)
        assert outcome.reason == "unreadable", (signature, outcome)


def test_a_decoder_that_asks_for_too_much_memory_ends_alone(render: Render) -> None:
    outcome = render("image", saved(painting((4_000, 4_000)), "JPEG"), memory_bytes=60 << 20)
    assert outcome.reason == "too_complex"
    assert render("image", photo()).reason is None


@pytest.mark.slow
def test_a_decoder_that_takes_too_long_ends_alone(render: Render) -> None:
    content = saved(Image.effect_noise((4_000, 4_000), 80).convert("RGB"), "PNG", compress_level=1)
    outcome = render("image", content, cpu_s=1)
    assert outcome.reason == "too_complex"


@pytest.mark.slow
@pytest.mark.parametrize("image_format", ["JPEG", "PNG"])
def test_a_picture_of_50_megapixels_held_sideways_fits_into_the_function(render: Render, image_format: str) -> None:
    outcome = render("image", photo(image_format, size=(8_160, 6_120), orientation=6), cpu_s=60, wall_s=100)
    assert (outcome.made["width"], outcome.made["height"]) == (6_120, 8_160)
    assert outcome.mib < CHILD_MIB_MAX


@pytest.mark.slow
@pytest.mark.parametrize(
    ("image_format", "mode", "size"),
    [("WEBP", "RGBA", (4_400, 4_400)), ("AVIF", "RGB", (6_000, 5_900)), ("PNG", "RGBA", (7_000, 7_000))],
)
def test_the_largest_pictures_of_the_other_types_fit_too(
    render: Render, image_format: str, mode: str, size: tuple[int, int]
) -> None:
    options = {"WEBP": {"method": 0, "quality": 60}, "AVIF": {"speed": 10}, "PNG": {"compress_level": 1}}[image_format]
    outcome = render("image", saved(painting(size, mode), image_format, **options), cpu_s=60, wall_s=100)
    assert outcome.made["variants"]["thumb"]["width"] == 320
    assert outcome.mib < CHILD_MIB_MAX
