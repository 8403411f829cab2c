"""What one may do with rooms and with one's own account, in the browser."""

import secrets

from playwright.async_api import Browser, expect

from kaftalk_testing.browser import Newcomer, Person, sign_in


async def choose(person: Person, choice: str) -> None:
    """Open the room's menu and choose."""
    await person.page.get_by_role("button", name="대화방 메뉴").click()
    await person.page.get_by_role("menuitem", name=choice).click()


async def test_a_muted_room_says_so_until_it_is_unmuted(newcomer: Newcomer) -> None:
    minji = await newcomer("민지")
    room = await minji.create_room(f"잡담 {secrets.token_hex(3)}")
    await choose(minji, "알림 끄기")
    await minji.page.get_by_role("button", name="8시간 동안").click()
    await expect(minji.line(room).get_by_label("알림 꺼짐")).to_be_visible()
    await choose(minji, "알림 끄기")
    await expect(minji.page.get_by_text("까지 알림 꺼짐")).to_be_visible()
    await minji.page.get_by_role("button", name="알림 켜기").click()
    await expect(minji.line(room).get_by_label("알림 꺼짐")).to_have_count(0)


async def test_an_archived_room_is_read_only_until_it_is_opened_again(newcomer: Newcomer) -> None:
    minji, alex = await newcomer("민지"), await newcomer("Alex", locale="en-US")
    name = f"프로젝트 {secrets.token_hex(3)}"
    await minji.create_room(name)
    await alex.find_room(name)
    await minji.say("끝")
    await choose(minji, "대화방 보관")
    await minji.page.get_by_role("dialog").get_by_role("button", name="대화방 보관").click()
    await expect(alex.field).to_have_count(0)
    await expect(alex.message("끝")).to_be_visible()
    await choose(minji, "보관한 대화방 다시 열기")
    await alex.say("again")
    await expect(minji.message("again")).to_be_visible()


async def test_a_banned_person_cannot_join_again(newcomer: Newcomer) -> None:
    minji, alex = await newcomer("민지"), await newcomer("Alex", locale="en-US")
    name = f"공개 {secrets.token_hex(3)}"
    await minji.create_room(name)
    await alex.find_room(name)
    await minji.page.get_by_test_id("members-button").click()
    await minji.page.locator(f'[data-user="{alex.username}"]').get_by_role("button", name="Alex 내보내기").click()
    dialog = minji.page.get_by_role("dialog")
    await dialog.get_by_role("checkbox").check()
    await dialog.get_by_role("button", name="Alex 내보내기").click()
    await expect(alex.field).to_have_count(0)
    await alex.page.get_by_role("button", name="Find rooms").first.click()
    await alex.page.get_by_role("searchbox").fill(name)
    await alex.page.get_by_role("dialog").get_by_role("listitem").filter(has_text=name).get_by_role("button").click()
    await expect(alex.page.get_by_text("You may not do this.")).to_be_visible()


async def test_one_changes_name_and_password_and_ends_other_sessions(newcomer: Newcomer, chromium: Browser) -> None:
    minji, alex = await newcomer("민지"), await newcomer("Alex", locale="en-US")
    name = f"인사 {secrets.token_hex(3)}"
    await minji.create_room(name)
    await alex.find_room(name)
    await minji.say("안녕")
    phone = await sign_in(chromium, minji)

    await minji.page.get_by_role("button", name="계정 설정").click()
    page = minji.page.get_by_test_id("account-page")
    await page.get_by_label("표시 이름").fill("김민지")
    await page.get_by_role("button", name="저장").click()
    await expect(alex.page.get_by_text("김민지").first).to_be_visible()

    await expect(minji.page.get_by_test_id("sessions").get_by_role("listitem")).to_have_count(2)
    await page.get_by_label("현재 비밀번호").fill("not this one, sorry")
    await page.get_by_label("새 비밀번호").fill("a better one for me")
    await page.get_by_role("button", name="비밀번호 변경").click()
    await expect(page.get_by_text("현재 비밀번호가 올바르지 않습니다.")).to_be_visible()
    await page.get_by_label("현재 비밀번호").fill(minji.password)
    await page.get_by_role("button", name="비밀번호 변경").click()
    await expect(phone.page.get_by_text("세션이 끝났습니다")).to_be_visible()
    await expect(page.get_by_role("status").last).to_have_text("저장했습니다.")
    await expect(minji.page.get_by_test_id("sessions").get_by_role("listitem")).to_have_count(1)
    await phone.context.close()


async def test_who_deletes_the_account_is_signed_out_and_gone_from_the_room(newcomer: Newcomer) -> None:
    minji, alex = await newcomer("민지"), await newcomer("Alex")
    name = f"작별 {secrets.token_hex(3)}"
    await minji.create_room(name)
    await alex.find_room(name)
    await alex.page.get_by_role("button", name="계정 설정").click()
    await alex.page.get_by_role("button", name="계정 삭제").click()
    await alex.page.get_by_role("dialog").get_by_role("button", name="계정 삭제").click()
    await expect(alex.page.locator("input[name=username]")).to_be_visible()
    await expect(minji.page.get_by_text("님이 나갔습니다.").last).to_be_visible()
