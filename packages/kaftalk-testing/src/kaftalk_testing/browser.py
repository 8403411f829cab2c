"""People at real browsers: Chromium on the web client of a running stack."""

import itertools
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

from playwright.async_api import Browser, BrowserContext, Locator, Page, async_playwright, expect

from kaftalk_testing.tools import CHROMIUM, KOREAN_FONT, ensure, repository, require

_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # A microphone that beeps, for whoever asks.
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
]
_PASSWORD = "every browser has one"
_PATIENCE_MS = 15_000
"""How long a page may take to show what is expected: two cores run browsers, brokers and services."""
_names = itertools.count(1)
_RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]


@asynccontextmanager
async def run_chromium() -> AsyncIterator[Browser]:
    """Run the machine's Chromium, headless."""
    ensure(CHROMIUM)
    ensure(KOREAN_FONT)
    expect.set_options(timeout=_PATIENCE_MS)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=require(CHROMIUM), args=_FLAGS)
        yield browser
        await browser.close()


@dataclass
class Person:
    """Somebody with an account, and a page on which she is signed in."""

    name: str
    username: str
    context: BrowserContext
    page: Page
    password: str = _PASSWORD

    async def create_room(self, name: str, kind: str = "public") -> str:
        """Create a room on the page and return its id."""
        await self.page.get_by_role("navigation").locator("header button").last.click()
        dialog = self.page.get_by_role("dialog")
        await dialog.locator("input[name=name]").fill(name)
        await dialog.locator(f"input[value={kind}]").check()
        await dialog.locator("button[type=submit]").click()
        await expect(dialog).to_have_count(0)
        await self._in_room()
        return self.page.url.rpartition("/")[2]

    async def find_room(self, name: str) -> None:
        """Search the directory for a public room and join it."""
        await self.page.get_by_role("navigation").locator("header button").first.click()
        dialog = self.page.get_by_role("dialog")
        await dialog.get_by_role("searchbox").fill(name)
        await dialog.get_by_role("listitem").filter(has_text=name).get_by_role("button").click()
        await expect(dialog).to_have_count(0)
        await self._in_room()

    async def open_room(self, room: str) -> None:
        """Open one of her rooms from the list."""
        await self.line(room).click()
        await self._in_room()

    async def _in_room(self) -> None:
        await self.field.wait_for()
        await self.page.get_by_role("log").wait_for()

    async def home(self) -> None:
        """Go to the list of rooms."""
        await self.page.goto("/")
        await expect(self.page.get_by_test_id("rooms")).to_be_attached()

    async def say(self, *texts: str) -> None:
        """Write messages into the open room."""
        for text in texts:
            await self.field.fill(text)
            await self.field.press("Enter")

    async def sees(self, *texts: str) -> None:
        """Wait until the messages, all of them, are exactly these, none still on its way."""
        await expect(self.page.locator("article .text")).to_have_text(list(texts))
        await expect(self.page.get_by_test_id("delivery")).to_have_count(0)

    def message(self, text: str) -> Locator:
        """Return the message with a text."""
        return self.page.get_by_test_id("message").filter(has_text=text)

    async def act(self, text: str, button: str) -> None:
        """Press a button of the first message with a text, by focus: a mouse loses what moves away under it."""
        message = self.message(text).first
        await message.focus()
        await message.get_by_role("button", name=button).click()

    def line(self, room: str) -> Locator:
        """Return a room's line in the list."""
        return self.page.locator(f'[data-room="{room}"]')

    @property
    def field(self) -> Locator:
        """Return the field in which one writes."""
        return self.page.locator("form textarea")


Newcomer = Callable[..., Awaitable[Person]]
"""Signs somebody up under a name; takes the options of `sign_up`."""


async def sign_up(browser: Browser, url: str, name: str, locale: str = "ko-KR", width: int = 1100) -> Person:
    """Make an account in a browser window of its own, and sign in."""
    context = await browser.new_context(base_url=url, locale=locale, viewport={"width": width, "height": 720})
    page = await context.new_page()
    username = f"web-{next(_names)}-{secrets.token_hex(3)}"
    await page.goto("/")
    await page.locator(".card > button").click()
    await page.locator("input[name=username]").fill(username)
    await page.locator("input[name=display_name]").fill(name)
    await page.locator("input[name=password]").fill(_PASSWORD)
    await page.locator("form button[type=submit]").click()
    await expect(page.get_by_test_id("rooms")).to_be_attached()
    return Person(name, username, context, page)


async def sign_in(browser: Browser, person: Person) -> Person:
    """Sign the person in on a second device."""
    context = await browser.new_context(base_url=origin(person.page.url), locale="ko-KR")
    page = await context.new_page()
    await page.goto("/")
    await page.locator("input[name=username]").fill(person.username)
    await page.locator("input[name=password]").fill(person.password)
    await page.locator("form button[type=submit]").click()
    await expect(page.get_by_test_id("rooms")).to_be_attached()
    return Person(person.name, person.username, context, page)


def origin(url: str) -> str:
    """Return scheme, host and port of an address."""
    return "{0.scheme}://{0.netloc}".format(urlsplit(url))


async def bring_together(newcomer: Newcomer) -> tuple[Person, Person]:
    """Sign up two people, one in Korean and one in English, who have read one message in a new public room."""
    minji, alex = await newcomer("민지"), await newcomer("Alex", locale="en-US")
    name = f"대화 {secrets.token_hex(3)}"
    await minji.create_room(name)
    await alex.find_room(name)
    await minji.say("시작")
    await alex.sees("시작")
    return minji, alex


async def breaches(page: Page) -> list[str]:
    """List the rules of WCAG 2.2 AA that a page breaks, as far as axe-core can tell."""
    await page.evaluate((repository() / "web/node_modules/axe-core/axe.min.js").read_text())
    found = await page.evaluate("(rules) => axe.run(document, { runOnly: rules })", _RULES)
    return [f"{one['id']}: {one['nodes'][0]['html']}" for one in found["violations"]]
