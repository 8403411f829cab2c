"""Pictures in Chromium: chosen, pasted, dropped; a placeholder becomes the picture; the lightbox by keyboard."""

import pytest
from playwright.async_api import Locator, expect

from kaftalk_testing.browser import Newcomer, Person, breaches, bring_together
from kaftalk_testing.browser_media import choose, drag, file, paste, ready, send, tray
from kaftalk_testing.media_samples import photo

pytestmark = pytest.mark.slow


async def _loaded(picture: Locator) -> int:
    """Wait until the picture has its pixels, and return how many it is wide."""
    shown = picture.locator("img.loaded")
    await expect(shown).to_be_visible()
    width: int = await shown.evaluate("image => image.naturalWidth")
    return width


async def _height(person: Person) -> float:
    height: float = await person.page.get_by_test_id("picture").last.evaluate(
        "element => element.closest('article').getBoundingClientRect().height"
    )
    return height


async def test_several_pictures_by_all_ways_become_one_message_with_a_grid(newcomer: Newcomer) -> None:
    minji, alex = await bring_together(newcomer)
    await choose(minji, *(file(f"산행 {n}.jpg", "image/jpeg", photo(size=(640, 480))) for n in range(2)))
    await paste(minji, file("image.png", "image/png", photo("PNG")))
    dropped = file("dropped.webp", "image/webp", photo("WEBP"))
    await drag(minji, dropped, drop=False)
    await expect(minji.page.get_by_test_id("drop-zone")).to_be_visible()
    await drag(minji, dropped, drop=True)
    await expect(minji.page.get_by_test_id("drop-zone")).to_have_count(0)
    await expect(tray(minji, "stored")).to_have_count(4)
    await send(minji, "주말 사진")

    await expect(ready(alex, "picture")).to_have_count(4)
    for n in range(4):
        assert await _loaded(ready(alex, "picture").nth(n)) <= 320
    await expect(alex.message("주말 사진").get_by_test_id("picture")).to_have_count(4)
    await expect(minji.line(minji.page.url.rpartition("/")[2])).to_contain_text("사진 4장: 주말 사진")
    for scheme in ("light", "dark"):
        await alex.page.emulate_media(color_scheme=scheme)
        assert await breaches(alex.page) == []


async def test_a_placeholder_becomes_the_picture_and_nothing_moves(newcomer: Newcomer) -> None:
    minji, alex = await bring_together(newcomer)
    await choose(minji, file("세로.jpg", "image/jpeg", photo(size=(900, 1600))))
    await send(minji)
    await expect(alex.page.get_by_test_id("picture")).to_be_visible()
    before = await _height(alex)
    await expect(ready(alex, "picture")).to_have_count(1)
    assert await _loaded(ready(alex, "picture")) == 720
    assert await _height(alex) == before
    box = await ready(alex, "picture").bounding_box()
    assert box
    assert abs(box["width"] / box["height"] - 900 / 1600) < 0.01

    await alex.page.reload()
    assert await _loaded(ready(alex, "picture")) == 720
    assert await _height(alex) == before


async def test_the_lightbox_is_used_by_keyboard_and_gives_the_focus_back(newcomer: Newcomer) -> None:
    minji, alex = await bring_together(newcomer)
    for n in range(3):
        await choose(minji, file(f"{n}.jpg", "image/jpeg", photo(size=(2_000, 1_000))))
        await send(minji)
    await expect(ready(alex, "picture")).to_have_count(3)
    opener = alex.page.get_by_role("button", name="Open photo 1.jpg")
    await opener.focus()
    await alex.page.keyboard.press("Enter")
    box = alex.page.get_by_test_id("lightbox")
    await expect(box).to_contain_text("1.jpg")
    await expect(box).to_contain_text("2 of 3")
    assert await breaches(alex.page) == []

    await alex.page.keyboard.press("ArrowRight")
    await expect(box).to_contain_text("3 of 3")
    await expect(box.get_by_role("button", name="Next photo")).to_have_count(0)
    await alex.page.keyboard.press("Home")
    await expect(box).to_contain_text("1 of 3")
    await alex.page.keyboard.press("+")
    await expect(box).to_have_attribute("data-scale", "1.50")
    shot = box.locator(".shot")
    before = await shot.get_attribute("style")
    await alex.page.keyboard.press("ArrowRight")
    await expect(box).to_contain_text("1 of 3")
    assert await shot.get_attribute("style") != before
    await alex.page.keyboard.press("0")
    await expect(box).to_have_attribute("data-scale", "1.00")

    for _ in range(8):
        await alex.page.keyboard.press("Tab")
        assert await alex.page.evaluate("document.activeElement.closest('dialog, body').tagName") in ("DIALOG", "BODY")
    async with alex.page.expect_download() as download:
        await box.get_by_role("button", name="Download").click()
    assert (await download.value).suggested_filename == "0.jpg"
    await alex.page.keyboard.press("Escape")
    await expect(box).to_have_count(0)
    await expect(opener).to_be_focused()


async def test_a_picture_whose_address_has_run_out_is_asked_for_again(newcomer: Newcomer) -> None:
    minji, alex = await bring_together(newcomer)
    broken = 0

    async def once(route: object) -> None:
        nonlocal broken
        broken += 1
        await (route.fulfill(status=403) if broken == 1 else route.continue_())  # type: ignore[attr-defined]

    await alex.page.route("**/preview.webp*", once)
    await choose(minji, file("사진.jpg", "image/jpeg", photo()))
    await send(minji)
    await expect(ready(alex, "picture").locator("img.loaded")).to_be_visible()
    assert broken == 2
