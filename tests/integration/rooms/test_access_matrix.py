"""Who may do what: every operation of the OpenAPI description times every kind of person.

A new operation without a row fails.
"""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, NamedTuple

import httpx
import pytest

from kaftalk_rooms.api import build_api
from kaftalk_testing.account import Account

NewAccount = Callable[[], Awaitable[Account]]

pytestmark = pytest.mark.slow

PEOPLE = ("anonymous", "stranger", "ex-member", "member", "moderator", "owner")


class Row(NamedTuple):
    """The answers to each of PEOPLE, in a private room, and the body that is asked with."""

    statuses: tuple[int, int, int, int, int, int]
    body: dict[str, Any] | None = None


ANYBODY = (200, 200, 200, 200, 200, 200)
OPEN_204 = (204, 204, 204, 204, 204, 204)
SIGNED_IN = (401, 200, 200, 200, 200, 200)
SIGNED_IN_201 = (401, 201, 201, 201, 201, 201)
SIGNED_IN_204 = (401, 204, 204, 204, 204, 204)
MEMBERS = (401, 404, 404, 200, 200, 200)
MEMBERS_201 = (401, 404, 404, 201, 201, 201)
MEMBERS_204 = (401, 404, 404, 204, 204, 204)
MODERATORS = (401, 404, 404, 403, 200, 200)
MODERATORS_204 = (401, 404, 404, 403, 204, 204)
OWNERS = (401, 404, 404, 403, 403, 200)
OWNERS_204 = (401, 404, 404, 403, 403, 204)

MATRIX = {
    "register": Row((422,) * 6, {}),
    "login": Row((422,) * 6, {}),
    "refresh": Row((401,) * 6),
    "logout": Row(OPEN_204),
    "create_ws_ticket": Row(SIGNED_IN_201),
    "get_jwks": Row(ANYBODY),
    "get_version": Row(ANYBODY),
    "get_me": Row(SIGNED_IN),
    "update_me": Row(SIGNED_IN, {"display_name": "새 이름"}),
    "delete_me": Row(SIGNED_IN_204),
    "change_password": Row((401, 403, 403, 403, 403, 403), {"old": "not this one", "new": "another-good-one"}),
    "list_sessions": Row(SIGNED_IN),
    "end_session": Row((401, 404, 404, 404, 404, 404)),
    "list_users": Row(SIGNED_IN),
    "get_user": Row(SIGNED_IN),
    "create_room": Row(SIGNED_IN_201, {"name": "새 방", "kind": "private"}),
    "create_direct_room": Row(SIGNED_IN_201, {"user_id": "{target}"}),
    "list_rooms": Row(SIGNED_IN),
    "list_directory": Row(SIGNED_IN),
    "get_room": Row(MEMBERS),
    "update_room": Row(MODERATORS, {"name": "새 이름"}),
    "delete_room": Row(OWNERS_204),
    "archive_room": Row(OWNERS),
    "unarchive_room": Row(OWNERS),
    "mute_room": Row(MEMBERS_204, {"until": "forever"}),
    "join_room": Row(MEMBERS),
    "leave_room": Row((401, 404, 404, 204, 204, 409)),
    "list_members": Row(MEMBERS),
    "add_members": Row(MODERATORS_204, {"user_ids": ["{stranger}"]}),
    "set_role": Row(OWNERS, {"role": "moderator"}),
    "remove_member": Row((401, 404, 404, 403, 204, 404)),  # the moderator was first
    "list_invites": Row(MODERATORS),
    "create_invite": Row((401, 404, 404, 403, 201, 201)),
    "revoke_invite": Row(MODERATORS_204),
    "preview_invite": Row(SIGNED_IN),
    "accept_invite": Row(SIGNED_IN),
    "get_messages": Row(MEMBERS),
    "send_message": Row(MEMBERS_201, {"text": "안녕"}),
    "get_message": Row(MEMBERS),
    "edit_message": Row((401, 404, 404, 403, 403, 403), {"text": "남의 말"}),
    "delete_message": Row(MODERATORS_204),
    "add_reaction": Row(MEMBERS_204),
    "remove_reaction": Row(MEMBERS_204),
    "set_read": Row(MEMBERS_204, {"seq": 1}),
    "count_readers": Row(MEMBERS),
}

