"""Accounts, sign-ins, refresh tokens and sessions over REST."""

import asyncio
import hashlib
import json
import time
import unicodedata
import uuid
from collections.abc import Awaitable, Callable

import httpx
import pytest

from kaftalk_protocol import redis_keys
from kaftalk_protocol.ids import UserId
from kaftalk_rooms.settings import RoomsSettings
from kaftalk_runtime.redis_client import open_redis
from kaftalk_testing.account import PASSWORD, Account
from kaftalk_views import generation

NewAccount = Callable[[], Awaitable[Account]]


def _name() -> str:
    return f"u-{uuid.uuid4().hex[:12]}"


async def _register(http: httpx.AsyncClient, **body: object) -> httpx.Response:
    return await http.post("/api/v1/auth/register", json={"username": _name(), "password": PASSWORD} | body)


async def _until_limited(http: httpx.AsyncClient, body: dict[str, str]) -> int:
    """Try a wrong password until that is limited, and count the tries that were let through."""
    refused = 0
    while (answer := await http.post("/api/v1/auth/login", json=body)).status_code == 401:
        refused += 1
    assert answer.status_code == 429
    return refused


def _given_back_since(begun_s: float) -> int:
    """Count the tries that are given back meanwhile, one in six seconds: hashing is slow on a busy machine."""
    return int((time.monotonic() - begun_s) / 6) + 1


async def test_of_many_who_want_a_name_at_once_one_gets_it(http: httpx.AsyncClient) -> None:
    name = _name()
    answers = await asyncio.gather(*(_register(http, username=name) for _ in range(5)))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409, 409]
    winner = next(answer for answer in answers if answer.status_code == 201)
    login = await http.post("/api/v1/auth/login", json={"username": name, "password": PASSWORD})
    assert login.json()["user"] == winner.json()["user"]


@pytest.mark.parametrize("password", ["password1", "1234567890", "aaaaaaaaaaaa", "short", "x" * 257])
async def test_a_weak_password_is_refused(http: httpx.AsyncClient, password: str) -> None:
    answer = await _register(http, password=password)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")
    assert password not in answer.text or password == "short"


@pytest.mark.parametrize("username", ["ab", "Großer", "UPPER", "with space", "x" * 33, "a\u0000b"])
async def test_a_bad_username_is_named_as_the_field(http: httpx.AsyncClient, username: str) -> None:
    answer = await _register(http, username=username)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "username"


async def test_a_password_counts_in_any_normal_form(http: httpx.AsyncClient) -> None:
    name = _name()
    await _register(http, username=name, password="비밀번호는 한글로")
    body = {"username": name, "password": unicodedata.normalize("NFD", "비밀번호는 한글로")}
    assert (await http.post("/api/v1/auth/login", json=body)).status_code == 200


async def test_a_wrong_password_and_an_unknown_name_look_alike(http: httpx.AsyncClient) -> None:
    account = await Account.register(http)
    name = account.user["username"]
    wrong = await http.post("/api/v1/auth/login", json={"username": name, "password": "not this one"})
    unknown = await http.post("/api/v1/auth/login", json={"username": _name(), "password": "not this one"})
    assert wrong.status_code == unknown.status_code == 401
    assert wrong.content == unknown.content


@pytest.mark.slow
async def test_ten_wrong_passwords_a_minute_are_enough(http: httpx.AsyncClient) -> None:
    account = await Account.register(http)
    body = {"username": account.user["username"], "password": "not this one"}
    begun_s = time.monotonic()
    refused = await _until_limited(http, body)
    assert 10 <= refused <= 10 + _given_back_since(begun_s)
    while (limited := await http.post("/api/v1/auth/login", json=body | {"password": PASSWORD})).status_code == 200:
        await _until_limited(http, body)
    assert limited.status_code == 429
    assert int(limited.headers["retry-after"]) >= 1


@pytest.mark.slow
async def test_wrong_passwords_all_at_once_are_limited_too(http: httpx.AsyncClient) -> None:
    account = await Account.register(http)
    body = {"username": account.user["username"], "password": "not this one"}
    begun_s = time.monotonic()
    answers = await asyncio.gather(*(http.post("/api/v1/auth/login", json=body) for _ in range(30)))
    statuses = [answer.status_code for answer in answers]
    assert statuses.count(401) + statuses.count(429) == 30
    assert 10 <= statuses.count(401) <= 10 + _given_back_since(begun_s)


@pytest.mark.slow
async def test_right_passwords_are_not_counted(http: httpx.AsyncClient) -> None:
    account = await Account.register(http)
    for _ in range(12):
        await account.sign_in()


