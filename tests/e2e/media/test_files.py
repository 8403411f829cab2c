"""Files in Chromium: names, saving, cancelling, trying again, resuming after a reload, and what is refused."""

import re
import secrets
import unicodedata
from pathlib import Path

import pytest
from playwright.async_api import Route, expect

from kaftalk_testing.browser import Newcomer, bring_together
from kaftalk_testing.browser_media import choose, file, ready, send, tray

pytestmark = pytest.mark.slow

_STORE = "**/incoming/**"
_CORS = {"Access-Control-Allow-Origin": "*"}
_PART = 16 * 1024 * 1024


async def test_a_korean_name_of_a_mac_appears_composed_and_the_file_is_saved_as_it_was(newcomer: Newcomer) -> None:
    minji, alex = await bring_together(newcomer)
    name, content = "한글 보고서 최종.hwp", secrets.token_bytes(200_000)
    await choose(minji, file(unicodedata.normalize("NFD", name), "application/x-hwp", content))
    await send(minji, "검토 부탁해요")
    shared = ready(alex, "file")
    await expect(shared.locator("strong")).to_have_text(name)
    await expect(shared.locator("small")).to_have_text("195 KB")
    async with alex.page.expect_download() as download:
        await shared.get_by_role("button", name=f"Download {name}").click()
    saved = await download.value
    assert saved.suggested_filename == name
    assert Path(await saved.path()).read_bytes() == content


async def test_one_cancels_before_and_after_sending_and_the_text_goes_alone(newcomer: Newcomer) -> None:
    minji, alex = await bring_together(newcomer)
    waiting: list[Route] = []
    await minji.page.route(_STORE, lambda route: waiting.append(route))
    await choose(minji, file("one.txt", "text/plain", b"1"), file("two.txt", "text/plain", b"2"))
    await expect(tray(minji, "sending")).to_have_count(2)
    await minji.page.get_by_role("button", name="one.txt 올리기 취소").click()
    await expect(tray(minji, "sending")).to_have_count(1)
    await send(minji, "파일 없이")
    await expect(minji.page.get_by_test_id("delivery")).to_have_attribute("data-state", "uploading")
    await minji.page.get_by_role("button", name="two.txt 올리기 취소").click()
    await alex.sees("시작", "파일 없이")
    await expect(alex.page.get_by_test_id("file")).to_have_count(0)


async def test_what_the_connection_broke_is_tried_again(newcomer: Newcomer) -> None:
    minji, alex = await bring_together(newcomer)
    await minji.page.route(_STORE, lambda route: route.abort())
    await choose(minji, file("보고서.pdf", "application/pdf", b"%PDF-1.4"))
    await expect(tray(minji, "failed")).to_contain_text("연결이 끊겼습니다.")
    await minji.page.unroute(_STORE)
    await minji.page.get_by_role("button", name="보고서.pdf 다시 올리기").click()
    await expect(tray(minji, "stored")).to_have_count(1)
    await send(minji)
    await expect(ready(alex, "file").locator("strong")).to_have_text("보고서.pdf")


async def test_what_the_store_cannot_do_at_this_moment_is_tried_again_by_itself(newcomer: Newcomer) -> None:
    minji, _ = await bring_together(newcomer)
    answers = iter([409, 503])

    async def busy(route: Route) -> None:
        status = next(answers, None)
        await (route.continue_() if status is None else route.fulfill(status=status, headers=_CORS))

    await minji.page.route(_STORE, busy)
    await choose(minji, file("보고서.pdf", "application/pdf", b"%PDF-1.4"))
    await expect(tray(minji, "stored")).to_have_count(1)
    assert next(answers, None) is None


async def test_what_is_no_picture_is_rejected_with_a_reason_on_both_sides(newcomer: Newcomer) -> None:
    minji, alex = await bring_together(newcomer)
    await choose(minji, file("가짜.png", "image/png", b"<svg onload=alert(1)></svg>"))
    await send(minji)
    for person, reason in ((minji, "보여 줄 수 없는 형식입니다."), (alex, "not of a kind that can be shown")):
        card = person.page.locator('[data-testid="file"][data-status="rejected"]')
        await expect(card).to_contain_text("가짜.png")
        await expect(card).to_contain_text(reason)
        await expect(card.get_by_role("button")).to_have_count(0)


async def test_an_empty_file_says_so_and_ten_go_with_one_message(newcomer: Newcomer) -> None:
    minji, _ = await bring_together(newcomer)
    await choose(minji, file("빈 파일.txt", "text/plain", b""))
    await expect(tray(minji, "failed")).to_contain_text("빈 파일입니다.")
    await choose(minji, *(file(f"{n}.txt", "text/plain", b"x") for n in range(11)))
    await expect(minji.page.get_by_role("status").filter(has_text="10개까지")).to_be_visible()
    await expect(minji.page.get_by_test_id("tray").locator("li")).to_have_count(10)


async def test_a_large_file_goes_on_after_a_reload_with_the_parts_that_are_missing(newcomer: Newcomer) -> None:
    minji, alex = await bring_together(newcomer)
    content = secrets.token_bytes(_PART + 1_000_000)
    puts: list[str] = []
    broken = True

    async def hold_second(route: Route) -> None:
        puts.append(route.request.url)
        if not broken or "partNumber=2" not in route.request.url:
            await route.continue_()

    await minji.page.route(_STORE, hold_second)
    await choose(minji, file("영상.mp4", "video/mp4", content))
    await send(minji, "큰 파일")
    await expect(minji.page.locator("progress")).to_have_attribute("value", re.compile(r"^0\.9"))
    broken = False
    puts.clear()
    await minji.page.reload()
    await expect(ready(alex, "file").locator("strong")).to_have_text("영상.mp4", timeout=30_000)
    assert ["partNumber=2" in url for url in puts] == [True]
    async with alex.page.expect_download() as download:
        await ready(alex, "file").get_by_role("button").click()
    assert Path(await (await download.value).path()).read_bytes() == content
