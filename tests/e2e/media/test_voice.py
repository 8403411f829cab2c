"""Voice messages in Chromium, with a fake microphone that beeps: recorded, sent, heard to the end by the other."""

import asyncio
import re

import pytest
from playwright.async_api import Locator, expect

from kaftalk_testing.browser import Newcomer, breaches, bring_together
from kaftalk_testing.browser_media import ready, record

pytestmark = pytest.mark.slow

_WATCH = """() => {
    window.ended = new Promise((resolve) => {
        const play = HTMLMediaElement.prototype.play;
        HTMLMediaElement.prototype.play = function () {
            this.addEventListener("ended", () => resolve(this.duration), { once: true });
            return play.call(this);
        };
    });
}"""


def _track(voice: Locator) -> Locator:
    return voice.locator(".track")


async def test_what_is_recorded_and_sent_is_played_to_the_end_by_the_other(newcomer: Newcomer) -> None:
    minji, alex = await bring_together(newcomer)
    recording = asyncio.create_task(record(minji, seconds=3))
    await expect(alex.page.get_by_test_id("typing")).to_contain_text("is recording")
    preview = await recording
    await expect(preview.get_by_role("slider")).to_have_attribute("aria-valuetext", "0:03 중 0:00")
    assert await breaches(minji.page) == []
    await preview.get_by_role("button", name="음성 메시지 재생").click()
    await expect(_track(preview)).to_have_attribute("data-state", "playing")
    await preview.get_by_role("button", name="보내기").click()
    await expect(minji.page.locator(".mic")).to_be_focused()
    await expect(minji.line(minji.page.url.rpartition("/")[2])).to_contain_text("음성 메시지 0:03")

    await alex.page.evaluate(_WATCH)
    voice = ready(alex, "voice")
    await expect(voice).to_have_count(1)
    assert await breaches(alex.page) == []
    await voice.get_by_role("button", name="Play voice message").click()
    await expect(_track(voice)).to_have_attribute("data-state", "playing")
    # The page's own policy forbids what `wait_for_function` does.
    async with asyncio.timeout(30):
        assert await alex.page.evaluate("() => window.ended") > 2.5
    await expect(_track(voice)).to_have_attribute("data-state", "paused")
    await expect(voice.get_by_role("slider")).to_have_attribute("aria-valuetext", "0:00 of 0:03")


async def test_one_seeks_by_keyboard_and_pointer_at_three_speeds_and_hears_one_at_a_time(newcomer: Newcomer) -> None:
    minji, alex = await bring_together(newcomer)
    for _ in range(2):
        preview = await record(minji, seconds=3)
        await preview.get_by_role("button", name="보내기").click()
    await expect(ready(alex, "voice")).to_have_count(2)
    first, second = ready(alex, "voice").first, ready(alex, "voice").last
    await first.get_by_role("button", name="Speed 1×").click()
    await expect(second.get_by_role("button", name="Speed 1.5×")).to_be_visible()
    await second.get_by_role("button", name="Speed 1.5×").click()
    await second.get_by_role("button", name="Speed 2×").click()

    await first.get_by_role("slider").press("End")
    await expect(first.get_by_role("slider")).to_have_attribute("aria-valuetext", "0:03 of 0:03")
    await first.get_by_role("slider").press("Home")
    await expect(first.get_by_role("slider")).to_have_attribute("aria-valuetext", "0:00 of 0:03")
    box = await first.get_by_role("slider").bounding_box()
    assert box
    await alex.page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    await expect(first.get_by_role("slider")).to_have_attribute("aria-valuetext", re.compile("0:0[12] of 0:03"))

    await first.get_by_role("button", name="Play voice message").click()
    await expect(_track(first)).to_have_attribute("data-state", "playing")
    await second.get_by_role("button", name="Play voice message").click()
    await expect(_track(second)).to_have_attribute("data-state", "playing")
    await expect(_track(first)).to_have_attribute("data-state", "idle")


async def test_nothing_is_sent_of_a_recording_that_is_thrown_away(newcomer: Newcomer) -> None:
    minji, alex = await bring_together(newcomer)
    preview = await record(minji, seconds=1)
    await preview.get_by_role("button", name="버리기").click()
    await expect(preview).to_have_count(0)

    mic = await minji.page.locator(".mic").bounding_box()
    assert mic
    x, y = mic["x"] + mic["width"] / 2, mic["y"] + mic["height"] / 2
    await minji.page.mouse.move(x, y)
    await minji.page.mouse.down()
    await expect(minji.page.get_by_test_id("recording").get_by_role("timer")).to_have_text("0:01")
    await minji.page.mouse.move(x - 100, y, steps=4)
    await expect(minji.page.get_by_test_id("recording")).to_have_count(0)
    await minji.page.mouse.up()

    await minji.say("그냥 글로")
    await alex.sees("시작", "그냥 글로")
    await expect(alex.page.get_by_test_id("voice")).to_have_count(0)
