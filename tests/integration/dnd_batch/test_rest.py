"""Quiet hours over REST: what is set, refused and answered (the contract's paragraph on quiet hours)."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import pytest_asyncio

from kaftalk_testing.account import Account
from kaftalk_testing.stack import Stack

pytestmark = pytest.mark.slow

NIGHTS: dict[str, Any] = {"days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"], "start": "22:00", "end": "07:00"}
SEOUL: dict[str, Any] = {"zone": "Asia/Seoul", "windows": [NIGHTS]}
DEFAULTS: dict[str, Any] = {
    "zone_mode": "fixed", "holidays": None, "exceptions": [], "away": None, "deliver": "hold", "share": True,
    "pierce": {"vip": [], "direct_send_anyway": True, "urgent_rooms": False},
}  # fmt: skip


@pytest_asyncio.fixture
async def me(stack: Stack) -> AsyncIterator[Account]:
    async with httpx.AsyncClient(base_url=stack.url, timeout=20) as http:
        yield await Account.register(http)


def _in(**ahead: float) -> str:
    return (datetime.now(UTC) + timedelta(**ahead)).isoformat().replace("+00:00", "Z")


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _fields(answer: httpx.Response) -> list[str]:
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    return [error["field"] for error in answer.json()["errors"]]


async def test_without_a_profile_the_default_is_in_force_and_has_a_tag(me: Account) -> None:
    answer = await me.ask("GET", "/me/quiet-hours")
    shown = answer.json()
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    assert answer.headers["etag"]
    assert shown | DEFAULTS == shown
    assert (shown["windows"], shown["zone"], shown["origin"]) == ([], "UTC", "org")
    assert (shown["active"], shown["until"], shown["next_start"], shown["updated_at"]) == (False, None, None, None)


async def test_what_is_put_is_in_force_with_the_defaults(me: Account) -> None:
    put = await me.ask("PUT", "/me/quiet-hours", json=SEOUL)
    got = await me.ask("GET", "/me/quiet-hours")
    assert put.status_code == 200
    assert (put.json()["windows"], put.json()["zone"]) == ([NIGHTS | {"label": None}], "Asia/Seoul")
    assert put.json() | DEFAULTS | {"origin": "user"} == put.json()
    assert put.json()["next_start"] or put.json()["active"]
    assert (got.headers["etag"], got.json()["windows"]) == (put.headers["etag"], put.json()["windows"])


async def test_everything_of_a_profile_comes_back_and_can_be_put_again(me: Account) -> None:
    profile = {
        "zone": "America/New_York",
        "zone_mode": "follow_device",
        "windows": [NIGHTS | {"label": "밤"}, {"days": ["sat"], "start": "13:00", "end": "24:00", "label": None}],
        "holidays": "US",
        "exceptions": [{"date": "2027-12-24", "kind": "quiet"}, {"date": "2027-12-31", "kind": "no_quiet"}],
        "away": {"from": "2027-08-01T00:00:00.000Z", "to": "2027-08-15T09:30:00.250Z"},
        "deliver": "silent",
        "pierce": {"vip": [str(uuid.uuid4())], "direct_send_anyway": False, "urgent_rooms": True},
        "share": False,
    }
    shown = await me.call("PUT", "/me/quiet-hours", json=profile)
    assert shown | profile == shown
    tag = (await me.ask("GET", "/me/quiet-hours")).headers["etag"]
    again = await me.ask("PUT", "/me/quiet-hours", json=shown, headers={"If-Match": tag})
    assert (again.status_code, again.headers["etag"]) == (200, tag)


async def test_a_profile_is_not_written_over_by_who_saw_an_older_one(me: Account) -> None:
    old = (await me.ask("GET", "/me/quiet-hours")).headers["etag"]
    new = (await me.ask("PUT", "/me/quiet-hours", json=SEOUL, headers={"If-Match": old})).headers["etag"]
    late = await me.ask("PUT", "/me/quiet-hours", json={"windows": []}, headers={"If-Match": old})
    assert (late.status_code, late.json()["code"], _fields(late)) == (412, "precondition_failed", ["If-Match"])
    assert (await me.call("GET", "/me/quiet-hours"))["windows"] == [NIGHTS | {"label": None}]
    for match in (new, "*", f'"x", {new}'):
        answer = await me.ask("PUT", "/me/quiet-hours", json=SEOUL, headers={"If-Match": match})
        assert answer.status_code == 200


async def test_a_snooze_changes_no_tag(me: Account) -> None:
    before = (await me.ask("PUT", "/me/quiet-hours", json=SEOUL)).headers["etag"]
    assert (await me.ask("POST", "/me/snooze", json={"minutes": 5})).headers["etag"] == before


BAD_PROFILES: list[tuple[dict[str, Any], str]] = [
    ({}, "windows"),
    ({"windows": None}, "windows"),
    ({"windows": [], "zone": "Mars/Olympus_Mons"}, "zone"),
    ({"windows": [], "zone": "../etc/passwd"}, "zone"),
    ({"windows": [], "zone": "KST-9"}, "zone"),
    ({"windows": [NIGHTS | {"days": ["mon", "tue", "mon"]}]}, "windows.0.days"),
    ({"windows": [NIGHTS | {"days": []}]}, "windows.0.days"),
    ({"windows": [NIGHTS | {"days": ["funday"]}]}, "windows.0.days.0"),
    ({"windows": [NIGHTS | {"start": "25:00"}]}, "windows.0.start"),
    ({"windows": [NIGHTS | {"start": "7:00"}]}, "windows.0.start"),
    ({"windows": [NIGHTS | {"start": "24:00"}]}, "windows.0.start"),
    ({"windows": [NIGHTS | {"end": "07:60"}]}, "windows.0.end"),
    ({"windows": [NIGHTS, NIGHTS | {"end": "٠٧:٠٠"}]}, "windows.1.end"),
    ({"windows": [NIGHTS | {"length": 9}]}, "windows.0.length"),
    ({"windows": [NIGHTS] * 400}, "windows"),
    ({"windows": [], "holidays": "XX"}, "holidays"),
    ({"windows": [], "exceptions": [{"date": "2027-02-30", "kind": "quiet"}]}, "exceptions.0.date"),
    ({"windows": [], "exceptions": [{"date": 946684800, "kind": "quiet"}]}, "exceptions.0.date"),
    ({"windows": [], "exceptions": [{"date": "2027-02-01", "kind": "loud"}]}, "exceptions.0.kind"),
    ({"windows": [], "exceptions": [{"date": "2027-02-01", "kind": "quiet"}] * 2}, "exceptions"),
    ({"windows": [], "away": {"from": "2027-08-02T00:00:00Z", "to": "2027-08-01T00:00:00Z"}}, "away"),
    ({"windows": [], "away": {"from": "2027-08-02T00:00:00", "to": "2027-08-03T00:00:00Z"}}, "away.from"),
    ({"windows": [], "deliver": "mute"}, "deliver"),
    ({"windows": [], "pierce": {"vip": ["mina"]}}, "pierce.vip.0"),
    ({"windows": [], "share": "yes"}, "share"),
    ({"windows": [], "quiet": True}, "quiet"),
]


async def test_every_bad_profile_is_refused_by_the_name_of_its_field(me: Account) -> None:
    await me.call("PUT", "/me/quiet-hours", json=SEOUL)
    for profile, field in BAD_PROFILES:
        answer = await me.ask("PUT", "/me/quiet-hours", json=profile)
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid"), profile
        assert field in _fields(answer), profile
    assert (await me.call("GET", "/me/quiet-hours"))["windows"] == [NIGHTS | {"label": None}]


async def test_a_list_of_ten_thousand_is_refused_by_its_name_and_a_long_body_by_its_length(me: Account) -> None:
    many = {"windows": [], "pierce": {"vip": [str(uuid.uuid4()) for _ in range(10_000)]}}
    answer = await me.ask("PUT", "/me/quiet-hours", json=many)
    assert (answer.status_code, _fields(answer)) == (422, ["pierce.vip"])
    padded = await me.ask(
        "PUT", "/me/quiet-hours", content=b'{"windows": []' + b" " * 70_000 + b"}",
        headers={"Content-Type": "application/json"},
    )  # fmt: skip
    assert (padded.status_code, padded.json()["code"]) == (413, "too_large")


async def test_a_bad_snooze_is_refused_by_the_name_of_its_field(me: Account) -> None:
    bad: list[tuple[dict[str, Any], str]] = [
        ({"until": _in(minutes=-1)}, "until"),
        ({"until": _in(days=3650)}, "until"),
        ({"until": _in(days=30, minutes=1)}, "until"),
        ({"until": "tomorrow"}, "until"),
        ({"until": 1_800_000_000_000}, "until"),
        ({"until": None}, "until"),
        ({"minutes": 0}, "minutes"),
        ({"minutes": 43_201}, "minutes"),
        ({"minutes": "30"}, "minutes"),
        ({"minutes": 30, "until": _in(hours=1)}, ""),
        ({}, ""),
        ({"hours": 1}, ""),
    ]
    for body, field in bad:
        answer = await me.ask("POST", "/me/snooze", json=body)
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid"), body
        assert field in _fields(answer), body
    shown = await me.call("GET", "/me/quiet-hours")
    assert (shown["active"], shown["snooze_until"], shown["next_start"]) == (False, None, None)


async def test_a_snooze_needs_no_profile_and_is_kept_to_the_millisecond(me: Account) -> None:
    until = _in(hours=2)[:-4] + "Z"
    shown = await me.call("POST", "/me/snooze", json={"until": until})
    assert _moment(shown["snooze_until"]) == _moment(until)
    assert shown["until"] is None or _moment(shown["until"]) == _moment(until)
    replaced = await me.call("POST", "/me/snooze", json={"minutes": 30})
    ahead = _moment(replaced["snooze_until"]) - datetime.now(UTC)
    assert timedelta(minutes=28) < ahead < timedelta(minutes=31)
    ended = await me.call("DELETE", "/me/snooze")
    assert (ended["snooze_until"], ended["origin"]) == (None, "org")


async def test_resume_without_quiet_hours_changes_nothing(me: Account) -> None:
    shown = await me.call("POST", "/me/quiet-hours/resume")
    assert (shown["active"], shown["resume_until"]) == (False, None)


@pytest.mark.parametrize(("method", "path"), [("POST", "/me/quiet-hours/resume"), ("DELETE", "/me/snooze")])
async def test_the_answer_to_an_end_says_that_it_is_over(me: Account, method: str, path: str) -> None:
    await me.call("POST", "/me/snooze", json={"minutes": 30})
    while not (await me.call("GET", "/me/held"))["active"]:
        await asyncio.sleep(0.05)
    ended = await me.call(method, path)
    assert (ended["active"], ended["until"]) == (False, None)
    assert (await me.call("GET", "/me/quiet-hours"))["active"] is False
    assert await me.call("GET", "/me/held") == {"active": False, "until": None, "total": 0, "rooms": {}}


async def test_the_preview_gives_exact_instants_over_a_change_of_the_clocks(me: Account) -> None:
    await me.call("PUT", "/me/quiet-hours", json={"zone": "America/New_York", "windows": [NIGHTS]})
    answer = await me.call("GET", "/me/quiet-hours/preview", params={"from": "2027-03-13", "days": 1})
    assert answer["items"] == [
        {"start": "2027-03-14T03:00:00.000Z", "end": "2027-03-14T11:00:00.000Z", "sources": ["window"]}
    ]
    autumn = await me.call("GET", "/me/quiet-hours/preview", params={"from": "2027-11-06", "days": 1})
    assert autumn["items"][0]["end"] == "2027-11-07T12:00:00.000Z"
    assert len((await me.call("GET", "/me/quiet-hours/preview"))["items"]) in (13, 14, 15)
    assert len((await me.call("GET", "/me/quiet-hours/preview", params={"days": 62}))["items"]) in (61, 62, 63)


async def test_holidays_of_a_calendar_are_quiet(me: Account) -> None:
    await me.call("PUT", "/me/quiet-hours", json={"zone": "Asia/Seoul", "windows": [], "holidays": "KR"})
    answer = await me.call("GET", "/me/quiet-hours/preview", params={"from": "2027-03-01", "days": 7})
    assert answer["items"] == [
        {"start": "2027-02-28T15:00:00.000Z", "end": "2027-03-01T15:00:00.000Z", "sources": ["holiday"]}
    ]


async def test_a_bad_preview_is_refused_by_the_name_of_its_field(me: Account) -> None:
    bad = {
        "days": ("days=0", "days=63", "days=%2B5", "days=two"),
        "from": (
            "from=2027-02-30", "from=13.03.2027", "from=2027-03-13T00:00", "from=1999-12-31",
            "from=2199-12-31&days=9", "from=0",
        ),
    }  # fmt: skip
    for field, queries in bad.items():
        for query in queries:
            answer = await me.ask("GET", f"/me/quiet-hours/preview?{query}")
            assert (answer.status_code, _fields(answer)) == (422, [field]), query


async def test_a_device_moves_the_zone_of_who_follows_it(me: Account) -> None:
    await me.call("PUT", "/me/quiet-hours", json=SEOUL | {"zone_mode": "follow_device"})
    told = await me.call("POST", "/me/quiet-hours/device-zone", json={"zone": "Asia/Tokyo"})
    assert (told["zone"], told["zone_change"]["zone"]) == ("Asia/Seoul", "Asia/Tokyo")
    confirmed = await me.call("POST", "/me/quiet-hours/device-zone", json={"zone": "Asia/Tokyo", "confirmed": True})
    assert (confirmed["zone"], confirmed["zone_change"]) == ("Asia/Tokyo", None)
    for body, field in (({"zone": "Asia/Soul"}, "zone"), ({"zone": "Asia/Seoul", "confirmed": 1}, "confirmed")):
        answer = await me.ask("POST", "/me/quiet-hours/device-zone", json=body)
        assert (answer.status_code, _fields(answer)) == (422, [field])


async def test_others_see_until_when_unless_one_hides_it(me: Account, stack: Stack) -> None:
    async with httpx.AsyncClient(base_url=stack.url, timeout=20) as http:
        other = await Account.register(http)
        path = f"/users/{me.id}/quiet"
        assert await other.call("GET", path) == {"quiet": False, "next_start": None, "next_end": None}
        ahead = {"from": _in(hours=1), "to": _in(hours=2)}
        shown = await me.call("PUT", "/me/quiet-hours", json={"windows": [], "away": ahead})
        seen = await other.call("GET", path)
        assert seen == {"quiet": False, "next_start": shown["away"]["from"], "next_end": shown["away"]["to"]}
        await me.call("PUT", "/me/quiet-hours", json={"windows": [], "away": ahead, "share": False})
        assert await other.call("GET", path) == {"quiet": False, "next_start": None, "next_end": None}
        assert (await other.ask("GET", f"/users/{uuid.uuid4()}/quiet")).status_code == 404
        assert (await other.ask("GET", "/users/mina/quiet")).status_code == 404


async def test_who_is_not_signed_in_learns_and_changes_nothing(stack: Stack) -> None:
    paths = [
        ("GET", "/me/quiet-hours"), ("PUT", "/me/quiet-hours"), ("POST", "/me/snooze"), ("DELETE", "/me/snooze"),
        ("POST", "/me/quiet-hours/resume"), ("POST", "/me/quiet-hours/device-zone"), ("GET", "/me/held"),
        ("GET", "/me/quiet-hours/preview"), ("GET", "/me/quiet-hours/pierced"), ("GET", "/me/releases"),
        ("GET", f"/users/{uuid.uuid4()}/quiet"), ("GET", "/org/quiet-hours"), ("PUT", "/org/quiet-hours"),
    ]  # fmt: skip
    async with httpx.AsyncClient(base_url=f"{stack.url}/api/v1", timeout=20) as http:
        for method, path in paths:
            for headers in ({}, {"Authorization": "Bearer a.b.c"}):
                answer = await http.request(method, path, headers=headers)
                assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated"), path


async def test_an_ended_session_is_refused(me: Account) -> None:
    await me.ask("POST", "/auth/logout")
    answer = await me.ask("GET", "/me/quiet-hours")
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")


async def test_whoever_is_no_administrator_may_not_touch_the_organisations(me: Account) -> None:
    for method, body in (("GET", None), ("PUT", {})):
        answer = await me.ask(method, "/org/quiet-hours", json=body)
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


async def test_lists_are_empty_at_first_and_take_limit_and_cursor(me: Account) -> None:
    for path in ("/me/releases", "/me/quiet-hours/pierced"):
        assert await me.call("GET", path) == {"items": [], "next_cursor": None}
        for query in ("limit=0", "limit=201", "limit=+5", "cursor=AAAA"):
            assert (await me.ask("GET", f"{path}?{query}")).status_code == 422
    assert await me.call("GET", "/me/held") == {"active": False, "until": None, "total": 0, "rooms": {}}
