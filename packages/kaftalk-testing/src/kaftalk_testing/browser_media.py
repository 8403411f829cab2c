"""What people do with pictures, voice and files at a browser."""

import base64

from playwright.async_api import FilePayload, Locator, expect

from kaftalk_testing.browser import Person

_MAKE_TRANSFER = """({ files }) => {
    const transfer = new DataTransfer();
    for (const { name, type, content } of files) {
        const bytes = Uint8Array.from(atob(content), (character) => character.charCodeAt(0));
        transfer.items.add(new File([bytes], name, { type }));
    }
    return transfer;
}"""


def file(name: str, content_type: str, content: bytes) -> FilePayload:
    """Return a file on a person's disk."""
    return {"name": name, "mimeType": content_type, "buffer": content}


async def choose(person: Person, *files: FilePayload) -> None:
    """Choose files with the dialog of the browser."""
    await person.page.get_by_test_id("file-input").set_input_files(list(files))


async def paste(person: Person, *files: FilePayload) -> None:
    """Paste files into the field."""
    transfer = await _transfer(person, *files)
    event = "(field, data) => field.dispatchEvent(new ClipboardEvent('paste', {clipboardData: data, bubbles: true}))"
    await person.field.evaluate(event, transfer)


async def drag(person: Person, *files: FilePayload, drop: bool) -> None:
    """Drag files over the messages, and drop them there."""
    transfer = await _transfer(person, *files)
    log = person.page.get_by_role("log")
    for kind in ("dragenter", "dragover", *(["drop"] if drop else [])):
        await log.dispatch_event(kind, {"dataTransfer": transfer})


async def _transfer(person: Person, *files: FilePayload) -> object:
    encoded = [
        {"name": one["name"], "type": one["mimeType"], "content": base64.b64encode(one["buffer"]).decode()}
        for one in files
    ]
    return await person.page.evaluate_handle(_MAKE_TRANSFER, {"files": encoded})


async def send(person: Person, text: str = "") -> None:
    """Send what is attached, with a text."""
    await person.field.fill(text)
    await person.field.press("Enter")
    await expect(person.page.get_by_test_id("tray")).to_have_count(0)


def ready(person: Person, kind: str) -> Locator:
    """Return the pictures, voice messages or files (`picture`, `voice`, `file`) that are ready in the open room."""
    return person.page.locator(f'[data-testid="{kind}"][data-status="ready"]')


def tray(person: Person, state: str) -> Locator:
    """Return what is attached and in a state: `stored`, `sending`, `failed`."""
    return person.page.get_by_test_id("tray").locator(f'[data-state="{state}"]')


async def record(person: Person, *, seconds: float) -> Locator:
    """Record with the microphone, hands-free, and return the bar with what was recorded."""
    await person.page.locator(".mic").focus()
    await person.page.keyboard.press("Enter")
    bar = person.page.get_by_test_id("recording")
    question = person.page.get_by_role("dialog").locator("button.primary")
    await expect(bar.or_(question)).to_be_visible()
    if await question.count():
        await question.click()
    timer = bar.get_by_role("timer")
    await expect(timer).to_have_text(f"0:{int(seconds):02}", timeout=30_000)
    await person.page.keyboard.press("Enter")
    preview = person.page.get_by_test_id("recording-preview")
    await expect(preview).to_be_visible()
    return preview
