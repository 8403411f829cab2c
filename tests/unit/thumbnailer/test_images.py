"""Pictures that are taken: what is served of them."""

from base64 import b64decode
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image, ImageCms

from kaftalk_testing.media_rendering import Render
from kaftalk_testing.media_samples import CANARY, apng, gif, heic, painting, photo, saved
from kaftalk_thumbnailer.orientation import upright

pytestmark = pytest.mark.slow


def opened(content: bytes) -> Image.Image:
    image = Image.open(BytesIO(content))
    image.load()
    return image


def near(one: Image.Image, other: Image.Image) -> bool:
    """Compare the corners: red and green tell where they have come from."""
    spots = [(8, 8), (one.width - 9, 8), (8, one.height - 9), (one.width - 9, one.height - 9)]
    pairs = [pair for spot in spots for pair in zip(pixel(one, spot), pixel(other, spot), strict=True)]
    return one.size == other.size and all(abs(a - b) < 16 for a, b in pairs)


def pixel(image: Image.Image, spot: tuple[int, int]) -> tuple[int, ...]:
    colour = image.convert("RGBA").getpixel(spot)
    assert isinstance(colour, tuple)
    return colour


def turned_by_pillow(image: Image.Image, orientation: int) -> Image.Image:
    turns = {2: 0, 3: 3, 4: 1, 5: 5, 6: 4, 7: 6, 8: 2}
    return image.transpose(Image.Transpose(turns[orientation])) if orientation in turns else image


@pytest.mark.parametrize(
    ("image_format", "served_as"),
    [("JPEG", "image/jpeg"), ("PNG", "image/png"), ("WEBP", "image/webp"), ("AVIF", "image/jpeg")],
)
def test_nothing_of_a_photo_s_place_is_left_in_anything_served(
    render: Render, image_format: str, served_as: str
) -> None:
    content = photo(image_format)
    assert CANARY in content
    outcome = render("image", content)
    assert outcome.made["variants"]["original"]["content_type"] == served_as
    assert CANARY not in outcome.everything()
    assert CANARY.decode().encode("utf-16-le") not in outcome.everything()
    for variant in ("original", "preview", "thumb"):
        image = opened(outcome.content(variant))
        assert not image.getexif()
        assert "xmp" not in image.info


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP"])
def test_the_colour_profile_is_kept_and_still_says_the_same(render: Render, image_format: str) -> None:
    outcome = render("image", photo(image_format))
    profile = ImageCms.ImageCmsProfile(BytesIO(opened(outcome.content("original")).info["icc_profile"]))
    assert ImageCms.getProfileDescription(profile).strip() == "Kaftalk"
    assert near(opened(outcome.content("original")), painting())
    assert near(opened(outcome.content("preview")), painting())


def test_words_in_a_colour_profile_are_not_kept(render: Render) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert b"desc" in profile
    smuggling = profile.replace("sRGB".encode("utf-16-be"), CANARY[:8])
    outcome = render("image", saved(painting(), "JPEG", icc_profile=smuggling + CANARY))
    assert CANARY[:8] not in outcome.everything()
    assert opened(outcome.content("original")).info["icc_profile"]


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_a_picture_is_turned_as_its_camera_was_held(render: Render, orientation: int) -> None:
    content = photo("PNG", size=(70, 300), orientation=orientation)
    expected = turned_by_pillow(opened(content), orientation)
    outcome = render("image", content)
    assert opened(outcome.content("original")).tobytes() == expected.tobytes()
    assert near(opened(outcome.content("preview")), expected)
    assert (outcome.made["width"], outcome.made["height"]) == expected.size


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK"])
def test_turning_strip_by_strip_is_turning(tmp_path: Path, mode: str) -> None:
    for orientation in range(1, 9):
        picture = painting((70, 530), mode)
        expected = turned_by_pillow(picture.copy(), orientation)
        found = upright(picture, orientation, tmp_path / "spool")
        assert (found.size, found.mode, found.tobytes()) == (expected.size, mode, expected.tobytes())
        assert found.getpalette() == expected.getpalette()
    assert not (tmp_path / "spool").exists()


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA"])
def test_a_png_keeps_its_pixels(render: Render, mode: str) -> None:
    picture = painting((300, 200), mode)
    outcome = render("image", saved(picture, "PNG"))
    assert opened(outcome.content("original")).convert("RGBA").tobytes() == picture.convert("RGBA").tobytes()
    assert opened(outcome.content("thumb")).size == (300, 200)


