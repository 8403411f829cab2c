"""Answers in the browser: what is answered stands above, and a click leads there."""

import secrets

from playwright.async_api import expect

from kaftalk_testing.browser import Newcomer, bring_together

MANY = 60


async def test_an_answer_quotes_what_it_answers_and_leads_there(newcomer: Newcomer) -> None:
    minji, alex = await bring_together(newcomer)
    await alex.act("시작", "Reply")
    await expect(alex.page.get_by_test_id("answering")).to_contain_text("시작")
    await alex.say("Let us begin")
    await expect(alex.page.get_by_test_id("answering")).to_have_count(0)
    quote = minji.message("Let us begin").get_by_test_id("quote")
    await expect(quote).to_contain_text("민지")
    await expect(quote).to_contain_text("시작")
    await quote.click()
    await expect(minji.message("시작").first).to_be_focused()


async def test_escape_takes_the_answer_back_and_a_deleted_message_is_not_quoted(newcomer: Newcomer) -> None:
    minji, alex = await bring_together(newcomer)
    await alex.act("시작", "Reply")
    await alex.field.press("Escape")
    await expect(alex.page.get_by_test_id("answering")).to_have_count(0)
    await alex.act("시작", "Reply")
    await alex.say("Yes?")
    await minji.act("시작", "삭제")
    await minji.page.get_by_role("dialog").get_by_role("button", name="삭제").click()
    await expect(minji.message("Yes?").get_by_test_id("quote")).to_contain_text("이제 없는 메시지입니다.")


async def test_what_is_quoted_from_long_ago_is_found(newcomer: Newcomer) -> None:
    minji = await newcomer("민지")
    await minji.create_room(f"오래된 방 {secrets.token_hex(3)}")
    await minji.say("첫 글")
    for n in range(MANY):
        await minji.say(f"글 {n}")
        if n % 20 == 19:
            await expect(minji.page.get_by_test_id("delivery")).to_have_count(0)
    await minji.page.get_by_role("log").evaluate("log => { log.scrollTop = 0 }")
    await minji.act("첫 글", "답장")
    await minji.say("이제 답합니다")
    await minji.page.reload()
    await minji.field.wait_for()
    quote = minji.message("이제 답합니다").get_by_test_id("quote")
    await expect(quote).to_contain_text("첫 글")
    await quote.click()
    await expect(minji.message("첫 글").first).to_be_in_viewport()
