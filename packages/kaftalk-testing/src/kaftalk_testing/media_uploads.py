"""What a browser does with a file: announce it, put it into S3 past all services, and wait for the result."""

import asyncio
import base64
import hashlib
from typing import Any

import httpx

from kaftalk_testing.account import Account

_POLL_S = 0.05
_PARTS_AT_ONCE = 20
_TYPES = {"image": "image/jpeg", "voice": "audio/webm", "file": "application/octet-stream"}


class Uploads:
    """One account's uploads; S3 is asked by another client, which sends no token."""

    def __init__(self, account: Account, s3: httpx.AsyncClient) -> None:
        self.account = account
        self._s3 = s3

    async def announce(self, room: str, kind: str, content: bytes, **announced: Any) -> dict[str, Any]:
        """Ask where to put it; `announced` overrides what is said of it. Raises httpx.HTTPStatusError."""
        answer: dict[str, Any] = await self.account.call(
            "POST", "/media", json=announcement(room, kind, content) | announced
        )
        return answer

    async def put(self, announced: dict[str, Any], content: bytes) -> httpx.Response:
        """Put the content where an announcement, or a part of it, says."""
        return await self._s3.put(announced["url"], content=content, headers=announced["headers"])

    async def upload(self, room: str, kind: str, content: bytes, **announced: Any) -> str:
        """Upload in one piece or in parts, and return the id. Raises httpx.HTTPStatusError."""
        answer = await self.announce(room, kind, content, **announced)
        media = str(answer["id"])
        if answer["method"] == "MULTIPART":
            parts = await self.put_parts(media, content, answer["part_bytes"])
            await self.account.call("POST", f"/media/{media}/complete", json={"parts": parts})
        else:
            (await self.put(answer, content)).raise_for_status()
        return media

    async def put_parts(self, media: str, content: bytes, part_bytes: int) -> list[dict[str, Any]]:
        """Upload all parts, and return what `complete` takes."""
        cut = [content[start : start + part_bytes] for start in range(0, len(content), part_bytes)]
        wanted = [{"n": n, "size": len(part), "sha256": sha256(part)} for n, part in enumerate(cut, 1)]
        done = []
        for start in range(0, len(wanted), _PARTS_AT_ONCE):
            asked = {"parts": wanted[start : start + _PARTS_AT_ONCE]}
            for place in (await self.account.call("POST", f"/media/{media}/parts", json=asked))["items"]:
                answer = (await self.put(place, cut[place["n"] - 1])).raise_for_status()
                done.append({"n": place["n"], "etag": answer.headers["etag"]})
        return done

    async def settled(self, media: str, timeout_s: float = 40.0) -> dict[str, Any]:
        """Wait until it is ready or rejected, and return the object. Raises TimeoutError, httpx.HTTPStatusError."""
        async with asyncio.timeout(timeout_s):
            while (found := await self.account.call("GET", f"/media/{media}"))["status"] == "pending":
                await asyncio.sleep(_POLL_S)
        return dict(found)

    async def served(self, media: str, variant: str = "original") -> httpx.Response:
        """Read a variant as an `<img>` does: the URL from the API, the bytes from S3 without a token."""
        place = await self.account.call("GET", f"/media/{media}/url", params={"variant": variant})
        return await self._s3.get(place["url"])


def announcement(room: str, kind: str, content: bytes) -> dict[str, Any]:
    """Return the body of `POST /media` for a content."""
    return {
        "room": room,
        "kind": kind,
        "name": f"{kind}.bin",
        "content_type": _TYPES[kind],
        "size": len(content),
        "sha256": sha256(content),
    }


def sha256(content: bytes) -> str:
    """Return the checksum as S3 writes it, in base64."""
    return base64.b64encode(hashlib.sha256(content).digest()).decode()
