"""Rooms from creation to deletion, over REST, on real Kafka and Redis."""

import asyncio
from collections.abc import Awaitable, Callable

from kaftalk_testing.account import Account

NewAccount = Callable[[], Awaitable[Account]]


async def test_a_room_is_created_joined_and_listed(new_account: NewAccount) -> None:
    owner, guest = await new_account(), await new_account()
    room = await owner.room("사랑방", topic="이야기")
    assert room["me"] == {"role": "owner", "joined_seq": 0}
    assert (room["kind"], room["member_count"], room["archived"], room["peer"]) == ("public", 1, False, None)
    joined = await guest.call("POST", f"/rooms/{room['id']}/join")
    assert joined["me"] == {"role": "member", "joined_seq": 1}
    assert joined["member_count"] == 2
    listed = (await guest.call("GET", "/rooms"))["items"]
    assert [entry["id"] for entry in listed] == [room["id"]]
    assert (listed[0]["unread"], listed[0]["mentions"], listed[0]["read_seq"], listed[0]["head"]) == (0, 0, 1, 1)
    members = (await owner.call("GET", f"/rooms/{room['id']}/members"))["items"]
    assert [(member["user"]["id"], member["role"]) for member in members] == [
        (owner.id, "owner"),
        (guest.id, "member"),
    ]


async def test_joining_twice_is_one_join(new_account: NewAccount) -> None:
    owner, guest = await new_account(), await new_account()
    room = await owner.room()
    answers = await asyncio.gather(*(guest.ask("POST", f"/rooms/{room['id']}/join") for _ in range(3)))
    assert {answer.status_code for answer in answers} == {200}
    assert {answer.json()["me"]["joined_seq"] for answer in answers} == {answers[0].json()["me"]["joined_seq"]}


async def test_a_private_room_looks_absent_to_strangers(new_account: NewAccount) -> None:
    owner, stranger = await new_account(), await new_account()
    room = await owner.room(kind="private")
    hidden = await stranger.ask("GET", f"/rooms/{room['id']}")
    absent = await stranger.ask("GET", "/rooms/00000000-0000-4000-8000-000000000000")
    assert (hidden.status_code, hidden.content) == (404, absent.content)
    for method, path in (("POST", "join"), ("GET", "members"), ("GET", "messages"), ("POST", "leave")):
        assert (await stranger.ask(method, f"/rooms/{room['id']}/{path}")).status_code == 404


async def test_a_public_room_shows_itself_but_not_its_messages(new_account: NewAccount) -> None:
    owner, stranger = await new_account(), await new_account()
    room = await owner.room()
    assert (await stranger.call("GET", f"/rooms/{room['id']}"))["me"] is None
    refused = await stranger.ask("GET", f"/rooms/{room['id']}/messages")
    assert (refused.status_code, refused.json()["code"]) == (403, "not_member")


async def test_members_are_added_all_or_nobody(new_account: NewAccount) -> None:
    owner, one, other = await new_account(), await new_account(), await new_account()
    room = await owner.room(kind="private")
    nobody = "00000000-0000-4000-8000-000000000000"
    refused = await owner.ask("POST", f"/rooms/{room['id']}/members", json={"user_ids": [one.id, nobody]})
    assert refused.status_code == 422
    assert (await one.ask("GET", f"/rooms/{room['id']}")).status_code == 404
    await owner.call("POST", f"/rooms/{room['id']}/members", json={"user_ids": [one.id, other.id, owner.id]})
    assert (await owner.call("GET", f"/rooms/{room['id']}"))["member_count"] == 3


async def test_a_kicked_member_is_out_and_a_banned_one_stays_out(new_account: NewAccount) -> None:
    owner, guest = await new_account(), await new_account()
    room = await owner.room()
    await guest.join(room["id"])
    await owner.call("DELETE", f"/rooms/{room['id']}/members/{guest.id}")
    assert (await guest.ask("GET", f"/rooms/{room['id']}/messages")).status_code == 403
    await guest.join(room["id"])
    await owner.call("DELETE", f"/rooms/{room['id']}/members/{guest.id}?ban=true")
    assert (await guest.ask("POST", f"/rooms/{room['id']}/join")).status_code == 403
    await owner.call("POST", f"/rooms/{room['id']}/members", json={"user_ids": [guest.id]})
    assert (await guest.call("GET", f"/rooms/{room['id']}"))["me"]["role"] == "member"


