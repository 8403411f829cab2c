"""Whoever has the hands on the keyboard finds rooms without the mouse."""

import secrets

from playwright.async_api import expect

from kaftalk_testing.browser import Newcomer, breaches


async def test_a_room_is_found_by_its_initial_consonants_and_the_next_one_by_arrows(newcomer: Newcomer) -> None:
    minji = await newcomer("민지")
    page, tail = minji.page, secrets.token_hex(3)
    meeting = await minji.create_room(f"기획 회의 {tail}")
    lunch = await minji.create_room(f"점심 모임 {tail}")
    await page.keyboard.press("Control+k")
    field = page.get_by_role("combobox")
    await expect(field).to_be_focused()
    assert await breaches(page) == []
    await field.fill("ㄱㅎㅎㅇ")
    await expect(page.get_by_role("option")).to_have_text(f"기획 회의 {tail}")
    await page.keyboard.press("Enter")
    await page.wait_for_url(f"**/rooms/{meeting}")
    await expect(minji.field).to_be_focused()
    await page.keyboard.press("Alt+ArrowUp")
    await page.wait_for_url(f"**/rooms/{lunch}")
    await page.keyboard.press("Alt+ArrowDown")
    await page.wait_for_url(f"**/rooms/{meeting}")


async def test_the_keys_are_listed_for_who_asks(newcomer: Newcomer) -> None:
    alex = await newcomer("Alex", locale="en-US")
    await alex.page.keyboard.press("Control+/")
    dialog = alex.page.get_by_role("dialog", name="Keyboard shortcuts")
    await expect(dialog).to_contain_text("Ctrl K")
    await alex.page.keyboard.press("Control+k")
    await expect(alex.page.get_by_role("combobox")).to_have_count(0)
    assert await breaches(alex.page) == []
    await alex.page.keyboard.press("Escape")
    await alex.page.goto("/account")
    await alex.page.get_by_role("button", name="Keyboard shortcuts").click()
    await expect(dialog).to_be_visible()