async def test_the_refresh_cookie_is_as_promised(http: httpx.AsyncClient) -> None:
    account = await Account.register(http)
    body = {"username": account.user["username"], "password": PASSWORD}
    cookie = (await http.post("/api/v1/auth/login", json=body)).headers["set-cookie"]
    parts = {part.strip().lower() for part in cookie.split(";")[1:]}
    assert cookie.startswith("kt_refresh=")
    assert {"httponly", "samesite=strict", "path=/api/v1/auth", "max-age=2592000"} <= parts


async def test_two_tabs_that_refresh_at_once_get_the_same_successor(http: httpx.AsyncClient) -> None:
    await Account.register(http)
    old = dict(http.cookies)["kt_refresh"]
    answers = [await http.post("/api/v1/auth/refresh", headers={"Cookie": f"kt_refresh={old}"}) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].headers["set-cookie"] == answers[1].headers["set-cookie"]


async def test_a_token_of_two_rotations_ago_gives_the_same_successor_within_its_moment(
    http: httpx.AsyncClient,
) -> None:
    await Account.register(http)
    first = dict(http.cookies)["kt_refresh"]
    answers = [await http.post("/api/v1/auth/refresh") for _ in range(2)]
    http.cookies.clear()
    again = await http.post("/api/v1/auth/refresh", headers={"Cookie": f"kt_refresh={first}"})
    assert [answer.status_code for answer in (*answers, again)] == [200, 200, 200]
    assert again.headers["set-cookie"] == answers[0].headers["set-cookie"]


async def test_an_old_refresh_token_revokes_the_family(http: httpx.AsyncClient, rooms_settings: RoomsSettings) -> None:
    account = await Account.register(http)
    first = dict(http.cookies)["kt_refresh"]
    for _ in range(2):
        assert (await http.post("/api/v1/auth/refresh")).status_code == 200
    redis = open_redis(rooms_settings.redis_url)
    (sid,) = await redis.run("SMEMBERS", redis_keys.user_sessions(UserId(account.id)))
    await redis.run("HSET", redis_keys.session(sid), "rotated_ms", "1,2")
    await redis.close()
    newest = dict(http.cookies)["kt_refresh"]
    http.cookies.clear()
    stolen = await http.post("/api/v1/auth/refresh", headers={"Cookie": f"kt_refresh={first}"})
    assert stolen.status_code == 401
    after = await http.post("/api/v1/auth/refresh", headers={"Cookie": f"kt_refresh={newest}"})
    assert after.status_code == 401
    assert (await account.ask("GET", "/me")).status_code == 401


@pytest.mark.parametrize("origin", ["http://evil.test", "null", "http://rooms.test.evil.test"])
async def test_another_sites_page_cannot_refresh(http: httpx.AsyncClient, origin: str) -> None:
    await Account.register(http)
    answer = await http.post("/api/v1/auth/refresh", headers={"Origin": origin})
    assert answer.status_code == 403
    assert (await http.post("/api/v1/auth/refresh", headers={"Origin": "http://rooms.test"})).status_code == 200


async def test_logging_out_ends_the_session_for_gateways_too(
    http: httpx.AsyncClient, rooms_settings: RoomsSettings
) -> None:
    account = await Account.register(http)
    sid = (await account.call("GET", "/me/sessions"))["items"][0]["id"]
    redis = open_redis(rooms_settings.redis_url)
    channel = redis_keys.gateway_channel("gateway-x")
    await redis.run("ZADD", redis_keys.GATEWAYS, 1, "gateway-x|ws://nowhere")
    heard = asyncio.ensure_future(anext(aiter(redis.subscribe(channel))))
    while not (await redis.run("PUBSUB", "NUMSUB", channel))[1]:
        await asyncio.sleep(0.01)
    assert (await account.ask("POST", "/auth/logout")).status_code == 204
    assert json.loads((await heard)[1]) == {"kind": "session", "sid": sid}
    assert await redis.run("ZSCORE", redis_keys.ENDED_SESSIONS, sid) is not None
    await redis.run("ZREM", redis_keys.GATEWAYS, "gateway-x|ws://nowhere")
    await redis.close()
    assert (await account.ask("GET", "/me")).status_code == 401
    assert (await http.post("/api/v1/auth/refresh")).status_code == 401


async def test_a_new_password_ends_the_other_sessions(http: httpx.AsyncClient) -> None:
    here = await Account.register(http)
    there = Account(http, here.user)
    await there.sign_in()
    wrong = await here.ask("PUT", "/me/password", json={"old": "not this one", "new": "another-good-one"})
    assert wrong.status_code == 403
    await here.call("PUT", "/me/password", json={"old": PASSWORD, "new": "another-good-one"})
    assert (await there.ask("GET", "/me")).status_code == 401
    assert (await here.ask("GET", "/me")).status_code == 200
    there.password = "another-good-one"
    await there.sign_in()