async def test_moderators_kick_members_only(new_account: NewAccount) -> None:
    owner, moderator, guest = await new_account(), await new_account(), await new_account()
    room = await owner.room(member_ids=[moderator.id, guest.id])
    changed = await owner.call("PATCH", f"/rooms/{room['id']}/members/{moderator.id}", json={"role": "moderator"})
    assert changed["role"] == "moderator"
    assert (await moderator.ask("DELETE", f"/rooms/{room['id']}/members/{owner.id}")).status_code == 403
    assert (await guest.ask("DELETE", f"/rooms/{room['id']}/members/{moderator.id}")).status_code == 403
    assert (await moderator.ask("DELETE", f"/rooms/{room['id']}/members/{guest.id}")).status_code == 204
    assert (await moderator.ask("PATCH", f"/rooms/{room['id']}", json={"name": "새 이름"})).status_code == 200
    assert (await moderator.ask("PATCH", f"/rooms/{room['id']}", json={"history": "all"})).status_code == 403


async def test_the_last_owner_names_a_successor(new_account: NewAccount) -> None:
    owner, heir = await new_account(), await new_account()
    room = await owner.room(member_ids=[heir.id])
    refused = await owner.ask("POST", f"/rooms/{room['id']}/leave")
    assert (refused.status_code, refused.json()["code"]) == (409, "last_owner")
    await owner.call("POST", f"/rooms/{room['id']}/leave", json={"successor": heir.id})
    assert (await heir.call("GET", f"/rooms/{room['id']}"))["me"]["role"] == "owner"
    assert (await owner.call("GET", "/rooms"))["items"] == []


async def test_an_archived_room_takes_no_messages_until_it_is_opened(new_account: NewAccount) -> None:
    owner = await new_account()
    room = await owner.room()
    assert (await owner.call("POST", f"/rooms/{room['id']}/archive"))["archived"]
    refused = await owner.ask("POST", f"/rooms/{room['id']}/messages", json={"text": "여보세요"})
    assert (refused.status_code, refused.json()["code"]) == (409, "archived")
    assert not (await owner.call("POST", f"/rooms/{room['id']}/unarchive"))["archived"]
    await owner.call("POST", f"/rooms/{room['id']}/messages", json={"text": "여보세요"})


async def test_a_deleted_room_is_gone_for_everybody(new_account: NewAccount) -> None:
    owner, guest = await new_account(), await new_account()
    room = await owner.room(member_ids=[guest.id])
    assert (await guest.ask("DELETE", f"/rooms/{room['id']}")).status_code == 403
    assert (await owner.ask("DELETE", f"/rooms/{room['id']}")).status_code == 204
    for account in (owner, guest):
        assert (await account.ask("GET", f"/rooms/{room['id']}")).status_code == 404
        assert (await account.call("GET", "/rooms"))["items"] == []


async def test_both_ends_of_a_direct_room_meet_in_one(new_account: NewAccount) -> None:
    one, other = await new_account(), await new_account()
    answers = await asyncio.gather(
        one.ask("POST", "/rooms/direct", json={"user_id": other.id}),
        other.ask("POST", "/rooms/direct", json={"user_id": one.id}),
    )
    assert sorted(answer.status_code for answer in answers) == [200, 201]
    assert answers[0].json()["id"] == answers[1].json()["id"]
    assert answers[0].json()["peer"]["id"] == other.id
    assert answers[0].json()["name"] is None
    room = answers[0].json()["id"]
    for method, path in (("POST", "leave"), ("POST", "invites"), ("POST", "join")):
        status = (await one.ask(method, f"/rooms/{room}/{path}")).status_code
        assert status == (200 if path == "join" else 403)
    alone = await one.call("POST", "/rooms/direct", json={"user_id": one.id})
    assert alone["member_count"] == 1
    assert alone["peer"]["id"] == one.id


