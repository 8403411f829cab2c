"""Rooms in the browser: invitations, membership, unread counts, history, narrow windows, errors."""

import secrets

from playwright.async_api import Browser, Page, expect

from kaftalk_testing.browser import Newcomer, sign_up
from kaftalk_testing.stack import Stack


async def test_a_kick_cuts_at_once(newcomer: Newcomer) -> None:
    minji, alex = await newcomer("민지"), await newcomer("Alex", locale="en-US")
    name = f"회의 {secrets.token_hex(3)}"
    await minji.create_room(name)
    await alex.find_room(name)
    await minji.page.get_by_test_id("members-button").click()
    await minji.page.locator(f'[data-user="{alex.username}"]').get_by_role("button", name="Alex 내보내기").click()
    await minji.page.get_by_role("dialog").get_by_role("button", name="Alex 내보내기").click()
    await expect(alex.page.get_by_text(f"You were removed from {name}.")).to_be_visible()
    await expect(alex.field).to_have_count(0)
    await minji.say("이제 우리끼리")
    await minji.sees("이제 우리끼리")
    await expect(alex.page.get_by_text("이제 우리끼리")).to_have_count(0)
    await expect(minji.page.locator(f'[data-user="{alex.username}"]')).to_have_count(0)


async def test_an_invite_link_leads_a_stranger_through_signing_up_into_a_private_room(
    newcomer: Newcomer, chromium: Browser
) -> None:
    minji = await newcomer("민지")
    name = f"비밀 {secrets.token_hex(3)}"
    await minji.create_room(name, kind="private")
    await minji.page.get_by_role("button", name="대화방 메뉴").click()
    await minji.page.get_by_role("menuitem", name="초대 링크").click()
    link = await minji.page.locator(".copyable input").input_value()

    context = await chromium.new_context(locale="en-US")
    page = await context.new_page()
    await page.goto(link)
    await page.get_by_label("Username").fill(f"invited-{secrets.token_hex(3)}")
    await page.get_by_label("Password").fill("long enough for anybody")
    await page.get_by_role("button", name="Create account").click()
    await page.get_by_role("button", name=f"Join {name}").click()
    await page.get_by_role("textbox", name=f"Message to {name}").fill("Hi")
    await page.keyboard.press("Enter")
    await expect(minji.message("Hi")).to_have_count(1)
    await context.close()


async def test_leaving_takes_the_room_out_of_the_list_and_tells_the_others(newcomer: Newcomer) -> None:
    minji, alex = await newcomer("민지"), await newcomer("Alex", locale="en-US")
    name = f"동호회 {secrets.token_hex(3)}"
    room = await minji.create_room(name)
    await alex.find_room(name)
    await alex.page.get_by_role("button", name="Room menu").click()
    await alex.page.get_by_role("menuitem", name="Leave room").click()
    await alex.page.get_by_role("dialog").get_by_role("button", name="Leave room").click()
    await expect(alex.line(room)).to_have_count(0)
    await expect(minji.page.get_by_text("Alex 님이 나갔습니다.").last).to_be_visible()


async def test_unread_counts_and_the_unread_mark_show_where_to_go_on(newcomer: Newcomer) -> None:
    minji, alex = await newcomer("민지"), await newcomer("Alex", locale="en-US")
    name = f"공지 {secrets.token_hex(3)}"
    room = await minji.create_room(name)
    await alex.find_room(name)
    await minji.say("읽은 글")
    await expect(alex.message("읽은 글")).to_be_visible()
    await alex.create_room(f"다른 방 {secrets.token_hex(3)}")
    await minji.say("새 글", f"@{alex.username} 봐 주세요")
    await expect(alex.line(room).get_by_test_id("unread")).to_have_text("2")
    await expect(alex.line(room)).to_contain_text("@1")

    await alex.open_room(room)
    await expect(alex.page.get_by_test_id("unread-mark")).to_be_visible()
    await expect(alex.line(room).get_by_test_id("unread")).to_have_count(0)
    await alex.page.reload()
    await alex.field.wait_for()
    await expect(alex.line(room).get_by_test_id("unread")).to_have_count(0)


async def test_a_long_absence_opens_at_the_first_unread_message_and_is_read_at_the_end(newcomer: Newcomer) -> None:
    minji, alex = await newcomer("민지"), await newcomer("Alex", locale="en-US", width=360)
    name = f"회의록 {secrets.token_hex(3)}"
    room = await minji.create_room(name)
    await alex.find_room(name)
    await alex.page.get_by_role("button", name="Back to rooms").click()
    for first in range(0, 40, 10):
        await minji.say(*[f"안건 {n}" for n in range(first, first + 10)])
        await expect(minji.page.get_by_test_id("delivery")).to_have_count(0)
    await expect(alex.line(room).get_by_test_id("unread")).to_have_text("40")
    await alex.open_room(room)
    await expect(alex.page.get_by_text("안건 0", exact=True)).to_be_in_viewport()
    await expect(alex.page.get_by_test_id("unread-mark")).to_be_in_viewport()
    await alex.page.get_by_role("button", name="40 new messages").click()
    await expect(alex.page.get_by_text("안건 39", exact=True)).to_be_in_viewport()
    await alex.page.get_by_role("button", name="Back to rooms").click()
    await expect(alex.line(room).get_by_test_id("unread")).to_have_count(0)


