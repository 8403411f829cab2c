"""No screen breaks a rule of WCAG 2.2 AA that a machine can check (axe-core), in light and in dark."""

import secrets

from playwright.async_api import Browser, expect

from kaftalk_testing.browser import Newcomer, breaches, bring_together
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


async def test_a_menu_and_what_it_opens_give_the_focus_back(newcomer: Newcomer) -> None:
    minji = await newcomer("민지")
    await minji.create_room(f"방 {secrets.token_hex(3)}")
    keyboard, opener = minji.page.keyboard, minji.page.get_by_role("button", name="대화방 메뉴")
    menu, dialog = minji.page.get_by_role("menu"), minji.page.get_by_role("dialog")
    await opener.press("Enter")
    await expect(menu.get_by_role("menuitem").first).to_be_focused()
    await keyboard.press("Escape")
    await expect(opener).to_be_focused()
    await opener.press("Enter")
    await keyboard.press("Tab")
    await expect(menu).to_have_count(0)
    await opener.press("Enter")
    await menu.get_by_role("menuitem", name="나가기").press("Enter")
    await keyboard.press("Escape")
    await expect(opener).to_be_focused()
    await opener.press("Enter")
    await menu.get_by_role("menuitem", name="대화방 보관").press("Enter")
    await dialog.get_by_role("button", name="취소").press("Enter")
    await expect(dialog).to_have_count(0)
    await expect(opener).to_be_focused()


async def test_a_selection_that_is_dragged_out_of_a_dialog_leaves_it_open(newcomer: Newcomer) -> None:
    minji = await newcomer("민지")
    await minji.page.get_by_role("button", name="대화방 찾기").first.click()
    field = minji.page.get_by_role("searchbox")
    await field.fill("지우려고 고르는 글")
    await field.hover()
    await minji.page.mouse.down()
    await minji.page.mouse.move(5, 5)
    await minji.page.mouse.up()
    await expect(field).to_be_visible()
    await minji.page.mouse.click(5, 5)
    await expect(field).to_have_count(0)


async def test_what_is_new_is_read_out_and_nothing_else(newcomer: Newcomer) -> None:
    minji, alex = await bring_together(newcomer)
    told = minji.page.get_by_test_id("announcer")
    await expect(told).to_have_attribute("aria-live", "polite")
    await expect(told).to_have_text("")
    await minji.say("내 글")
    await alex.sees("시작", "내 글")
    await alex.say("하나")
    await expect(told).to_have_text("Alex: 하나")
    await alex.say("둘")
    await expect(told).to_have_text("Alex: 둘")
    await expect(minji.message("둘").locator(".speaker")).to_have_text("Alex:")
    await expect(minji.page.get_by_role("log")).to_have_attribute("aria-live", "off")