async def test_an_invite_lets_in_as_often_as_it_says(new_account: NewAccount) -> None:
    owner, one, other = await new_account(), await new_account(), await new_account()
    room = await owner.room("비밀방", kind="private")
    invite = await owner.call("POST", f"/rooms/{room['id']}/invites", json={"max_uses": 1})
    assert invite["url"].endswith(invite["code"])
    preview = await one.call("GET", f"/invites/{invite['code']}")
    assert preview["room"]["name"] == "비밀방"
    assert (await one.call("POST", f"/invites/{invite['code']}"))["me"]["role"] == "member"
    spent = await other.ask("POST", f"/invites/{invite['code']}")
    assert (spent.status_code, spent.json()["code"]) == (410, "gone")
    assert (await other.ask("GET", f"/invites/{'x' * 43}")).status_code == 404


async def test_invites_are_listed_with_their_codes_and_revoked(new_account: NewAccount) -> None:
    owner, guest = await new_account(), await new_account()
    room = await owner.room(kind="private")
    made = [await owner.call("POST", f"/rooms/{room['id']}/invites") for _ in range(3)]
    listed = (await owner.call("GET", f"/rooms/{room['id']}/invites"))["items"]
    assert {invite["code"] for invite in listed} == {invite["code"] for invite in made}
    await owner.call("DELETE", f"/rooms/{room['id']}/invites/{made[0]['code']}")
    assert (await guest.ask("POST", f"/invites/{made[0]['code']}")).status_code == 410
    assert len((await owner.call("GET", f"/rooms/{room['id']}/invites"))["items"]) == 2


async def test_the_directory_finds_two_syllables(new_account: NewAccount) -> None:
    owner, seeker = await new_account(), await new_account()
    name = f"서울 등산 모임 {owner.user['username']}"
    room = await owner.room(name)
    found = (await seeker.call("GET", "/rooms/directory", params={"q": "등산"}))["items"]
    assert room["id"] in {entry["id"] for entry in found}
    assert (await seeker.call("GET", "/rooms/directory", params={"q": owner.user["username"]}))["items"][0][
        "me"
    ] is None


async def test_a_patch_of_an_outdated_room_is_refused(new_account: NewAccount) -> None:
    owner = await new_account()
    room = await owner.room(topic="처음")
    etag = (await owner.ask("GET", f"/rooms/{room['id']}")).headers["etag"]
    changed = await owner.ask("PATCH", f"/rooms/{room['id']}", json={"topic": None}, headers={"If-Match": etag})
    assert (changed.status_code, changed.json()["topic"]) == (200, None)
    late = await owner.ask("PATCH", f"/rooms/{room['id']}", json={"topic": "또"}, headers={"If-Match": etag})
    assert (late.status_code, late.json()["code"]) == (412, "precondition_failed")
    late = await owner.ask("DELETE", f"/rooms/{room['id']}", headers={"If-Match": etag})
    assert (late.status_code, late.json()["code"]) == (412, "precondition_failed")
    assert (await owner.call("GET", f"/rooms/{room['id']}"))["topic"] is None


async def test_a_repeated_creation_makes_one_room(new_account: NewAccount) -> None:
    owner = await new_account()
    body, headers = {"name": "한 번", "kind": "public"}, {"Idempotency-Key": "k-1"}
    answers = await asyncio.gather(*(owner.ask("POST", "/rooms", json=body, headers=headers) for _ in range(4)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["id"] for answer in answers}) == 1
    other = await owner.ask("POST", "/rooms", json=body | {"name": "두 번"}, headers=headers)
    assert (other.status_code, other.json()["code"]) == (409, "conflict")


