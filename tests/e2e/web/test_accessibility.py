"""No screen breaks a rule of WCAG 2.2 AA that a machine can check (axe-core), in light and in dark."""

import secrets

from playwright.async_api import Browser, expect

from kaftalk_testing.browser import Newcomer, breaches
from kaftalk_testing.stack import Stack


async def test_signing_in_and_up(chromium: Browser, stack: Stack) -> None:
    context = await chromium.new_context(base_url=stack.url, locale="ko-KR")
    page = await context.new_page()
    await page.goto("/")
    await page.locator(".card > button").click()
    await page.locator("form button[type=submit]").click()
    await expect(page.get_by_role("alert")).to_have_count(2)
    assert await breaches(page) == []
    await context.close()


async def test_rooms_and_conversation(newcomer: Newcomer) -> None:
    minji, alex = await newcomer("민지"), await newcomer("Alex", locale="en-US", width=360)
    name = f"누구나 {secrets.token_hex(3)}"
    await minji.create_room(name)
    await alex.find_room(name)
    await minji.say(f"안녕하세요 @{alex.username}", "https://example.org 보세요")
    await alex.message("안녕하세요").focus()
    await alex.message("안녕하세요").get_by_role("button", name="Add reaction").click()
    await alex.message("안녕하세요").get_by_role("button", name="🎉").click()
    await expect(minji.page.locator(".reactions")).to_be_visible()
    await minji.page.get_by_test_id("members-button").click()
    for scheme in ("light", "dark"):
        for person in (minji, alex):
            await person.page.emulate_media(color_scheme=scheme)
            assert await breaches(person.page) == []
    await alex.page.get_by_role("button", name="Back to rooms").click()
    await minji.say("새 글")
    await expect(alex.page.get_by_test_id("unread")).to_be_visible()
    assert await breaches(alex.page) == []


async def test_a_dialog_gives_the_focus_back(newcomer: Newcomer) -> None:
    minji = await newcomer("민지")
    opener = minji.page.get_by_role("navigation").get_by_role("button", name="대화방 찾기").first
    await opener.focus()
    await minji.page.keyboard.press("Enter")
    await expect(minji.page.get_by_role("searchbox")).to_be_focused()
    assert await breaches(minji.page) == []
    await minji.page.keyboard.press("Escape")
    await expect(opener).to_be_focused()
