"""What a visitor would try first on a running Kaftalk: two people talk, and one sends a picture.

`python -m kaftalk_testing.tryout http://127.0.0.1:8000`
"""

import argparse
import asyncio
import uuid
from typing import Any

import httpx

from kaftalk_testing.account import Account
from kaftalk_testing.chat_socket import ChatSocket
from kaftalk_testing.media_samples import photo
from kaftalk_testing.media_uploads import Uploads

_PATIENCE_S = 60.0


async def talk(url: str) -> None:
    """Let one person write and another, on a connection of her own, read it. Raises what goes wrong."""
    async with httpx.AsyncClient(base_url=url, timeout=_PATIENCE_S) as http:
        writer, reader, room = await _two_in_a_room(http)
        async with (
            await ChatSocket.open(_socket(url), writer) as mouth,
            await ChatSocket.open(_socket(url), reader) as ear,
        ):
            ack = await mouth.ask({"t": "send", "room": room, "n": 1, "text": "안녕하세요"}, _PATIENCE_S)
            event = await ear.until(lambda frame: frame.get("seq") == ack["seq"], _PATIENCE_S)
            assert event["e"]["text"] == "안녕하세요"


async def show_a_picture(url: str) -> dict[str, Any]:
    """Upload a picture, send it, and fetch the thumbnail as another person; return the media object.

    Raises what goes wrong.
    """
    async with httpx.AsyncClient(base_url=url, timeout=_PATIENCE_S) as http, httpx.AsyncClient() as s3:
        writer, reader, room = await _two_in_a_room(http)
        picture = photo(size=(1200, 900))
        media = await Uploads(writer, s3).upload(room, "image", picture, name="풍경.jpg")
        async with (
            await ChatSocket.open(_socket(url), writer) as mouth,
            await ChatSocket.open(_socket(url), reader) as ear,
        ):
            await mouth.ask({"t": "send", "room": room, "n": 1, "media": [media]}, _PATIENCE_S)
            told = await ear.until(lambda frame: frame.get("e", {}).get("k") == "media", _PATIENCE_S)
            assert told["e"]["status"] == "ready"
        thumb = (await Uploads(reader, s3).served(media, "thumb")).raise_for_status()
        assert thumb.headers["content-type"] == "image/webp"
        shown: dict[str, Any] = await reader.call("GET", f"/media/{media}")
        return shown


async def _two_in_a_room(http: httpx.AsyncClient) -> tuple[Account, Account, str]:
    writer, reader = await Account.register(http), await Account.register(http, display_name="서연")
    room = str((await writer.room(f"첫 방 {uuid.uuid4().hex[:6]}"))["id"])
    await reader.join(room)
    return writer, reader, room


def _socket(url: str) -> str:
    return f"{url.replace('http', 'ws', 1)}/ws"


def main() -> None:
    """Try a deployment; the status tells whether everything worked."""
    parser = argparse.ArgumentParser(prog="python -m kaftalk_testing.tryout", description=main.__doc__)
    parser.add_argument("url")
    url = parser.parse_args().url
    asyncio.run(talk(url))
    print("two people talked")
    shown = asyncio.run(show_a_picture(url))
    print(f"a picture was shown: {shown['width']} x {shown['height']}")


if __name__ == "__main__":
    main()
