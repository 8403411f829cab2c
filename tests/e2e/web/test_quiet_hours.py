"""Quiet hours in Chromium: what is said meanwhile is held, counted calmly, and comes as one batch afterwards."""

import re
import secrets
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.async_api import Locator, expect

from kaftalk_testing.browser import Newcomer, Person, breaches, bring_together

_MINUTES_MS = 150_000
"""A window of the profile begins and ends with the minute: a test of one lasts up to two and a half."""

_CALL = """async ([method, path, body]) => {
    const renewed = await (await fetch("/api/v1/auth/refresh", { method: "POST" })).json();
    const headers = { Authorization: `Bearer ${renewed.access_token}`, "Content-Type": "application/json" };
    const answer = await fetch(`/api/v1${path}`, { method, headers, body: body && JSON.stringify(body) });
    if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`);
    return await answer.json();
}"""


async def _call(person: Person, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    """Call the API as the person who is signed in on the page."""
    answer: dict[str, Any] = await person.page.evaluate(_CALL, [method, path, body])
    return answer


async def _snooze(person: Person, seconds: float) -> None:
    """Be quiet for some seconds; the page offers half an hour and more."""
    until = datetime.now(UTC) + timedelta(seconds=seconds)
    await _call(person, "POST", "/me/snooze", {"until": until.isoformat()})
    await expect(_banner(person)).to_be_visible()


async def _snooze_by_menu(person: Person, menu: str, choice: str) -> None:
    """Be quiet by the moon in the header."""
    await person.page.get_by_role("button", name=menu).click()
    await person.page.get_by_role("menuitem", name=choice).click()
    await expect(_banner(person)).to_be_visible()


def _banner(person: Person) -> Locator:
    return person.page.get_by_test_id("quiet-banner")


def _toast(person: Person) -> Locator:
    return person.page.get_by_test_id("release-toast")


async def _room_of(person: Person) -> str:
    return person.page.url.rpartition("/")[2]


async def test_what_is_said_in_a_hold_is_counted_and_comes_as_one_batch_with_one_digest(newcomer: Newcomer) -> None:
    minji, alex = await bring_together(newcomer)
    room = await _room_of(minji)
    await minji.home()
    await _snooze(minji, 20)
    await alex.say("하나", f"둘 @{minji.username}", "셋")
    await expect(_banner(minji)).to_contain_text("3개 보관 중")
    await expect(minji.line(room)).to_contain_text("시작")
    await expect(minji.page.get_by_test_id("unread")).to_have_count(0)
    assert await minji.page.title() == "Kaftalk"

    await expect(_toast(minji)).to_contain_text("메시지 3개, 방 1개, 멘션 1개", timeout=40_000)
    await expect(_banner(minji)).to_have_count(0)
    await _toast(minji).get_by_role("button", name="보기").click()
    digest = minji.page.get_by_test_id("digest")
    await expect(digest).to_contain_text("셋")
    await digest.get_by_role("button").click()
    said = ["시작", "하나", f"둘 @{minji.username}", "셋"]
    await minji.sees(*said)
    await alex.say("넷")
    await minji.sees(*said, "넷")
    await expect(_toast(minji)).to_have_count(0)


async def test_show_now_ends_the_hold_and_brings_everything(newcomer: Newcomer) -> None:
    minji, alex = await bring_together(newcomer)
    room = await _room_of(minji)
    await minji.home()
    await _snooze_by_menu(minji, "조용한 시간과 잠시 조용히", "30분 동안")
    await alex.say("하나", "둘")
    await expect(_banner(minji)).to_contain_text("2개 보관 중")
    await minji.page.reload()
    await expect(_banner(minji)).to_contain_text("2개 보관 중")
    await _banner(minji).get_by_role("button", name="지금 보기").click()
    await expect(_toast(minji)).to_contain_text("메시지 2개, 방 1개")
    await expect(_banner(minji)).to_have_count(0)
    await minji.open_room(room)
    await minji.sees("시작", "하나", "둘")


async def test_a_room_that_is_opened_in_a_hold_shows_everything_and_leaves_the_batch(newcomer: Newcomer) -> None:
    minji, alex = await bring_together(newcomer)
    room = await _room_of(minji)
    await minji.page.get_by_test_id("rooms").wait_for()
    await minji.page.goto("/quiet-hours")
    await minji.page.get_by_role("button", name="1시간 동안").click()
    await expect(_banner(minji)).to_be_visible()
    await alex.say("하나", "둘")
    await expect(_banner(minji)).to_contain_text("2개 보관 중")
    await minji.open_room(room)
    await minji.sees("시작", "하나", "둘")
    await alex.say("셋")
    await minji.sees("시작", "하나", "둘", "셋")
    await expect(minji.page.get_by_role("log")).to_have_attribute("aria-live", "off")
    await expect(_banner(minji)).not_to_contain_text("보관 중")
    await minji.page.go_back()
    await alex.say("넷")
    await expect(_banner(minji)).to_contain_text("1개 보관 중")
    await minji.page.go_forward()
    await minji.sees("시작", "하나", "둘", "셋", "넷")


async def test_what_one_says_oneself_passes_to_ones_other_page(newcomer: Newcomer) -> None:
    minji, _alex = await bring_together(newcomer)
    room = await _room_of(minji)
    other = Person(minji.name, minji.username, minji.context, await minji.context.new_page())
    await other.home()
    await _snooze(minji, 60)
    await expect(_banner(other)).to_be_visible()
    await minji.say("내 글")
    await expect(other.line(room)).to_contain_text("내 글")
    await minji.sees("시작", "내 글")


@pytest.mark.slow
@pytest.mark.timeout(240)
async def test_a_window_of_the_week_begins_and_ends_with_its_minutes(newcomer: Newcomer) -> None:
    minji, alex = await bring_together(newcomer)
    room = await _room_of(minji)
    await minji.page.goto("/quiet-hours")
    now = datetime.now(UTC) + timedelta(seconds=12)
    start = now.replace(second=0) + timedelta(minutes=1)
    await minji.page.get_by_role("button", name="시간 추가").click()
    row = minji.page.get_by_test_id("window-rows").get_by_role("listitem")
    for day in ("토요일", "일요일"):
        await row.get_by_role("checkbox", name=day).press("Space")
    await row.get_by_label("시작").fill(f"{start:%H:%M}")
    await row.get_by_label("끝").fill(f"{start + timedelta(minutes=1):%H:%M}")
    await minji.page.get_by_test_id("save-bar").get_by_role("button", name="저장").click()
    await expect(minji.page.get_by_test_id("save-bar")).to_have_count(0)

    await alex.say("먼저")
    await expect(minji.line(room)).to_contain_text("먼저")
    await expect(_banner(minji)).to_contain_text(f"{start + timedelta(minutes=1):%H:%M}까지", timeout=_MINUTES_MS)
    await alex.say("하나", "둘")
    await expect(_banner(minji)).to_contain_text("2개 보관 중")
    await expect(_toast(minji)).to_contain_text("메시지 2개, 방 1개", timeout=_MINUTES_MS)
    await expect(_banner(minji)).to_have_count(0)
    await minji.open_room(room)
    await minji.sees("시작", "먼저", "하나", "둘")


async def _direct(person: Person, other: Person) -> None:
    await person.page.get_by_role("button", name="새 1:1 대화").click()
    await person.page.get_by_role("searchbox").fill(other.username)
    await person.page.get_by_role("dialog").get_by_role("button", name=other.name).click()
    await person.field.wait_for()


async def test_a_sender_is_warned_and_chooses_whether_it_is_held_or_sounds(newcomer: Newcomer) -> None:
    minji, alex = await newcomer("민지"), await newcomer("Alex", locale="en-US")
    await _direct(minji, alex)
    await minji.say("처음")
    await expect(alex.page.get_by_test_id("unread")).to_have_text("1")
    await _snooze_by_menu(alex, "Quiet hours and snooze", "For 1 hour")

    notice = minji.page.get_by_test_id("peer-quiet")
    await expect(notice).to_contain_text(re.compile(r"Alex 님은 \d\d:\d\d까지 조용한 시간입니다"))
    await minji.say("나중에 봐도 되는 글")
    await expect(_banner(alex)).to_contain_text("1 held")
    await expect(alex.page.get_by_test_id("alert-notice")).to_have_count(0)

    await notice.get_by_text("그래도 보내기", exact=True).click()
    await minji.say("급한 글")
    await minji.page.get_by_role("dialog").get_by_role("button", name="그래도 보내기").click()
    alert = alex.page.get_by_test_id("alert-notice")
    await expect(alert).to_contain_text("민지 sent you a message anyway.")
    await minji.sees("처음", "나중에 봐도 되는 글", "급한 글")
    await alert.get_by_role("button", name="Open", exact=True).click()
    await alex.sees("처음", "나중에 봐도 되는 글", "급한 글")


async def test_who_may_not_send_anyway_is_told_so_and_the_message_can_be_held(newcomer: Newcomer) -> None:
    minji, alex = await newcomer("민지"), await newcomer("Alex", locale="en-US")
    await _direct(minji, alex)
    await minji.say("처음")
    pierce = {"vip": [], "direct_send_anyway": False, "urgent_rooms": False}
    await _call(alex, "PUT", "/me/quiet-hours", {"zone": "Asia/Seoul", "windows": [], "pierce": pierce})
    await _snooze_by_menu(alex, "Quiet hours and snooze", "For 30 minutes")
    await minji.page.get_by_test_id("peer-quiet").get_by_text("그래도 보내기", exact=True).click()
    await minji.say("급한 글")
    await minji.page.get_by_role("dialog").get_by_role("button", name="그래도 보내기").click()
    failed = minji.page.locator('[data-state="failed"]')
    await expect(failed).to_contain_text("‘그래도 보내기’를 받지 않는 사람입니다.")
    await failed.get_by_role("button", name="보관 메시지로 보내기").click()
    await minji.sees("처음", "급한 글")
    await expect(_banner(alex)).to_contain_text("1 held")


async def test_quiet_nights_are_one_tap_away_and_shown_for_the_next_days(newcomer: Newcomer) -> None:
    minji = await newcomer("민지")
    await minji.create_room(f"방 {secrets.token_hex(3)}")
    offer = minji.page.get_by_test_id("quiet-offer")
    await offer.get_by_role("button", name="밤 22:00–07:00").click()
    await expect(offer).to_have_count(0)
    await minji.page.goto("/quiet-hours")
    await expect(minji.page.get_by_test_id("window-rows").get_by_role("listitem")).to_have_count(1)
    days = minji.page.get_by_test_id("quiet-preview").get_by_role("listitem")
    await expect(days).to_have_count(14)
    await expect(days.nth(3)).to_contain_text("00:00–07:00, 22:00–24:00")


async def test_the_week_is_changed_by_mouse_and_keyboard_and_a_conflict_is_told(newcomer: Newcomer) -> None:
    minji = await newcomer("민지")
    page = minji.page
    await page.goto("/quiet-hours")
    body = page.get_by_role("group", name="한 주의 조용한 시간")
    await body.scroll_into_view_if_needed()
    box = await body.bounding_box()
    assert box is not None
    at = [(box["x"] + box["width"] * (day + 0.5) / 7, box["y"] + box["height"] * hour / 24) for day, hour in _DRAWN]
    await page.mouse.move(*at[0])
    await page.mouse.down()
    await page.mouse.move(*at[1], steps=4)
    await page.mouse.up()
    window = body.get_by_role("button")
    await expect(window).to_have_accessible_name("시간 1: 월–금 20:00부터 23:00까지")
    await window.focus()
    for key in ("ArrowDown", "Shift+ArrowDown", "Alt+ArrowUp", "ArrowRight"):
        await page.keyboard.press(key)
    await expect(window).to_have_accessible_name("시간 1: 화–토 20:00부터 23:30까지")

    await _call(minji, "PUT", "/me/quiet-hours", {"zone": "Asia/Seoul", "windows": [], "deliver": "silent"})
    bar = page.get_by_test_id("save-bar")
    await bar.get_by_role("button", name="저장").click()
    await expect(bar).to_contain_text("그사이 다른 곳에서 설정이 바뀌었습니다.")
    await bar.get_by_role("button", name="내 변경으로 저장").click()
    await expect(bar).to_have_count(0)
    await page.reload()
    await expect(window).to_have_accessible_name("시간 1: 화–토 20:00부터 23:30까지")


_DRAWN = ((0, 20), (4, 23))


async def test_no_quiet_screen_breaks_a_rule_of_accessibility(newcomer: Newcomer) -> None:
    minji, alex = await bring_together(newcomer)
    await minji.page.goto("/quiet-hours")
    await minji.page.get_by_test_id("quiet-page").get_by_role("button", name="근무 시간 외").click()
    await minji.page.get_by_test_id("save-bar").get_by_role("button", name="저장").click()
    await expect(minji.page.get_by_test_id("save-bar")).to_have_count(0)
    await _snooze(alex, 3_600)
    for scheme in ("light", "dark"):
        for person in (minji, alex):
            await person.page.emulate_media(color_scheme=scheme)
            assert await breaches(person.page) == []
    await minji.page.set_viewport_size({"width": 360, "height": 640})
    assert await minji.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    await minji.page.goto("/digests")
    await expect(minji.page.get_by_test_id("digests-page")).to_be_visible()
    assert await breaches(minji.page) == []
