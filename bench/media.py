"""Pictures and voice: from the end of the upload to the other client, what the function takes, and what Python does."""

import asyncio
import base64
import io
import json
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import httpx
from bench import crowd
from bench.machine import cpu_s, percentile, table, tree_cpu_s, tree_pss_bytes
from bench.requests import hammer
from PIL import Image

from kaftalk_testing.chat_socket import ChatSocket
from kaftalk_testing.media_samples import recording
from kaftalk_testing.media_uploads import Uploads, announcement
from kaftalk_testing.stack import Stack, run_stack

IMAGES = 40
VOICES = 5
WARM_UP = 3
REQUESTS_S = 5.0
FILES = 4
FILE_MIB = 64
IDLE_S = 5.0
LIMITS = {"KAFTALK_LIMIT_UPLOADS": "10000000", "KAFTALK_MEDIA_FILE_BYTES_MAX": str(1 << 30)}
Row = tuple[object, ...]
SERVICES = ("media", "rooms", "gateway", "delivery", "dnd-batch")


@dataclass
class Stage:
    """Two members of a room on two gateways; whoever reads notes the results as they come."""

    stack: Stack
    room: str
    sender: Uploads
    reader: Uploads
    sending: ChatSocket
    reading: ChatSocket
    n: int = 0
    results: dict[str, "asyncio.Future[float]"] = field(default_factory=dict)

    async def read(self) -> None:
        """Note when each result arrives at the reader."""
        while True:
            event = (await self.reading.event(self.room, 600))["e"]
            if event["k"] == "media" and not (seen := self.result(event["media"])).done():
                assert event["status"] == "ready", event
                seen.set_result(time.perf_counter())

    def result(self, media: str) -> "asyncio.Future[float]":
        """Give what becomes the time of the result."""
        return self.results.setdefault(media, asyncio.get_running_loop().create_future())

    async def show(self, sample: "Sample", n: int) -> tuple[float, float]:
        """Send a message with an upload; give the time from its end to the event, and to the bytes, in ms."""
        content = sample.content(n)
        announced = await self.sender.announce(self.room, sample.kind, content)
        self.n += 1
        media, frame = announced["id"], {"t": "send", "room": self.room, "n": self.n, "text": ""}
        assert (await self.sending.ask({**frame, "media": [media]}))["t"] == "ack"
        (await self.sender.put(announced, content)).raise_for_status()
        done = time.perf_counter()
        told = await self.result(media)
        (await self.reader.served(media, sample.variant)).raise_for_status()
        return 1e3 * (told - done), 1e3 * (time.perf_counter() - done)


@dataclass(frozen=True, slots=True)
class Sample:
    """Uploads of one size, no two alike, and the variant that others read first."""

    name: str
    kind: str
    variant: str
    count: int
    content: Callable[[int], bytes]


async def run() -> str:
    """Measure all on one stack, and write the tables."""
    with tempfile.TemporaryDirectory() as folder:
        async with run_stack(Path(folder), settings=crowd.LIMITS | LIMITS, media=True) as stack, _stage(stack) as stage:
            shown, function = await _shown(stage)
            uploaded = await _uploaded(stage)
            # Last: the service has thousands of announcements to look after when it is over.
            requests = await _requests(stage)
    return "\n\n".join((shown, function, requests, uploaded))


@asynccontextmanager
async def _stage(stack: Stack) -> AsyncIterator[Stage]:
    async with crowd.client(stack.url) as http, httpx.AsyncClient(timeout=60) as s3:
        sender, reader = await crowd.accounts(http, 2)
        room = (await sender.room())["id"]
        await reader.join(room)
        sending, reading = [await ChatSocket.open(stack.ws_url(n), who) for n, who in enumerate((sender, reader))]
        stage = Stage(stack, room, Uploads(sender, s3), Uploads(reader, s3), sending, reading)
        task = asyncio.create_task(stage.read())
        yield stage
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _shown(stage: Stage) -> tuple[str, str]:
    picture, voice = await asyncio.to_thread(_picture), await asyncio.to_thread(recording, "webm", 60)
    samples = [
        Sample(f"picture of 12 MP, {_mib(picture)}", "image", "thumb", IMAGES, partial(_marked, picture)),
        Sample(f"minute of voice, {_mib(voice)}", "voice", "playable", VOICES, partial(_ended, voice)),
    ]
    rows = [await _sampled(stage, sample) for sample in samples]
    head = ("upload done →", "uploads", "event p50 ms", "event p99 ms", "shown p50 ms", "shown p99 ms")
    function = table(("the function, warm", "CPU-s each", "memory MiB"), [spent for _, spent in rows])
    return table(head, [times for times, _ in rows]), function


