"""Back up and restore, as docs/operations.md tells it: the brokers' folders, the bucket and the keys are everything."""

import itertools
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from kaftalk_testing.account import Account
from kaftalk_testing.chat_load import eventually
from kaftalk_testing.chat_socket import ChatSocket
from kaftalk_testing.media_samples import photo
from kaftalk_testing.media_uploads import Uploads
from kaftalk_testing.ports import free_port
from kaftalk_testing.stack import Stack, run_stack

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

BACKED_UP = ("kafka", "s3", "keys")


@pytest.fixture
def ports() -> list[int]:
    """Return ports for two deployments, of which the second takes the place of the first."""
    return list(itertools.islice(iter(free_port, 0), 40))


def taken(ports: list[int]) -> Iterator[int]:
    return iter(ports)


async def lived_in(stack: Stack, writer: Account, reader: Account) -> tuple[str, str]:
    """Make a room with all that people do in one; give its id and that of its picture."""
    room = str((await writer.room("오래된 방"))["id"])
    await reader.join(room)
    async with httpx.AsyncClient() as s3, await ChatSocket.open(stack.ws_url(), writer) as socket:
        media = await Uploads(writer, s3).upload(room, "image", photo(size=(640, 480)), name="바다.jpg")
        sent = [await socket.ask({"t": "send", "room": room, "n": n, "text": f"메시지 {n}"}) for n in range(1, 6)]
        await socket.ask({"t": "send", "room": room, "n": 6, "media": [media]})
        await socket.until(lambda frame: frame.get("e", {}).get("k") == "media", 60)
    first, second = (frame["seq"] for frame in sent[:2])
    await writer.call("PATCH", f"/rooms/{room}/messages/{first}", json={"text": "고친 말"})
    await writer.call("DELETE", f"/rooms/{room}/messages/{second}")
    return room, media


async def seen(account: Account, room: str, media: str) -> dict[str, Any]:
    """Collect what somebody sees of a room."""
    async with httpx.AsyncClient() as s3:
        thumb = (await Uploads(account, s3).served(media, "thumb")).raise_for_status().content
    return {
        "room": await account.call("GET", f"/rooms/{room}"),
        "messages": await account.call("GET", f"/rooms/{room}/messages?limit=100"),
        "members": await account.call("GET", f"/rooms/{room}/members"),
        "thumb": thumb,
    }


async def test_brokers_bucket_and_keys_bring_everything_back_without_redis(tmp_path: Path, ports: list[int]) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    async with (
        run_stack(old, media=True, ports=taken(ports)) as stack,
        httpx.AsyncClient(base_url=stack.url, timeout=30) as http,
    ):
        writer, reader = await Account.register(http), await Account.register(http, display_name="서연")
        room, media = await lived_in(stack, writer, reader)
        before = await seen(reader, room, media)
        assert len(before["messages"]["items"]) >= 6
    for name in BACKED_UP:
        shutil.copytree(old / name, new / name)
    shutil.rmtree(old)

    async with (
        run_stack(new, media=True, ports=taken(ports)) as stack,
        httpx.AsyncClient(base_url=stack.url, timeout=30) as http,
    ):
        writer, reader = Account(http, writer.user), Account(http, reader.user)
        for account in (writer, reader):
            await eventually(account.sign_in, 60)
        assert await eventually(lambda: seen(reader, room, media), 60) == before
        async with await ChatSocket.open(stack.ws_url(), writer) as socket:
            ack = await socket.ask({"t": "send", "room": room, "n": 1, "text": "다시 왔어요"}, 60)
        assert ack["seq"] > before["messages"]["to"]
