"""Who looks elsewhere is told by her system of what speaks to her, if she wants; in quiet hours she is not."""

import re

from playwright.async_api import Locator, expect

from kaftalk_testing.browser import Newcomer, Person, breaches, bring_together, origin

_RECORD = """
window.Notification = class extends Notification {
  constructor(title, options) {
    super(title, options);
    const { dataset } = document.documentElement;
    dataset.shown = [dataset.shown, `${title}: ${options.body}`].filter(Boolean).join("\\n");
  }
};
"""


async def test_who_looks_elsewhere_is_told_of_a_direct_message_after_she_was_asked(newcomer: Newcomer) -> None:
    minji, alex = await _one_may_be_told(newcomer)
    await minji.home()
    offer = minji.page.get_by_test_id("notice-offer")
    await minji.page.get_by_test_id("quiet-offer").get_by_role("button", name="나중에").click()
    await expect(offer).to_have_count(0)
    await _talk_alone(alex, minji)
    await offer.get_by_role("button", name="켜기").click()
    await expect(offer).to_have_count(0)
    await _look_elsewhere(minji)
    await alex.say("여기예요")
    await expect(_shown(minji)).to_have_attribute("data-shown", "Alex: 여기예요")
    await expect(minji.page).to_have_title("(1) Kaftalk")
    await expect(minji.page.locator("link[rel=icon]")).to_have_attribute("href", "/icon-unread.svg")
    await minji.page.bring_to_front()
    await minji.page.get_by_role("link", name="Alex").click()
    await expect(minji.page).to_have_title("Alex · Kaftalk")
    await expect(minji.page.locator("link[rel=icon]")).to_have_attribute("href", "/icon.svg")


async def test_quiet_hours_keep_notices_down_and_tell_once_when_they_end(newcomer: Newcomer) -> None:
    minji, alex = await _one_may_be_told(newcomer)
    await minji.page.goto("/account")
    choice = minji.page.get_by_test_id("notice-choice")
    await choice.get_by_label("모든 메시지").check()
    assert await breaches(minji.page) == []
    await minji.page.get_by_role("button", name="조용한 시간과 잠시 조용히").click()
    await minji.page.get_by_role("menuitem", name="30분 동안").click()
    await expect(minji.page.get_by_test_id("quiet-banner")).to_be_visible()
    await _look_elsewhere(minji)
    await alex.say("하나", f"@{minji.username} 둘")
    await expect(minji.page.get_by_test_id("quiet-text")).to_contain_text("2개")
    await expect(minji.page).to_have_title("내 계정 · Kaftalk")
    await expect(_shown(minji)).not_to_have_attribute("data-shown", re.compile("."))
    # A click of the mouse would bring her back to the page.
    await minji.page.get_by_test_id("quiet-banner").get_by_role("button").first.evaluate("button => button.click()")
    await expect(minji.page.get_by_test_id("release-toast")).to_be_visible()
    await expect(_shown(minji)).to_have_attribute(
        "data-shown", re.compile(r"^조용한 시간에 온 메시지: 메시지 2개[^\n]*$")
    )


async def _one_may_be_told(newcomer: Newcomer) -> tuple[Person, Person]:
    minji, alex = await bring_together(newcomer)
    await minji.context.grant_permissions(["notifications"], origin=origin(minji.page.url))
    await minji.context.add_init_script(_RECORD)
    return minji, alex


async def _look_elsewhere(person: Person) -> None:
    """Turn to another tab of the same browser."""
    devtools = await person.context.new_cdp_session(person.page)
    await devtools.send("Emulation.setFocusEmulationEnabled", {"enabled": False})
    await (await person.context.new_page()).bring_to_front()
    await person.page.evaluate("document.hasFocus() && new Promise((done) => addEventListener('blur', () => done()))")


def _shown(person: Person) -> Locator:
    """The element that carries what her system has shown."""
    return person.page.locator("html")


async def _talk_alone(person: Person, other: Person) -> None:
    await person.page.get_by_role("navigation").get_by_role("button", name="New direct message").click()
    await person.page.get_by_role("searchbox").fill(other.username)
    await person.page.get_by_role("dialog").get_by_role("button", name=other.name).click()
    await expect(person.page.get_by_role("heading", name=other.name)).to_be_visible()
