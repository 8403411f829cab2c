"""The calls that the function makes, against a real server."""

import asyncio
import uuid
from pathlib import Path
from typing import Any

import pytest

from kaftalk_thumbnailer.store import Absent, ObjectStore

pytestmark = pytest.mark.slow


async def test_an_object_is_written_read_copied_and_removed(store: ObjectStore, stage: Any, tmp_path: Path) -> None:
    def use() -> None:
        store.write("incoming/a", b"0123456789", "text/html")
        assert store.size("incoming/a") == 10
        assert store.read("incoming/a") == b"0123456789"
        assert store.read("incoming/a", 4) == b"0123"
        store.download("incoming/a", tmp_path / "a")
        store.upload(tmp_path / "a", "media/a", "image/webp")
        store.copy("incoming/a", "media/b", "application/octet-stream")
        store.delete("incoming/a")
        store.delete("incoming/a")

    await asyncio.to_thread(use)
    assert await stage.bucket.keys() == {"media/a", "media/b"}
    assert await stage.bucket.get("media/a") == (b"0123456789", "image/webp")
    assert await stage.bucket.get("media/b") == (b"0123456789", "application/octet-stream")


async def test_everything_below_a_prefix_goes_and_nothing_beside_it(store: ObjectStore, stage: Any) -> None:
    for key in ("media/a/1", "media/a/2", "media/ab/1"):
        await stage.bucket.put(key, b"x")
    for _ in range(2):
        await asyncio.to_thread(store.delete_all, "media/a/")
        assert await stage.bucket.keys() == {"media/ab/1"}


async def test_what_is_not_there_is_absent(store: ObjectStore, tmp_path: Path) -> None:
    key = f"incoming/{uuid.uuid4()}"
    with pytest.raises(Absent):
        await asyncio.to_thread(store.size, key)
    with pytest.raises(Absent):
        await asyncio.to_thread(store.read, key)
    with pytest.raises(Absent):
        await asyncio.to_thread(store.download, key, tmp_path / "a")
    with pytest.raises(Absent):
        await asyncio.to_thread(store.copy, key, "media/a", "image/webp")
