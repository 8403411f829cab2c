"""Messages, history and read cursors over REST."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from kaftalk_protocol import redis_keys
from kaftalk_protocol.ids import UserId
from kaftalk_protocol.quiet_state import HoldPlan, QuietState
from kaftalk_rooms.settings import RoomsSettings
from kaftalk_runtime.redis_client import open_redis
from kaftalk_testing.account import Account

NewAccount = Callable[[], Awaitable[Account]]


async def _send(account: Account, room: str, text: str, **more: Any) -> int:
    stored = await account.call("POST", f"/rooms/{room}/messages", json={"text": text, **more})
    assert stored["epoch"] == 0
    return int(stored["seq"])


async def test_what_is_sent_is_read_and_counted(new_account: NewAccount) -> None:
    one, other = await new_account(), await new_account()
    room = (await one.room(member_ids=[other.id]))["id"]
    first = await _send(one, room, "안녕")
    second = await _send(one, room, "잘 지냈어?", mentions=[other.id], reply_to=first)
    page = await other.call("GET", f"/rooms/{room}/messages")
    assert [item["e"].get("text") for item in page["items"]] == [None, "안녕", "잘 지냈어?"]
    assert (page["from"], page["to"], page["as_of"], page["has_before"], page["has_after"]) == (
        page["from"], second, second, False, False,
    )  # fmt: skip
    entry = (await other.call("GET", "/rooms"))["items"][0]
    assert (entry["unread"], entry["mentions"], entry["head"]) == (2, 1, second)
    await other.call("PUT", f"/rooms/{room}/read", json={"seq": second})
    entry = (await other.call("GET", "/rooms"))["items"][0]
    assert (entry["unread"], entry["mentions"], entry["read_seq"]) == (0, 0, second)
    assert await one.call("GET", f"/rooms/{room}/messages/{first}/readers") == {"count": 1}
    too_far = await other.ask("PUT", f"/rooms/{room}/read", json={"seq": second + 1})
    assert too_far.status_code == 422


async def test_in_a_hold_rooms_are_listed_with_what_was_said_before_it(
    new_account: NewAccount, rooms_settings: RoomsSettings
) -> None:
    one, other = await new_account(), await new_account()
    room = (await one.room(member_ids=[other.id]))["id"]
    before = await _send(one, room, "자기 전에")
    shown = (await other.call("GET", f"/rooms/{room}/messages/{before}"))["ts"]
    plan = HoldPlan(start_ms=shown + 1, end_ms=shown + 60_000, release_id="a" * 32, deliver="hold")
    state = QuietState(user=UserId(other.id), version=1, hold=plan)
    redis = open_redis(rooms_settings.redis_url)
    await redis.run("SET", redis_keys.quiet(state.user), state.encode())
    await redis.close()
    await asyncio.sleep(0.01)
    held = await _send(one, room, "한밤중에", mentions=[other.id])

    mine, theirs = [(await account.call("GET", "/rooms"))["items"][0] for account in (one, other)]

    assert [entry["last_event"]["e"]["text"] for entry in (mine, theirs)] == ["한밤중에", "자기 전에"]
    assert (theirs["unread"], theirs["mentions"], theirs["head"]) == (2, 1, held)
    page = await other.call("GET", f"/rooms/{room}/messages")
    assert page["items"][-1]["seq"] == held, "one's own look goes beyond the hold"


async def test_a_repeat_with_a_key_is_stored_once(new_account: NewAccount) -> None:
    owner = await new_account()
    room = (await owner.room())["id"]
    headers = {"Idempotency-Key": "send-1"}
    path, body = f"/rooms/{room}/messages", {"text": "한 번만"}
    answers = await asyncio.gather(*(owner.ask("POST", path, json=body, headers=headers) for _ in range(4)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["seq"] for answer in answers}) == 1
    other = await owner.ask("POST", path, json={"text": "다른 말"}, headers=headers)
    assert other.status_code == 409
    assert len((await owner.call("GET", path))["items"]) == 2


async def test_authors_edit_and_moderators_delete(new_account: NewAccount) -> None:
    owner, author = await new_account(), await new_account()
    room = (await owner.room(member_ids=[author.id]))["id"]
    seq = await _send(author, room, "오타입니더")
    path = f"/rooms/{room}/messages/{seq}"
    assert (await owner.ask("PATCH", path, json={"text": "내 말"})).status_code == 403
    edited = await author.call("PATCH", path, json={"text": "오타입니다"})
    assert edited["e"]["text"] == "오타입니다"
    assert edited["e"]["edited"]["seq"] > seq
    again = await author.call("PATCH", path, json={"text": "오타입니다"})
    assert again["e"]["edited"] == edited["e"]["edited"]
    assert (await owner.ask("DELETE", path)).status_code == 204
    assert (await author.ask("DELETE", path)).status_code == 204
    assert (await author.ask("PATCH", path, json={"text": "늦었다"})).json()["code"] == "gone"
    item = await author.call("GET", path)
    assert item["e"]["k"] == "deleted"
    assert item["e"]["deleted_by"] == owner.id


async def test_reactions_are_counted_once_each(new_account: NewAccount) -> None:
    one, other = await new_account(), await new_account()
    room = (await one.room(member_ids=[other.id]))["id"]
    seq = await _send(one, room, "축하해요")
    for account in (one, other, one):
        await account.call("PUT", f"/rooms/{room}/messages/{seq}/reactions/🎉")
    shown = (await other.call("GET", f"/rooms/{room}/messages/{seq}"))["e"]["reactions"]
    assert shown == [{"emoji": "🎉", "count": 2, "me": True}]
    await other.call("DELETE", f"/rooms/{room}/messages/{seq}/reactions/🎉")
    shown = (await other.call("GET", f"/rooms/{room}/messages/{seq}"))["e"]["reactions"]
    assert shown == [{"emoji": "🎉", "count": 1, "me": False}]
    assert (await other.ask("PUT", f"/rooms/{room}/messages/{seq}/reactions/abc")).status_code == 422


async def test_later_members_read_only_from_their_joining_if_the_room_says_so(new_account: NewAccount) -> None:
    owner, late = await new_account(), await new_account()
    room = (await owner.room(history="since_join"))["id"]
    early = await _send(owner, room, "우리끼리")
    await late.join(room)
    await _send(owner, room, "어서 와")
    page = await late.call("GET", f"/rooms/{room}/messages")
    assert [item["e"].get("text") for item in page["items"]] == [None, "어서 와"]
    assert (await late.ask("GET", f"/rooms/{room}/messages/{early}")).status_code == 404
    assert (await late.ask("PUT", f"/rooms/{room}/messages/{early}/reactions/👀")).status_code == 404


async def test_one_who_left_reads_and_sends_no_more(new_account: NewAccount) -> None:
    owner, guest = await new_account(), await new_account()
    room = (await owner.room(member_ids=[guest.id]))["id"]
    seq = await _send(guest, room, "안녕히")
    await guest.call("POST", f"/rooms/{room}/leave")
    assert (await guest.ask("GET", f"/rooms/{room}/messages/{seq}")).status_code == 403
    assert (await guest.ask("POST", f"/rooms/{room}/messages", json={"text": "또"})).status_code == 403
    assert (await guest.ask("DELETE", f"/rooms/{room}/messages/{seq}")).status_code == 403
    assert (await guest.ask("GET", f"/rooms/{room}/messages/{seq}/readers")).status_code == 403


@pytest.mark.parametrize(
    "body",
    [
        {"text": ""},
        {"text": "x" * 4001},
        {"text": "\x00"},
        {"text": "x", "media": ["00000000-0000-4000-8000-000000000000"]},
        {"text": "x", "reply_to": 99},
        {"text": "x", "extra": 1},
        {"text": "x", "mentions": ["nobody"]},
        {"text": 1},
    ],
    ids=str,
)
async def test_a_bad_message_is_invalid(new_account: NewAccount, body: dict[str, Any]) -> None:
    owner = await new_account()
    room = (await owner.room())["id"]
    answer = await owner.ask("POST", f"/rooms/{room}/messages", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")


@pytest.mark.parametrize("seq", ["x", "-1", "01", "1.0", "99999999999999999999", "9007199254740992", "%20"])
async def test_a_bad_seq_is_not_found(new_account: NewAccount, seq: str) -> None:
    owner = await new_account()
    room = (await owner.room())["id"]
    assert (await owner.ask("GET", f"/rooms/{room}/messages/{seq}")).status_code == 404


async def test_pages_meet_without_a_hole(new_account: NewAccount) -> None:
    owner = await new_account()
    room = (await owner.room())["id"]
    sent = [await _send(owner, room, str(number)) for number in range(7)]
    seen: list[int] = []
    before: dict[str, int] = {}
    while True:
        page = await owner.call("GET", f"/rooms/{room}/messages", params={"limit": 3, **before})
        seen = [item["seq"] for item in page["items"]] + seen
        if not page["has_before"]:
            break
        before = {"before": page["items"][0]["seq"]}
    assert seen == [0, *sent]
    around = await owner.call("GET", f"/rooms/{room}/messages", params={"around": sent[3], "limit": 3})
    assert sent[3] in [item["seq"] for item in around["items"]]
    assert (await owner.ask("GET", f"/rooms/{room}/messages?before=1&after=1")).status_code == 422