async def test_a_weak_new_password_is_named_as_the_field(http: httpx.AsyncClient) -> None:
    account = await Account.register(http)
    for weak in ("password1", "short"):
        answer = await account.ask("PUT", "/me/password", json={"old": PASSWORD, "new": weak})
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "new")


async def test_a_ticket_is_stored_by_its_hash_only(http: httpx.AsyncClient, rooms_settings: RoomsSettings) -> None:
    account = await Account.register(http)
    made = await account.call("POST", "/auth/ws-ticket")
    assert made["expires_in"] == 30
    redis = open_redis(rooms_settings.redis_url)
    digest = hashlib.sha256(made["ticket"].encode()).hexdigest()
    stored = json.loads(await redis.run("GETDEL", redis_keys.ticket(digest)))
    await redis.close()
    assert stored["user"] == account.id


async def test_a_deleted_account_cannot_sign_in_and_shows_inactive(new_account: NewAccount) -> None:
    gone, witness = await new_account(), await new_account()
    assert (await gone.ask("DELETE", "/me")).status_code == 204
    assert (await gone.ask("GET", "/me")).status_code == 401
    body = {"username": gone.user["username"], "password": PASSWORD}
    assert (await gone.http.post("/api/v1/auth/login", json=body)).status_code == 401
    seen = await witness.call("GET", f"/users/{gone.id}")
    assert (seen["active"], seen["display_name"]) == (False, gone.user["username"])
    again = await _register(gone.http, username=gone.user["username"])
    assert again.status_code == 409


async def test_a_deleted_account_leaves_its_rooms_to_others(new_account: NewAccount) -> None:
    gone, moderator, member = await new_account(), await new_account(), await new_account()
    shared = (await gone.room(member_ids=[member.id, moderator.id]))["id"]
    await gone.call("PATCH", f"/rooms/{shared}/members/{moderator.id}", json={"role": "moderator"})
    alone = (await gone.room())["id"]
    await gone.call("DELETE", "/me")
    async with asyncio.timeout(10):
        while (await moderator.call("GET", f"/rooms/{shared}"))["me"]["role"] != "owner":
            await asyncio.sleep(0.02)
        while (await member.ask("GET", f"/rooms/{alone}")).status_code != 404:
            await asyncio.sleep(0.02)
    members = (await member.call("GET", f"/rooms/{shared}/members"))["items"]
    assert {one["user"]["id"] for one in members} == {moderator.id, member.id}


async def test_people_are_found_by_two_syllables_and_by_ids(http: httpx.AsyncClient) -> None:
    tag = uuid.uuid4().hex[:6]
    one = await Account.register(http, display_name=f"김하늘바다{tag}")
    other = await Account.register(http)
    found = (await other.call("GET", "/users", params={"q": f"바다{tag}"}))["items"]
    assert [user["id"] for user in found] == [one.id]
    by_id = await other.call("GET", "/users", params={"id": [other.id, one.id, str(uuid.uuid4())]})
    assert [user["id"] for user in by_id["items"]] == [other.id, one.id]


async def test_a_profile_is_patched_and_set_back(http: httpx.AsyncClient) -> None:
    account = await Account.register(http, display_name="지우")
    changed = await account.call("PATCH", "/me", json={"display_name": "지우개", "locale": "ko"})
    assert (changed["display_name"], changed["locale"]) == ("지우개", "ko")
    back = await account.call("PATCH", "/me", json={"display_name": None, "locale": None})
    assert (back["display_name"], back["locale"]) == (account.user["username"], None)
    refused = await account.ask("PATCH", "/me", json={"display_name": "x"}, headers={"If-Match": '"old"'})
    assert refused.status_code == 412
    refused = await account.ask("DELETE", "/me", headers={"If-Match": '"old"'})
    assert refused.status_code == 412
    assert (await account.ask("GET", "/me")).status_code == 200


async def test_accounts_come_back_after_redis_lost_them(rooms_settings: RoomsSettings, http: httpx.AsyncClient) -> None:
    account = await Account.register(http)
    redis = open_redis(rooms_settings.redis_url)
    await redis.run("DEL", redis_keys.user(account.user["id"]), redis_keys.GENERATION)
    async with asyncio.timeout(10):
        while await redis.run("GET", redis_keys.user(account.user["id"])) is None:
            await asyncio.sleep(0.05)
    await generation.mark(redis, range(rooms_settings.shards), await generation.claim(redis))
    await redis.close()
