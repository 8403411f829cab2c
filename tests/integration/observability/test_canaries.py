"""What people write, and what lets them in, stands in no log and no metric of the whole stack, at any level."""

import asyncio
import base64
import contextlib
import json
import re
import urllib.parse
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
import websockets

from kaftalk_protocol.ids import RoomId
from kaftalk_protocol.topics import room_topic
from kaftalk_roomlog.writer import RoomLogWriter
from kaftalk_runtime.internal_auth import InternalKeys
from kaftalk_runtime.internal_http import InternalHttp
from kaftalk_runtime.kafka import Kafka
from kaftalk_testing.account import Account
from kaftalk_testing.chat_socket import ChatSocket
from kaftalk_testing.keys import internal_key
from kaftalk_testing.media_uploads import Uploads
from kaftalk_testing.scrapes import scrape
from kaftalk_testing.stack import Stack, run_stack

pytestmark = pytest.mark.slow

REQUEST_ID = "canary-request-1"


class Canaries:
    """Makes strings that are nowhere else, and remembers secrets that others made."""

    def __init__(self) -> None:
        self.all: dict[str, str] = {}

    def __getitem__(self, name: str) -> str:
        return self.all.setdefault(name, f"canary{name}{uuid.uuid4().hex[:8]}")

    def note(self, name: str, secret: str) -> str:
        self.all[name] = secret
        return secret

    def found_in(self, text: str) -> set[str]:
        """Name those that stand in a text, as they are or as they look in a URL or in base64."""
        return {name for name, value in self.all.items() if any(form in text for form in _forms(value))}


def _forms(value: str) -> Iterator[str]:
    yield value
    yield urllib.parse.quote(value, safe="")
    # In base64 the text begins at one of three places of a group; what its neighbours share is left out.
    for lead in range(3):
        encoded = base64.b64encode(b"\0" * lead + value.encode()).decode().rstrip("=")
        yield encoded[4 if lead else 0 : -2]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    folder = tmp_path_factory.mktemp("canaries")
    async with run_stack(folder, settings={"KAFTALK_LOG_LEVEL": "debug"}, media=True) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def canaries(stack: Stack) -> Canaries:
    """Send canaries through everything that takes something."""
    birds = Canaries()
    birds.note("InternalKey", internal_key(stack.plan.folder / "keys"))
    birds.note("S3Secret", stack.plan.s3_credentials.secret_key)
    async with httpx.AsyncClient(base_url=stack.url, timeout=30) as http, httpx.AsyncClient(timeout=30) as s3:
        ann = await _sign_up(http, birds)
        room = (await ann.room(birds["RoomName"], topic=birds["Topic"]))["id"]
        await _invite(ann, room, birds)
        await _over_rest(ann, room, birds)
        await _over_sockets(stack, ann, room, birds)
        await _files(Uploads(ann, s3), room, birds)
    await _past_the_proxy(stack, room, birds)
    return birds


async def _sign_up(http: httpx.AsyncClient, birds: Canaries) -> Account:
    name, password = f"u-{uuid.uuid4().hex[:12]}", birds["Password"]
    person = {"username": name, "password": password, "display_name": "지민"}
    (await http.post("/api/v1/auth/register", json=person)).raise_for_status()
    wrong = {"username": name, "password": birds["WrongPassword"]}
    assert (await http.post("/api/v1/auth/login", json=wrong)).status_code == 401
    entered = (await http.post("/api/v1/auth/login", json={"username": name, "password": password})).json()
    ann = Account(http, entered["user"], password)
    ann.token = birds.note("AccessToken", entered["access_token"])
    for secret in ("refresh_token", "csrf_token"):
        if secret in entered:
            birds.note(secret, entered[secret])
    for cookie, value in http.cookies.items():
        birds.note(f"Cookie{cookie}", value)
    changed = {"current_password": birds["OldPassword"], "new_password": birds["NewPassword"]}
    await ann.ask("POST", "/me/password", json=changed)
    return ann