async def test_muting_is_ones_own(new_account: NewAccount) -> None:
    owner = await new_account()
    room = await owner.room()
    await owner.call("PUT", f"/rooms/{room['id']}/mute", json={"until": "forever"})
    assert (await owner.call("GET", "/rooms"))["items"][0]["muted_until"] == "forever"
    await owner.call("PUT", f"/rooms/{room['id']}/mute", json={"until": "2030-01-01T00:00:00+09:00"})
    assert (await owner.call("GET", "/rooms"))["items"][0]["muted_until"] == "2029-12-31T15:00:00.000Z"
    await owner.call("PUT", f"/rooms/{room['id']}/mute", json={"until": None})
    assert (await owner.call("GET", "/rooms"))["items"][0]["muted_until"] is None


async def test_a_mute_ends_at_a_time_of_rfc_3339(new_account: NewAccount) -> None:
    owner = await new_account()
    room = await owner.room()
    for until in ("2020", "1800000000", "2099-01-01", "2099-01-01T00:00Z", "2099-01-01T00:00:00", "ever", 1800000000):
        refused = await owner.ask("PUT", f"/rooms/{room['id']}/mute", json={"until": until})
        assert (refused.status_code, refused.json()["code"]) == (422, "invalid"), until
        assert refused.json()["errors"][0]["field"].startswith("until")
    await owner.call("PUT", f"/rooms/{room['id']}/mute", json={"until": "2099-01-01T09:00:00+09:00"})
    assert (await owner.call("GET", "/rooms"))["items"][0]["muted_until"] == "2099-01-01T00:00:00.000Z"


async def test_who_may_not_change_a_thing_is_refused_where_nothing_would_change(new_account: NewAccount) -> None:
    owner, member = await new_account(), await new_account()
    room = f"/rooms/{(await owner.room(kind='private', member_ids=[member.id]))['id']}"
    await owner.call("PATCH", room, json={"members_invite": False})
    code = (await owner.call("POST", f"{room}/invites"))["code"]
    await owner.call("DELETE", f"{room}/invites/{code}")
    changes = [
        ("POST", "/unarchive", None, 200),
        ("PATCH", f"/members/{member.id}", {"role": "member"}, 200),
        ("POST", "/members", {"user_ids": [member.id]}, 204),
        ("DELETE", f"/invites/{code}", None, 204),
    ]
    head = (await owner.call("GET", "/rooms"))["items"][0]["head"]
    for method, path, body, done in changes:
        content = {} if body is None else {"json": body}
        assert (await member.ask(method, room + path, **content)).json()["code"] == "forbidden"
        assert (await owner.ask(method, room + path, **content)).status_code == done
    assert (await owner.call("GET", "/rooms"))["items"][0]["head"] == head


async def test_lists_come_in_parts(new_account: NewAccount) -> None:
    owner = await new_account()
    made = [(await owner.room(f"방 {number}"))["id"] for number in range(5)]
    seen, path = [], "/rooms?limit=2"
    while path:
        answer = await owner.ask("GET", path)
        seen += [entry["id"] for entry in answer.json()["items"]]
        path = answer.links["next"]["url"].removeprefix("/api/v1") if "next" in answer.links else ""
    assert seen == made[::-1]


async def test_a_limit_is_plain_digits_from_1_to_200(new_account: NewAccount) -> None:
    account = await new_account()
    for path in ("/users", "/rooms", "/rooms/directory", "/me/sessions"):
        for limit in ("0", "201", "9" * 30, "+5", "5_0", " 5", "5 ", "-1", "5.0", "٥", "", "five"):
            refused = await account.ask("GET", path, params={"limit": limit})
            assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "limit"), limit
        for limit in ("1", "200"):
            assert (await account.ask("GET", path, params={"limit": limit})).status_code == 200


async def test_a_cursor_that_was_never_given_out_is_refused(new_account: NewAccount) -> None:
    account = await new_account()
    for path in ("/users", "/rooms", "/rooms/directory", "/me/sessions"):
        refused = await account.ask("GET", path, params={"cursor": "AAAA"})
        assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "cursor")
