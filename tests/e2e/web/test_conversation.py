"""Two people talk in Korean, each in a browser of her own, through both gateways."""

import secrets

from playwright.async_api import expect

from kaftalk_testing.browser import Newcomer, bring_together, origin


async def test_two_browsers_hold_a_conversation_in_korean_and_see_it_in_one_order(newcomer: Newcomer) -> None:
    minji, alex = await newcomer("민지"), await newcomer("Alex", locale="en-US")
    name = f"점심 모임 {secrets.token_hex(3)}"
    await minji.create_room(name)
    await alex.find_room(name)

    await minji.say("안녕하세요!")
    await expect(alex.message("안녕하세요!")).to_be_visible()
    await alex.say(f"반가워요 @{minji.username}")
    await expect(minji.message("반가워요").locator("mark")).to_have_text(f"@{minji.username}")
    await minji.say("뭐 먹을까요?", "비빔밥 어때요?")

    said = ["안녕하세요!", f"반가워요 @{minji.username}", "뭐 먹을까요?", "비빔밥 어때요?"]
    await minji.sees(*said)
    await alex.sees(*said)


async def test_edits_reactions_and_deletes_reach_the_other_at_once(newcomer: Newcomer) -> None:
    minji, alex = await newcomer("민지"), await newcomer("Alex", locale="en-US")
    name = f"일정 {secrets.token_hex(3)}"
    await minji.create_room(name)
    await alex.find_room(name)
    await minji.say("세 시에 봐요", "지울 글")
    await alex.act("세 시에 봐요", "Add reaction")
    await alex.message("세 시에 봐요").get_by_role("button", name="👍").click()
    await expect(minji.message("세 시에 봐요").locator(".reactions")).to_have_text("👍 1")

    await minji.act("세 시에 봐요", "수정")
    await minji.page.locator(".editor textarea").fill("네 시에 봐요")
    await minji.page.locator(".editor textarea").press("Enter")
    await expect(alex.message("네 시에 봐요")).to_contain_text("edited")

    await minji.act("지울 글", "삭제")
    await minji.page.get_by_role("dialog").get_by_role("button", name="삭제").click()
    await expect(alex.message("This message was deleted.")).to_be_visible()
    await expect(alex.message("지울 글")).to_have_count(0)


async def test_typing_is_shown_to_the_other_and_ends_with_the_message(newcomer: Newcomer) -> None:
    minji, alex = await newcomer("민지"), await newcomer("Alex", locale="en-US")
    name = f"수다 {secrets.token_hex(3)}"
    await minji.create_room(name)
    await alex.find_room(name)
    await minji.field.press_sequentially("음")
    await expect(alex.page.get_by_test_id("typing")).to_have_text("민지 is typing…")
    await minji.field.press("Enter")
    await expect(alex.page.get_by_test_id("typing")).to_have_text("")


async def test_a_direct_room_is_found_by_searching_people(newcomer: Newcomer) -> None:
    minji, alex = await newcomer("민지"), await newcomer("Alex", locale="en-US")
    await minji.page.get_by_role("button", name="새 1:1 대화").click()
    await minji.page.get_by_role("searchbox").fill(alex.username)
    await minji.page.get_by_role("dialog").get_by_role("button", name="Alex").click()
    await minji.say("둘이서만요")
    await expect(alex.page.get_by_test_id("unread")).to_have_text("1")
    await alex.page.get_by_test_id("rooms").get_by_text("민지", exact=True).click()
    await alex.sees("둘이서만요")
    await expect(alex.page.get_by_test_id("unread")).to_have_count(0)


async def test_who_is_named_sees_it_at_once_and_a_text_is_copied_as_it_was_written(newcomer: Newcomer) -> None:
    minji, alex = await bring_together(newcomer)
    await minji.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=origin(minji.page.url))
    text = f"@{minji.username} `https://example.org`"
    await alex.say(text)
    await expect(minji.page.locator("article.named")).to_have_count(1)
    await expect(alex.page.locator("article.named")).to_have_count(0)
    await expect(minji.page.locator(".text code")).to_have_text("https://example.org")
    await expect(minji.page.locator("h2.day")).to_have_text("오늘")
    await minji.message(minji.username).hover()
    await minji.message(minji.username).get_by_role("button", name="텍스트 복사").click()
    await expect(minji.page.get_by_role("status").filter(has_text="복사했습니다.")).to_be_visible()
    assert await minji.page.evaluate("navigator.clipboard.readText()") == text