async def _invite(ann: Account, room: str, birds: Canaries) -> None:
    invite = await ann.call("POST", f"/rooms/{room}/invites", json={})
    birds.note("InviteCode", invite["code"])
    await ann.ask("POST", f"/invites/{invite['code']}/accept")
    await ann.ask("GET", f"/invites/{birds['WrongCode']}")


async def _over_rest(ann: Account, room: str, birds: Canaries) -> None:
    http = ann.http
    made = await ann.call("POST", f"/rooms/{room}/messages", json={"text": birds["RestText"]})
    await ann.ask("PATCH", f"/rooms/{room}/messages/{made['seq']}", json={"text": birds["RestEdit"]})
    await ann.ask("POST", f"/rooms/{room}/messages", json={"text": {"wrong": birds["WrongType"]}})
    await ann.ask("POST", f"/rooms/{room}/messages", json={birds["UnknownField"]: 1, "text": "x"})
    await ann.ask("POST", f"/rooms/{room}/messages", content=f'{{"text": "{birds["BrokenJson"]}')
    await ann.ask("POST", f"/rooms/{room}/messages", json={"text": birds["LongText"] * 5000})
    await ann.ask("POST", f"/rooms/{room}/messages", json={"text": "x"}, headers={"Idempotency-Key": birds["Key"]})
    await ann.ask("GET", f"/rooms/{birds['Path']}", params={"token": birds["Query"]})
    await http.get("/api/v1/me", headers={"Authorization": f"Bearer {birds['FalseToken']}"})
    await http.get("/api/v1/me", headers={"X-Request-Id": f"{birds['RequestId']} !"})
    await http.request("BREW", f"/api/v1/{birds['PathOfNothing']}")


async def _over_sockets(stack: Stack, ann: Account, room: str, birds: Canaries) -> None:
    ticket = birds.note("Ticket", await ann.ticket())
    socket = await ChatSocket.dial(f"{stack.ws_url(0)}?access_token={birds['SocketQuery']}")
    await socket.send({"t": "hello", "ticket": ticket, "stream": str(uuid.uuid4())})
    await socket.until(lambda frame: frame["t"] == "welcome")
    async with socket:
        sent = await socket.ask({"t": "send", "room": room, "n": 1, "text": birds["Text"], "ext": {"x": birds["Ext"]}})
        await socket.ask({"t": "edit", "room": room, "target": sent["seq"], "text": birds["Edit"]})
        await socket.ask({"t": "send", "room": room, "n": 2, "text": birds["Mention"], "mentions": [birds["Nobody"]]})
        await socket.ask({"t": "send", "room": str(uuid.uuid4()), "n": 1, "text": birds["Elsewhere"]})
        await socket.ask({"t": "history", "room": room})
        await socket.ask({"t": birds["FrameType"], "text": birds["UnknownFrame"]})
    for frame in (f'{{"t":"{birds["BrokenFrame"]}', {"t": "hello", "ticket": birds["FalseTicket"], "stream": "x"}):
        async with await ChatSocket.dial(stack.ws_url(1)) as broken:
            await broken.send(frame)
            await broken.closed()


async def _files(uploads: Uploads, room: str, birds: Canaries) -> None:
    content = birds["FileContent"].encode() * 10
    media = await uploads.upload(room, "file", content, name=f"{birds['FileName']}.txt")
    await uploads.settled(media)
    await uploads.served(media)
    broken = await uploads.upload(room, "image", birds["BrokenImage"].encode() * 10, name=f"{birds['ImageName']}.png")
    await uploads.settled(broken)
    refused = {"room": room, "kind": birds["MediaKind"], "name": birds["RefusedName"], "size": 1}
    assert (await uploads.account.ask("POST", "/media", json=refused)).status_code == 422


