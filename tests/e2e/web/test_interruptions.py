"""What is written during an interruption arrives once, in order, and nothing of the others is missed."""

from playwright.async_api import expect

from kaftalk_testing.browser import Newcomer, bring_together
from kaftalk_testing.stack import Stack


async def test_a_browser_that_was_offline_catches_up_and_sends_what_was_written_meanwhile(newcomer: Newcomer) -> None:
    minji, alex = await bring_together(newcomer)
    await alex.context.set_offline(True)
    await expect(alex.page.get_by_test_id("connection-banner")).to_be_visible(timeout=30_000)
    await minji.say("터널에 있어요?", "대답이 없네")
    await alex.say("이제 나왔어요", "다시 됩니다")
    await expect(alex.page.get_by_test_id("delivery")).to_have_count(2)

    await alex.context.set_offline(False)
    said = ["시작", "터널에 있어요?", "대답이 없네", "이제 나왔어요", "다시 됩니다"]
    await alex.sees(*said)
    await minji.sees(*said)


async def test_unsent_messages_survive_a_reload_and_arrive_once(newcomer: Newcomer) -> None:
    minji, alex = await bring_together(newcomer)
    await alex.page.route("**/api/v1/auth/ws-ticket", lambda route: route.abort())
    await alex.page.reload()
    await alex.field.wait_for()
    await alex.say("하나", "둘", "셋")
    await expect(alex.page.get_by_test_id("delivery")).to_have_count(3)

    await alex.page.reload()
    await expect(alex.page.get_by_test_id("delivery")).to_have_count(3)
    await alex.page.unroute("**/api/v1/auth/ws-ticket")
    said = ["시작", "하나", "둘", "셋"]
    await minji.sees(*said)
    await alex.sees(*said)


async def test_messages_that_a_closed_tab_left_are_sent_by_the_next(newcomer: Newcomer) -> None:
    minji, alex = await bring_together(newcomer)
    await alex.page.route("**/api/v1/auth/ws-ticket", lambda route: route.abort())
    await alex.page.reload()
    await alex.field.wait_for()
    await alex.say("닫기 전에")
    await expect(alex.page.get_by_test_id("delivery")).to_have_count(1)
    await alex.page.close()
    await expect(minji.message("닫기 전에")).to_have_count(0)

    next_tab = await alex.context.new_page()
    await next_tab.goto("/")
    await expect(minji.message("닫기 전에")).to_have_count(1)


async def test_two_tabs_have_streams_of_their_own_even_when_one_is_a_copy_of_the_other(newcomer: Newcomer) -> None:
    minji, alex = await bring_together(newcomer)
    async with alex.context.expect_page() as opened:
        await alex.page.evaluate("window.open(location.href)")
    copy = await opened.value
    await copy.locator("form textarea").fill("둘째 창")
    await copy.locator("form textarea").press("Enter")
    await expect(minji.message("둘째 창")).to_be_visible()
    await alex.say("첫째 창")
    said = ["시작", "둘째 창", "첫째 창"]
    await minji.sees(*said)
    await alex.sees(*said)
    streams = [await page.evaluate("sessionStorage.getItem('kaftalk.stream')") for page in (alex.page, copy)]
    assert len(set(streams)) == 2


async def test_a_gateway_that_dies_is_left_for_another_and_nothing_is_lost(
    newcomer: Newcomer, breakable_stack: Stack
) -> None:
    minji, alex = await bring_together(newcomer)
    breakable_stack.kill("gateway", 0)
    await minji.say("아직 있어요?")
    await alex.say("네, 있어요")
    for person in (minji, alex):
        await expect(person.message("아직 있어요?")).to_have_count(1, timeout=30_000)
        await expect(person.message("네, 있어요")).to_have_count(1, timeout=30_000)
        await expect(person.page.get_by_test_id("delivery")).to_have_count(0)


async def test_who_signs_out_with_something_unsent_is_asked_first(newcomer: Newcomer) -> None:
    _, alex = await bring_together(newcomer)
    sign_out, dialog = alex.page.get_by_role("button", name="Sign out"), alex.page.get_by_role("dialog")
    await alex.page.route("**/api/v1/auth/ws-ticket", lambda route: route.abort())
    await alex.page.reload()
    await alex.field.wait_for()
    await alex.say("not sent yet")
    await expect(alex.page.get_by_test_id("delivery")).to_have_count(1)
    await sign_out.click()
    await expect(dialog).to_contain_text("1 message has not been sent yet")
    await dialog.get_by_role("button", name="Cancel").click()
    await expect(alex.page.get_by_test_id("delivery")).to_have_count(1)
    await sign_out.click()
    await dialog.get_by_role("button", name="Sign out").click()
    await expect(alex.page.locator("input[name=username]")).to_be_visible()


async def test_what_one_was_writing_is_kept_in_its_room_and_from_the_next_person(newcomer: Newcomer) -> None:
    minji, alex = await bring_together(newcomer)
    room = alex.page.url.rpartition("/")[2]
    await alex.field.fill("half a thought")
    await alex.page.reload()
    await expect(alex.field).to_have_value("half a thought")
    await alex.page.get_by_role("button", name="Sign out").click()
    await alex.page.locator("input[name=username]").fill(minji.username)
    await alex.page.locator("input[name=password]").fill(minji.password)
    await alex.page.locator("form button[type=submit]").click()
    await alex.open_room(room)
    await expect(alex.field).to_have_value("")
