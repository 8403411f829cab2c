"""The client on the wire: only valid frames go out, and whatever is lost on the way in or out is made good."""

import json
from collections.abc import Callable
from typing import Any

from playwright.async_api import WebSocket, WebSocketRoute, expect

from kaftalk_protocol import client_frames
from kaftalk_testing.browser import Newcomer, Person, bring_together

Frame = dict[str, Any]
Passes = Callable[[Frame], bool]


async def _filtered(person: Person, *, down: Passes, up: Callable[[Frame], None] | None = None) -> None:
    """Reload her page with a filter before its socket: what `down` refuses never reaches her."""

    def connect(socket: WebSocketRoute) -> None:
        server = socket.connect_to_server()

        def to_server(message: str | bytes) -> None:
            server.send(message)
            if up:
                up(json.loads(message))

        def to_client(message: str | bytes) -> None:
            if down(json.loads(message)):
                socket.send(message)

        socket.on_message(to_server)
        server.on_message(to_client)

    await person.page.route_web_socket("**/ws", connect)
    await person.page.reload()
    await person.field.wait_for()
    await person.page.get_by_role("log").wait_for()


async def test_an_event_that_never_came_is_fetched_when_the_next_one_shows_the_hole(newcomer: Newcomer) -> None:
    minji, alex = await bring_together(newcomer)
    await _filtered(
        alex, down=lambda frame: "사라질 글" not in json.dumps(frame, ensure_ascii=False) or frame["t"] == "page"
    )
    await minji.say("앞 글", "사라질 글")
    await minji.sees("시작", "앞 글", "사라질 글")
    await minji.say("뒤 글")
    await alex.sees("시작", "앞 글", "사라질 글", "뒤 글")


async def test_a_message_whose_ack_was_lost_with_the_connection_is_sent_again_and_shown_once(
    newcomer: Newcomer,
) -> None:
    minji, alex = await bring_together(newcomer)
    stage = "before"

    def note(frame: Frame) -> None:
        nonlocal stage
        if frame["t"] == "send" and stage == "before":
            stage = "silent"

    await _filtered(alex, up=note, down=lambda frame: stage != "silent" or frame["t"] not in ("ack", "event"))
    await alex.say("한 번만")
    await expect(minji.message("한 번만")).to_have_count(1)
    await expect(alex.page.get_by_test_id("delivery")).to_have_attribute("data-state", "sending")
    stage = "after"
    await alex.page.reload()
    await alex.sees("시작", "한 번만")
    await minji.sees("시작", "한 번만")


async def test_only_a_definite_refusal_fails_a_message_and_a_retry_sends_it_as_a_new_one(newcomer: Newcomer) -> None:
    minji, alex = await bring_together(newcomer)
    refusing = True

    def connect(socket: WebSocketRoute) -> None:
        server = socket.connect_to_server()

        def to_server(message: str | bytes) -> None:
            frame = json.loads(message)
            if frame["t"] == "send" and refusing:
                socket.send(
                    json.dumps({"t": "error", "id": frame["id"], "code": "archived", "detail": "it is archived"})
                )
            else:
                server.send(message)

        socket.on_message(to_server)
        server.on_message(socket.send)

    await alex.page.route_web_socket("**/ws", connect)
    await alex.page.reload()
    await alex.page.get_by_role("log").wait_for()
    await alex.say("다시 보낼 글")
    failed = alex.page.locator('[data-state="failed"]')
    await expect(failed).to_contain_text("The room is archived.")
    await alex.page.reload()
    await expect(failed).to_have_count(1)
    refusing = False
    await failed.get_by_role("button", name="Retry").click()
    await alex.sees("시작", "다시 보낼 글")
    await minji.sees("시작", "다시 보낼 글")


async def test_every_frame_that_the_client_sends_is_a_frame_of_the_contract(newcomer: Newcomer) -> None:
    minji, alex = await bring_together(newcomer)
    sent: list[str] = []
    answers: list[Frame] = []

    def listen(socket: WebSocket) -> None:
        socket.on("framesent", lambda text: sent.append(str(text)))
        socket.on("framereceived", lambda text: answers.append(json.loads(text)))

    alex.page.on("websocket", listen)
    await alex.page.reload()
    await alex.field.wait_for()
    await alex.field.press_sequentially("적는 중")
    await alex.field.press("Enter")
    await alex.message("적는 중").hover()
    await alex.message("적는 중").get_by_role("button", name="Edit").click()
    await alex.page.locator(".editor textarea").fill(f"고침 @{minji.username}")
    await alex.page.locator(".editor textarea").press("Enter")
    await alex.message("고침").hover()
    await alex.message("고침").get_by_role("button", name="Add reaction").click()
    await alex.message("고침").get_by_role("button", name="✅").click()
    await expect(alex.message("고침").locator(".reactions")).to_be_visible()
    await alex.message("고침").get_by_role("button", name="Delete").click()
    await alex.page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    await expect(alex.message("This message was deleted.")).to_be_visible()

    kinds = {client_frames.parse(text).t for text in sent}
    assert kinds >= {"hello", "send", "edit", "react", "delete", "typing", "focus", "active", "watch"}
    assert [frame for frame in answers if frame["t"] == "error"] == []
