"""`kaftalk rebuild-views` beside a running stack; `tests/integration/rooms/test_rebuild.py` tests it alone."""

import asyncio

import httpx
import pytest

from kaftalk_testing.account import Account
from kaftalk_testing.media_samples import photo
from kaftalk_testing.media_uploads import Uploads
from kaftalk_testing.operator import kaftalk
from kaftalk_testing.stack import Stack

pytestmark = pytest.mark.slow


async def test_rooms_that_sent_pictures_are_made_again_like_all_others(stack: Stack) -> None:
    async with httpx.AsyncClient(base_url=stack.url, timeout=30) as http, httpx.AsyncClient(timeout=10) as s3:
        owner = await Account.register(http)
        room = (await owner.room())["id"]
        picture = await Uploads(owner, s3).upload(room, "image", photo(size=(64, 48)))
        sent = await owner.call("POST", f"/rooms/{room}/messages", json={"text": "사진", "media": [picture]})
        rebuilt = await asyncio.to_thread(kaftalk, stack, "rebuild-views", "--json")
        assert rebuilt.status == 0, rebuilt.err
        assert rebuilt.answer["rooms_missing"] == 0
        page = await owner.call("GET", f"/rooms/{room}/messages")
        assert [one["id"] for one in page["items"][-1]["e"]["media"]] == [picture]
        assert page["items"][-1]["seq"] == sent["seq"]