async def _past_the_proxy(stack: Stack, room: str, birds: Canaries) -> None:
    """Say to internal listeners and to the log what nobody should."""
    keys = InternalKeys([birds.all["InternalKey"]])
    http = InternalHttp(keys)
    for path in ("/internal/quiet", "/internal/releases"):
        body = json.dumps({"users": birds["InternalBody"], birds["InternalField"]: 1}).encode()
        await http.post(stack.internal_url("gateway"), path, body)
    await http.close()
    async with httpx.AsyncClient(base_url=stack.internal_url("gateway")) as unsigned:
        header = {"X-Kaftalk-Auth": birds["FalseSignature"]}
        assert (await unsigned.post("/internal/quiet", content=birds["Unsigned"], headers=header)).status_code == 403
    url = stack.internal_url("delivery").replace("http", "ws", 1) + "/link"
    signed = {"X-Kaftalk-Auth": keys.sign("GET", "/link")}
    with contextlib.suppress(websockets.WebSocketException):
        async with websockets.connect(url, additional_headers=signed, subprotocols=["kaftalk.link.v1"]) as link:  # type: ignore[list-item]
            await link.send(json.dumps({"t": birds["LinkMessage"]}))
            await link.recv()
    writer = RoomLogWriter(Kafka(stack.kafka_bootstrap))
    await writer.start()
    for garbage in (
        birds["Record"],
        json.dumps({"k": "message", "text": birds["RecordText"], "by": birds["RecordBy"]}),
    ):
        await writer.append(room_topic(RoomId(room), 0), garbage.encode())
    await writer.stop()
    await asyncio.sleep(0.5)


def _logs(stack: Stack) -> list[Path]:
    return sorted(path for path in (stack.plan.folder / "logs").iterdir() if path.stat().st_size)


async def test_no_log_has_a_canary(stack: Stack, canaries: Canaries) -> None:
    names = {path.stem for path in _logs(stack)}
    assert {*stack.plan.instances, "kafka", "thumbnailer-1"} <= names
    found = {path.name: canaries.found_in(path.read_text(errors="replace")) for path in _logs(stack)}
    assert {name: birds for name, birds in found.items() if birds} == {}


async def test_no_metric_has_a_canary(stack: Stack, canaries: Canaries) -> None:
    found = {one.instance: canaries.found_in(one.text) for one in await scrape(stack)}
    assert {name: birds for name, birds in found.items() if birds} == {}


async def test_a_canary_would_be_found() -> None:
    birds = Canaries()
    text = birds["Text"]
    assert birds.found_in(f"x {text}") == {"Text"}
    for lead in ("", "a", "ab", "abc"):
        assert birds.found_in(base64.b64encode(f"{lead}{text} and more".encode()).decode()) == {"Text"}
    assert birds.found_in(f"x {text[:-1]}") == set()


async def test_every_line_of_a_service_is_one_json_object_with_its_names(stack: Stack, canaries: Canaries) -> None:
    for instance in stack.plan.instances:
        for line in stack.logs(instance).splitlines():
            entry = json.loads(line)
            assert entry["instance"] == instance, line
            assert {"event", "level", "timestamp", "service"} <= entry.keys(), line


async def test_a_request_is_named_in_its_answer_and_in_the_log(stack: Stack) -> None:
    async with httpx.AsyncClient(base_url=stack.url) as http:
        answer = await http.get("/api/v1/me", headers={"X-Request-Id": REQUEST_ID})
        assert answer.headers["x-request-id"] == REQUEST_ID
        unnamed = (await http.get("/api/v1/me")).headers["x-request-id"]
        assert re.fullmatch(r"[0-9a-f]{16}", unnamed)
    for name in (REQUEST_ID, unnamed):
        (line,) = await _logged(stack, name)
        assert (line["method"], line["route"], line["status"]) == ("GET", "/me", 401)


async def _logged(stack: Stack, request_id: str) -> list[dict[str, Any]]:
    """Give the lines of a request; the first is written when it has been answered."""
    async with asyncio.timeout(10):
        while True:
            lines = [line for line in stack.logs("rooms").splitlines(keepends=True) if line.endswith("\n")]
            entries = [entry for entry in map(json.loads, lines) if entry.get("request_id") == request_id]
            if found := [entry for entry in entries if entry["event"] == "request"]:
                return found
            await asyncio.sleep(0.02)
