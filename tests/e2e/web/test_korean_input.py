"""One Enter sends once, whatever the input method is doing: driven by Chromium's own composition."""

import secrets

from playwright.async_api import CDPSession, expect

from kaftalk_testing.browser import Newcomer, Person


async def _writer(newcomer: Newcomer) -> tuple[Person, CDPSession]:
    minji = await newcomer("민지")
    await minji.create_room(f"받아쓰기 {secrets.token_hex(3)}")
    await minji.field.focus()
    return minji, await minji.context.new_cdp_session(minji.page)


async def _compose(cdp: CDPSession, text: str) -> None:
    await cdp.send("Input.imeSetComposition", {"text": text, "selectionStart": len(text), "selectionEnd": len(text)})


async def _enter(cdp: CDPSession, key_code: int = 13, *, up: bool = True) -> None:
    key = {"key": "Enter", "code": "Enter", "windowsVirtualKeyCode": key_code, "nativeVirtualKeyCode": key_code}
    text = {} if key_code == 229 else {"text": "\r"}
    await cdp.send("Input.dispatchKeyEvent", {"type": "keyDown", **key, **text})
    if up:
        await cdp.send("Input.dispatchKeyEvent", {"type": "keyUp", **key})


async def test_enter_during_a_composition_sends_the_whole_text_once(newcomer: Newcomer) -> None:
    minji, cdp = await _writer(newcomer)
    await cdp.send("Input.insertText", {"text": "안녕하세"})
    for step in ("ㅇ", "요"):
        await _compose(cdp, step)
    await _enter(cdp, 229, up=False)
    await cdp.send("Input.insertText", {"text": "요"})
    await _enter(cdp)

    await minji.sees("안녕하세요")
    await expect(minji.field).to_have_value("")
    await minji.say("다음 글")
    await minji.sees("안녕하세요", "다음 글")


async def test_enter_after_a_composition_that_has_ended_sends_once(newcomer: Newcomer) -> None:
    minji, cdp = await _writer(newcomer)
    await _compose(cdp, "네")
    await cdp.send("Input.insertText", {"text": "네"})
    await _enter(cdp)
    await minji.sees("네")


async def test_enter_that_picks_a_candidate_of_another_language_sends_nothing(newcomer: Newcomer) -> None:
    minji, cdp = await _writer(newcomer)
    await _compose(cdp, "にほん")
    await _enter(cdp, 229, up=False)
    await cdp.send("Input.insertText", {"text": "日本"})
    await expect(minji.field).to_have_value("日本")
    await expect(minji.page.get_by_test_id("message")).to_have_count(0)


async def test_shift_and_enter_break_the_line(newcomer: Newcomer) -> None:
    minji, _ = await _writer(newcomer)
    await minji.field.fill("첫 줄")
    await minji.field.press("Shift+Enter")
    await minji.field.press_sequentially("둘째 줄")
    await minji.field.press("Enter")
    await minji.sees("첫 줄\n둘째 줄")


async def test_decomposed_hangul_is_sent_composed(newcomer: Newcomer) -> None:
    minji, _ = await _writer(newcomer)
    await minji.field.fill("\u1112\u1161\u11ab\u1100\u1173\u11af")
    await minji.field.press("Enter")
    await minji.sees("한글")
    shown = await minji.page.locator("article .text").inner_text()
    assert shown == "한글"


async def test_a_name_is_suggested_while_it_is_composed_and_enter_takes_it_without_sending(newcomer: Newcomer) -> None:
    minji, cdp = await _writer(newcomer)
    await cdp.send("Input.insertText", {"text": "나는 @"})
    await _compose(cdp, "민지")
    await expect(minji.page.get_by_role("option")).to_contain_text("민지")
    await _enter(cdp, 229, up=False)
    await cdp.send("Input.insertText", {"text": "민지"})
    await _enter(cdp)
    await expect(minji.field).to_have_value(f"나는 @{minji.username} ")
    await expect(minji.page.get_by_test_id("message")).to_have_count(0)
    await minji.field.press("Enter")
    await minji.sees(f"나는 @{minji.username}")