async def test_history_comes_in_as_one_scrolls_up_and_what_one_reads_stays_in_place(newcomer: Newcomer) -> None:
    minji = await newcomer("민지")
    await minji.create_room(f"기록 {secrets.token_hex(3)}")
    for first in range(0, 120, 10):
        await minji.say(*[f"글 {n}" for n in range(first, first + 10)])
        await expect(minji.page.get_by_test_id("delivery")).to_have_count(0)
    await minji.page.reload()
    await expect(minji.message("글 119")).to_be_visible()
    await expect(minji.page.get_by_text("글 0", exact=True)).to_have_count(0)
    log = minji.page.get_by_role("log")
    read = minji.page.get_by_text("글 79", exact=True)
    await log.evaluate("(log) => log.scrollTop = 280")
    place = await read.bounding_box()
    await expect(minji.page.get_by_text("글 69", exact=True)).to_be_attached()
    assert await read.bounding_box() == place

    while await minji.page.get_by_text("글 0", exact=True).count() == 0:
        await log.evaluate("(log) => log.scrollTop = 0")
        await minji.page.wait_for_timeout(50)
    await minji.page.get_by_role("button", name="최신 메시지로").click()
    await expect(minji.message("글 119")).to_be_in_viewport()


async def test_who_reads_the_very_first_loaded_message_keeps_it_when_older_ones_come(newcomer: Newcomer) -> None:
    minji = await newcomer("민지")
    await minji.create_room(f"하루 {secrets.token_hex(3)}")
    for first in range(0, 120, 10):
        await minji.say(*[f"글 {n}" for n in range(first, first + 10)])
        await expect(minji.page.get_by_test_id("delivery")).to_have_count(0)
    await minji.page.reload()
    await expect(minji.message("글 119")).to_be_visible()
    log = minji.page.get_by_role("log")
    before = await log.locator("article").first.get_attribute("data-seq")
    await log.evaluate("(log) => log.scrollTop = 0")
    await expect(log.locator("article").first).not_to_have_attribute("data-seq", str(before))
    await expect(log.locator(f"article[data-seq='{before}']")).to_be_in_viewport()
    await expect(log.locator("article").first).not_to_be_in_viewport()


async def test_nothing_is_wider_than_a_window_of_360_pixels(newcomer: Newcomer) -> None:
    minji = await newcomer("민지", width=360)
    await _fits(minji.page)
    await minji.create_room("아주아주긴이름의대화방이라도화면을넘치지않아야합니다" + secrets.token_hex(3))
    await minji.say("긴글" * 200, "https://example.org/" + "a" * 200)
    await expect(minji.page.get_by_test_id("delivery")).to_have_count(0)
    await _fits(minji.page)
    await minji.page.get_by_test_id("members-button").click()
    await _fits(minji.page)
    await minji.page.get_by_role("complementary").get_by_role("button", name="닫기").click()
    await minji.page.get_by_role("button", name="대화방 목록으로").click()
    await expect(minji.page.get_by_test_id("rooms")).to_be_visible()
    await _fits(minji.page)


async def _fits(page: Page) -> None:
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")


async def test_errors_of_signing_up_are_named_at_their_field(
    newcomer: Newcomer, chromium: Browser, stack: Stack
) -> None:
    minji = await newcomer("민지")
    context = await chromium.new_context(base_url=stack.url, locale="ko-KR")
    page = await context.new_page()
    await page.goto("/")
    await page.locator(".card > button").click()
    await page.locator("input[name=username]").fill("a!")
    await page.locator("input[name=password]").fill("short")
    await page.locator("form button[type=submit]").click()
    for name in ("username", "password"):
        await expect(page.locator(f"input[name={name}]")).to_have_attribute("aria-invalid", "true")
    await page.locator("input[name=username]").fill(minji.username)
    await page.locator("input[name=password]").fill("long enough for anybody")
    await page.locator("form button[type=submit]").click()
    await expect(page.get_by_text("이미 사용 중인 아이디입니다.")).to_be_visible()
    await context.close()


async def test_the_language_is_the_browsers_until_another_is_chosen(chromium: Browser, stack: Stack) -> None:
    alex = await sign_up(chromium, stack.url, "Alex", locale="en-US")
    await expect(alex.page.get_by_role("heading", name="Rooms")).to_be_visible()
    await alex.page.get_by_role("button", name="한국어").click()
    await expect(alex.page.get_by_role("heading", name="대화방")).to_be_visible()
    await alex.page.reload()
    await expect(alex.page.get_by_role("heading", name="대화방")).to_be_visible()
    await expect(alex.page.locator("html")).to_have_attribute("lang", "ko")
    await alex.context.close()
