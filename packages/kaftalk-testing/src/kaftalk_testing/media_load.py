"""A town that sends pictures while something breaks: uploads, messages, some of them deleted, and what is counted."""

import asyncio
import itertools
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from kaftalk_protocol.media import Sending, Upload, sending_key, upload_key
from kaftalk_testing.chat_client import ChatClient
from kaftalk_testing.chat_load import ChatLoad, chat_load, eventually
from kaftalk_testing.history import Sent
from kaftalk_testing.media_samples import photo
from kaftalk_testing.media_topic import media_topic, sendings_of, uploads_of
from kaftalk_testing.media_uploads import Uploads
from kaftalk_testing.plan import BUCKET
from kaftalk_testing.s3_bucket import Bucket
from kaftalk_testing.stack import Stack

WAIT_S = 150.0
_POLL_S = 0.2


@dataclass(slots=True)
class Picture:
    """One picture: its id, its message, and whether that was deleted."""

    media: str
    room: str
    sent: Sent
    deleted: bool = False


@dataclass(slots=True)
class MediaLoad:
    """Pictures of one client, seen by all."""

    stack: Stack
    town: ChatLoad
    http: httpx.AsyncClient
    s3: httpx.AsyncClient
    pictures: list[Picture] = field(default_factory=list)
    _counter: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    @property
    def sender(self) -> ChatClient:
        """Who sends the pictures."""
        return self.town.owner

    async def send_while(self, trouble: Awaitable[Any], *, before: int = 4, after: int = 4) -> None:
        """Send pictures one after the other before, during and after some trouble."""
        for _ in range(before):
            await self.picture()
        during = asyncio.ensure_future(trouble)
        while not during.done():
            await self.picture()
        await during
        for _ in range(after):
            await self.picture()

    async def picture(self) -> None:
        """Upload a picture and send it, the message before or after the bytes; a third is deleted at once."""
        content, room, number = photo(size=(64, 48)), random.choice(self.town.rooms), next(self._counter)
        uploads = Uploads(self.sender.account, self.s3)
        announced = await eventually(lambda: uploads.announce(room, "image", content), WAIT_S)
        early = self.sender.send(room, f"사진 {number}", announced["id"]) if number % 2 else None
        await eventually(lambda: _put(uploads, announced, content), WAIT_S)
        sending = early or self.sender.send(room, f"사진 {number}", announced["id"])
        async with asyncio.timeout(WAIT_S):
            sent = await sending
        picture = Picture(announced["id"], room, sent)
        self.pictures.append(picture)
        if number % 3 == 0 and sent.seq is not None:
            await self.sender.caught_up(room, sent.seq, WAIT_S)
            path = f"/rooms/{room}/messages/{sent.seq}"
            await eventually(lambda: self.sender.account.call("DELETE", path), WAIT_S)
            picture.deleted = True

    async def settle(self) -> None:
        """Wait until everybody was told of everything, nothing is left of what was deleted, and the records say so.

        What is done is noted a moment after it. Raises TimeoutError.
        """
        await self.town.settle()
        try:
            async with asyncio.timeout(WAIT_S):
                while self.untold() or await self.left_behind() or await self._wrong_records():
                    await asyncio.sleep(_POLL_S)
        except TimeoutError:
            deleted = [picture.media for picture in self.pictures if picture.deleted]
            untold, left, wrong = self.untold(), await self.left_behind(), await self._wrong_records()
            raise TimeoutError(f"{untold=} {left=} {wrong=} {deleted=} after {WAIT_S:g} s") from None

    def untold(self) -> list[tuple[str, str]]:
        """Give who has not heard that which picture is ready."""
        return [
            (client.view.client, picture.media)
            for client in self.town.clients
            for picture in self.pictures
            if not picture.deleted and "ready" not in client.media.get(picture.media, ())
        ]

    async def left_behind(self) -> list[str]:
        """Give the objects in the bucket that belong to deleted messages or to nothing."""
        bucket = Bucket(self.stack.plan.s3_url, self.stack.plan.s3_credentials, BUCKET)
        kept = {picture.media for picture in self.pictures if not picture.deleted}
        keys = [key for room in self.town.rooms for key in await bucket.keys(f"media/{room}/")]
        incoming = [key for key in await bucket.keys("incoming/") if any(room in key for room in self.town.rooms)]
        return [key for key in keys if key.split("/")[2] not in kept] + incoming

    async def verdict(self, name: str) -> list[str]:
        """Check messages and pictures, print what was counted, and give what must not be."""
        wrong = [str(violation) for violation in self.town.verdict(name)]
        refused = [picture for picture in self.pictures if picture.sent.outcome != "ok"]
        told = Counter(
            statuses for picture in self.pictures if not picture.deleted for statuses in [self._told(picture.media)]
        )
        repeats = sum(count for statuses, count in told.items() if len(statuses) > 1)
        wrong += [f"refused: {picture}" for picture in refused]
        wrong += [f"told {statuses}" for statuses in told if set(statuses) != {"ready"}]
        wrong += [f"not told: {one}" for one in self.untold()] + [f"left: {key}" for key in await self.left_behind()]
        wrong += await self._wrong_records()
        deleted = sum(picture.deleted for picture in self.pictures)
        print(f"{name}: {len(self.pictures)} pictures, {deleted} deleted, {len(self.untold())} untold, "
              f"{len(await self.left_behind())} objects left behind, {repeats} told more than once")  # fmt: skip
        return wrong

    def _told(self, media: str) -> tuple[str, ...]:
        return tuple(self.town.guest.media.get(media, ()))

    async def _wrong_records(self) -> list[str]:
        """Compare the last records in `kaftalk.media` with what happened."""
        wrong = []
        for room in self.town.rooms:
            kafka = self.stack.kafka_bootstrap
            uploads = {upload.id: upload for upload in await uploads_of(kafka, room)}
            sendings = {sending.id: sending for sending in await sendings_of(kafka, room)}
            last = {(record.key or b"").decode(): record for record in await media_topic(kafka, room)}
            for picture in (one for one in self.pictures if one.room == room):
                upload, sending = uploads[picture.media], sendings[picture.media]  # type: ignore[index]
                there = not last[upload_key(upload.id)].deleted and not last[sending_key(upload.id)].deleted
                if not _is_right(picture, upload, sending, there=there):
                    wrong.append(f"records: {picture} {upload.state} {sending}")
        return wrong


def _is_right(picture: Picture, upload: Upload, sending: Sending, *, there: bool) -> bool:
    if picture.deleted:
        return upload.state == "removed" and sending.removed
    return there and (upload.state, sending.told, sending.seq) == ("ready", "ready", picture.sent.seq or sending.seq)


async def _put(uploads: Uploads, announced: dict[str, Any], content: bytes) -> None:
    (await uploads.put(announced, content)).raise_for_status()


@asynccontextmanager
async def media_load(stack: Stack) -> AsyncIterator[MediaLoad]:
    """Make a town on a stack with S3 and the function."""
    async with (
        chat_load(stack, rooms=2, people=3) as town,
        httpx.AsyncClient(base_url=stack.url, timeout=30.0) as http,
        httpx.AsyncClient(timeout=10.0) as s3,
    ):
        yield MediaLoad(stack, town, http, s3)