OPERATIONS = {
    operation["operationId"]: (method.upper(), path)
    for path, methods in build_api().openapi()["paths"].items()
    for method, operation in methods.items()
}


class Scene(NamedTuple):
    """A private room with everybody in place, a message by `target`, and an invite by the owner."""

    people: dict[str, Account]
    target: Account
    room: str
    message: int
    code: str

    def fill(self, text: str) -> str:
        """Put the scene's ids into an address or a body."""
        values = {
            "room_id": self.room, "user_id": self.target.id, "target": self.target.id, "seq": str(self.message),
            "code": self.code, "emoji": "👍", "session_id": "00000000-0000-4000-8000-000000000000",
            "stranger": self.people["stranger"].id,
        }  # fmt: skip
        for name, value in values.items():
            text = text.replace("{" + name + "}", value)
        return text


@pytest.fixture(scope="module")
def crowd() -> list[Account]:
    return []


@pytest.fixture
async def scene(new_account: NewAccount, crowd: list[Account], http: httpx.AsyncClient, operation: str) -> Scene:
    if operation in ("logout", "delete_me"):
        crowd.clear()
    while len(crowd) < len(PEOPLE):
        crowd.append(await new_account())
    for account in crowd:
        account.http = http
    people, target = dict(zip(PEOPLE[1:], crowd, strict=False)), crowd[-1]
    if operation in ("logout", "delete_me"):
        crowd.clear()
    owner = people["owner"]
    inside = [account.id for name, account in people.items() if name not in ("stranger", "owner")]
    room = (await owner.room(kind="private", member_ids=[*inside, target.id]))["id"]
    await owner.call("PATCH", f"/rooms/{room}", json={"members_invite": False})
    await owner.call("PATCH", f"/rooms/{room}/members/{people['moderator'].id}", json={"role": "moderator"})
    await owner.call("DELETE", f"/rooms/{room}/members/{people['ex-member'].id}")
    sent = await target.call("POST", f"/rooms/{room}/messages", json={"text": "제 말"})
    code = (await owner.call("POST", f"/rooms/{room}/invites"))["code"]
    return Scene(people, target, room, sent["seq"], code)


def test_every_operation_has_a_row() -> None:
    assert set(MATRIX) == set(OPERATIONS)


@pytest.mark.parametrize("operation", sorted(OPERATIONS))
async def test_an_operation_lets_in_whom_it_should(operation: str, scene: Scene, http: httpx.AsyncClient) -> None:
    row = MATRIX[operation]
    method, path = OPERATIONS[operation]
    body = {name: _filled(value, scene) for name, value in (row.body or {}).items()}
    answers = []
    for person in PEOPLE:
        http.cookies.clear()
        headers = {"Authorization": f"Bearer {scene.people[person].token}"} if person in scene.people else {}
        content = {"json": body} if row.body is not None else {}
        ask = partial(http.request, method, scene.fill(path), headers=headers, **content)  # type: ignore[arg-type]
        while (answer := await ask()).status_code == 503:
            # Redis has half a second, for which a machine may stand still.
            await asyncio.sleep(0.5)
        answers.append(answer)
    assert tuple(answer.status_code for answer in answers) == row.statuses, [answer.text for answer in answers]
    assert {answer.headers["cache-control"] for answer in answers} == {"no-store"}
    for answer in answers:
        if answer.status_code >= 400:
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.json()["status"] == answer.status_code


def _filled(value: Any, scene: Scene) -> Any:
    if isinstance(value, str):
        return scene.fill(value)
    return [scene.fill(part) for part in value] if isinstance(value, list) else value