async def _sampled(stage: Stage, sample: Sample) -> tuple[Row, Row]:
    """Upload one after the other; the memory is watched in one more, for looking costs time."""
    for n in range(WARM_UP):
        await stage.show(sample, n)
    function = _function(stage.stack)
    before = tree_cpu_s(function)
    took = [await stage.show(sample, WARM_UP + n) for n in range(sample.count)]
    cpu_each_s = (tree_cpu_s(function) - before) / sample.count
    peak = await _peak(function, stage.show(sample, -1))
    told, seen = ([times[i] for times in took] for i in (0, 1))
    figures = [f"{percentile(values, share):.0f}" for values in (told, seen) for share in (0.5, 0.99)]
    return (sample.name, sample.count, *figures), (sample.name, f"{cpu_each_s:.2f}", f"{peak / 2**20:.0f}")


async def _requests(stage: Stage) -> str:
    """Ask the media service for signatures, straight at its listener and from one process, as fast as it goes."""
    announced = await stage.sender.announce(stage.room, "file", b"1")
    (await stage.sender.put(announced, b"1")).raise_for_status()
    await stage.sender.settled(announced["id"])
    body = json.dumps(announcement(stage.room, "file", b"1")).encode()
    asked = {
        "`POST /media`": ("POST", "/api/v1/media", body, 201),
        "`GET /media/{id}/url`": ("GET", f"/api/v1/media/{announced['id']}/url?variant=original", b"", 200),
    }
    port, pid = stage.stack.plan.instances["media-1"].public, stage.stack.pid("media")
    rows = []
    for name, (method, path, content, status) in asked.items():
        headers = {"Authorization": f"Bearer {stage.sender.account.token}", "Content-Type": "application/json"}
        before = cpu_s(pid)
        answers = await hammer(port, method, path, headers, content, seconds=REQUESTS_S)
        spent = cpu_s(pid) - before
        assert set(answers.statuses) == {status}, answers.statuses
        p50, p99 = (f"{percentile(answers.took_ms, share):.1f}" for share in (0.5, 0.99))
        rows.append((name, f"{len(answers.took_ms) / REQUESTS_S:.0f}", p50, p99, _micros(spent, len(answers.took_ms))))
    return table(("one media instance", "requests/s", "p50 ms", "p99 ms", "CPU-µs each"), rows)


async def _uploaded(stage: Stage) -> str:
    """Upload large files in parts, and count what the services do meanwhile beside what they do idle."""
    content = bytes(range(256)) * 4096 * FILE_MIB
    idle = await _spent(stage.stack, lambda: asyncio.sleep(IDLE_S))
    start = time.perf_counter()
    busy = await _spent(stage.stack, lambda: _files(stage, content))
    took = time.perf_counter() - start
    mib = FILES * FILE_MIB
    each = [f"{1e3 * max(0.0, busy[name] - idle[name] * took / IDLE_S) / mib:.2f}" for name in SERVICES]
    head = ("uploaded", "MiB/s", *(f"{name} CPU-ms a MiB" for name in SERVICES))
    return table(head, [(f"{mib} MiB in parts of 16 MiB", f"{mib / took:.0f}", *each)])


async def _files(stage: Stage, content: bytes) -> None:
    for n in range(FILES):
        await stage.sender.upload(stage.room, "file", n.to_bytes(8) + content[8:])


async def _spent(stack: Stack, do: Callable[[], Any]) -> dict[str, float]:
    pids = {name: [stack.pid(each) for each in stack.plan.of(name)] for name in SERVICES}
    before = {name: sum(map(cpu_s, some)) for name, some in pids.items()}
    await do()
    return {name: sum(map(cpu_s, some)) - before[name] for name, some in pids.items()}


async def _peak(pid: int, work: Coroutine[Any, Any, object]) -> int:
    """Look at the memory of a process and its children while something is done."""
    task, peak = asyncio.create_task(work), 0
    while not task.done():
        peak = max(peak, tree_pss_bytes(pid))
        await asyncio.sleep(0.01)
    await task
    return peak


def _function(stack: Stack) -> int:
    """Return the process that the runtime client runs in: the host's child."""
    host = stack.pid("thumbnailer")
    return int(Path(f"/proc/{host}/task/{host}/children").read_text().split()[0])


def _mib(content: bytes) -> str:
    return f"{len(content) / 2**20:.1f} MiB"


def _micros(seconds: float, count: int) -> str:
    return f"{1e6 * seconds / count:.0f}" if count else "nan"


def _picture() -> bytes:
    """Make a JPEG of 12 MP as large as a phone's."""
    grain = Image.effect_noise((4000, 3000), 24)
    slope = Image.linear_gradient("L").resize((4000, 3000))
    picture = Image.merge("RGB", (Image.blend(slope, grain, 0.4), Image.blend(grain, slope, 0.7), slope))
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=92)
    return file.getvalue()


def _marked(jpeg: bytes, n: int) -> bytes:
    """Give the picture a comment, so that no two uploads are alike."""
    note = base64.b16encode(n.to_bytes(8, signed=True))
    return jpeg[:2] + b"\xff\xfe" + (len(note) + 2).to_bytes(2) + note + jpeg[2:]


def _ended(webm: bytes, n: int) -> bytes:
    """Give the recording a Void element at its end (RFC 8794)."""
    return webm + b"\xec\x88" + n.to_bytes(8, signed=True)


if __name__ == "__main__":
    print(asyncio.run(run()))