def test_a_jpeg_keeps_its_quality_and_its_size(render: Render) -> None:
    content = saved(painting((1600, 1200)), "JPEG", quality=95, subsampling=0)
    outcome = render("image", content)
    assert abs(len(outcome.content("original")) - len(content)) < len(content) / 5


def test_a_jpeg_for_print_keeps_its_four_colours(render: Render) -> None:
    outcome = render("image", saved(painting(mode="CMYK"), "JPEG"))
    assert opened(outcome.content("original")).mode == "CMYK"
    assert near(opened(outcome.content("preview")), painting())


def test_transparency_survives_in_every_variant(render: Render) -> None:
    picture = painting((400, 400), "RGBA")
    picture.putalpha(Image.linear_gradient("L").resize((400, 400)))
    outcome = render("image", saved(picture, "PNG"))
    for variant in ("original", "preview", "thumb"):
        assert pixel(opened(outcome.content(variant)), (10, 10))[3] < 30


@pytest.mark.parametrize(
    ("size", "preview", "thumb"),
    [
        ((4000, 1000), (1280, 320), (320, 80)),
        ((1000, 3000), (427, 1280), (107, 320)),
        ((200, 100), (200, 100), (200, 100)),
        ((1, 5000), (1, 1280), (1, 320)),
    ],
)
def test_smaller_variants_fit_and_are_never_enlarged(
    render: Render, size: tuple[int, int], preview: tuple[int, int], thumb: tuple[int, int]
) -> None:
    outcome = render("image", saved(painting(size), "JPEG"))
    assert opened(outcome.content("preview")).size == preview
    assert opened(outcome.content("thumb")).size == thumb
    assert {opened(outcome.content(name)).format for name in ("preview", "thumb")} == {"WEBP"}
    assert opened(outcome.content("original")).size == size


def test_the_blur_is_a_tiny_picture_of_its_own(render: Render) -> None:
    outcome = render("image", photo())
    assert len(outcome.made["blur"]) < 400
    small = opened(b64decode(outcome.made["blur"]))
    assert small.size == (16, 12)
    assert pixel(small, (15, 0))[0] > pixel(small, (0, 0))[0]


def test_an_iphone_s_picture_becomes_one_that_every_browser_shows(render: Render) -> None:
    outcome = render("image", heic((320, 240)))
    assert outcome.made["variants"]["original"]["content_type"] == "image/jpeg"
    assert near(opened(outcome.content("original")), painting((320, 240)))


@pytest.mark.parametrize("content", [gif(12), apng(12, 64, 48)], ids=["GIF", "PNG"])
def test_an_animation_still_moves(render: Render, content: bytes) -> None:
    outcome = render("image", content)
    assert outcome.made["animated"] is True
    assert outcome.made["duration_ms"] == 12 * 40
    for variant in ("original", "preview", "thumb"):
        image = opened(outcome.content(variant))
        assert (image.format, getattr(image, "n_frames", 1), image.size) == ("WEBP", 12, (64, 48))


@pytest.mark.parametrize("image_format", ["WEBP", "PNG"])
def test_nothing_but_the_colours_of_an_animation_is_kept(render: Render, image_format: str) -> None:
    tagged = opened(photo("PNG"))
    notes = {name: tagged.info[name] for name in ("icc_profile", "exif")}
    frames = [painting().rotate(90 * n) for n in range(3)]
    content = saved(frames[0], image_format, save_all=True, append_images=frames[1:], duration=100, **notes)
    assert CANARY in content
    outcome = render("image", content)
    assert outcome.made["animated"] is True
    assert CANARY not in outcome.everything()
    assert not opened(outcome.content("original")).getexif()
    assert opened(outcome.content("original")).info["icc_profile"]


def test_a_gif_of_one_frame_is_a_picture(render: Render) -> None:
    outcome = render("image", gif(1))
    assert outcome.made["animated"] is None
    assert outcome.made["variants"]["original"]["content_type"] == "image/png"


def test_a_large_animation_is_made_smaller_and_not_refused(render: Render) -> None:
    frames = [painting((1600, 900)).point(lambda level, n=n: level // (n + 1)) for n in range(3)]
    content = saved(frames[0], "WEBP", save_all=True, append_images=frames[1:], duration=100, method=0)
    outcome = render("image", content)
    assert opened(outcome.content("preview")).size == (1280, 720)
    assert outcome.made["variants"]["preview"] == outcome.made["variants"]["original"]
