"""The memory of the function and all its children, while it works on the largest uploads that it takes."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from kaftalk_lambda_host.environment import Environment, LambdaFunction
from kaftalk_testing.media_samples import apng, painting, photo, recording, saved

pytestmark = pytest.mark.slow

MIB_MAX = 512
ROOM = str(uuid.uuid4())


def tree(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(each for child in children for each in tree(int(child)))]


def mib_of(pid: int) -> float:
    """Add up what each process has to itself and its share of what it shares (smaps_rollup, Pss)."""
    kib = 0
    for each in tree(pid):
        rollup = Path(f"/proc/{each}/smaps_rollup").read_text()
        kib += next(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:"))
    return kib / 1024


@asynccontextmanager
async def watched(environment: Environment) -> AsyncIterator[list[float]]:
    """Sample the memory all the time, as well as a busy machine lets it."""
    samples: list[float] = []

    async def watch() -> None:
        while True:
            if environment.pid:
                # A child may end between two looks.
                with suppress(OSError, ValueError):
                    samples.append(mib_of(environment.pid))
            await asyncio.sleep(0.01)

    task = asyncio.create_task(watch())
    try:
        yield samples
    finally:
        task.cancel()


UPLOADS = {
    "a JPEG of 50 MP held sideways": ("image", lambda: photo(size=(8_160, 6_120), orientation=6)),
    "a progressive JPEG of 24 MP": ("image", lambda: saved(painting((6_000, 4_000)), "JPEG", progressive=True)),
    "a PNG of 50 MP with transparency": (
        "image",
        lambda: saved(painting((7_070, 7_070), "RGBA"), "PNG", compress_level=1),
    ),
    "a WebP of 20 MP": ("image", lambda: saved(painting((5_000, 4_000), "RGBA"), "WEBP", method=0, quality=50)),
    "an animation of 300 MP": ("image", lambda: apng(300, 1_000, 1_000)),
    "ten minutes of voice": ("voice", lambda: recording("webm", 599)),
}


@pytest.mark.parametrize("upload", UPLOADS)
async def test_the_largest_uploads_fit_into_the_function(
    stage: Any, thumbnailer: LambdaFunction, tmp_path: Path, upload: str
) -> None:
    kind, content = UPLOADS[upload]
    key = f"incoming/{kind}/{ROOM}/{uuid.uuid4()}"
    await stage.bucket.put(key, await asyncio.to_thread(content))
    stored = {"bucket": {"name": stage.bucket.name}, "object": {"key": key}}
    event = {"Records": [{"eventName": "ObjectCreated:Put", "s3": stored}]}
    async with Environment(thumbnailer, tmp_path) as environment, watched(environment) as samples:
        await environment.invoke(json.dumps(event).encode())
    assert stage.media.told[-1]["status"] == "ready", stage.media.told[-1]
    assert 40 < max(samples) < MIB_MAX
    print(f"{upload}: {max(samples):.0f} MiB")
