"""From an object in `incoming/` to what is served: VersityGW, Kafka, the runtime client and the function, all real."""

import asyncio
import json
import sys
import uuid
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kaftalk_lambda_host.environment import LambdaFunction
from kaftalk_testing.media_samples import CANARY, painting, photo, png_header, recording, saved
from kaftalk_testing.ports import free_port
from kaftalk_testing.probes import http_ok
from kaftalk_testing.process import Program, start
from kaftalk_testing.proxy import Faults, tcp_proxy

pytestmark = pytest.mark.slow

WAIT_S = 60
ROOM = str(uuid.uuid4())


def new_id() -> str:
    return str(uuid.uuid4())


def incoming(kind: str, media: str) -> str:
    return f"incoming/{kind}/{ROOM}/{media}"


def event(stage: Any, key: str) -> dict[str, Any]:
    stored = {"bucket": {"name": stage.bucket.name}, "object": {"key": key}}
    return {"Records": [{"eventName": "s3:ObjectCreated:Put", "s3": stored}]}


async def manifest_of(stage: Any, media: str) -> Any:
    content, content_type = await stage.bucket.get(f"media/{ROOM}/{media}/manifest.json")
    assert content_type == "application/json"
    return json.loads(content)


async def test_a_photo_becomes_what_is_served(stage: Any, run_host: Any, thumbnailer: LambdaFunction) -> None:
    media = new_id()
    async with run_host(thumbnailer), asyncio.timeout(WAIT_S):
        await stage.bucket.put(incoming("image", media), photo(size=(2000, 1500)), "image/jpeg")
        told = await stage.media.result_of(media)
    assert (told["status"], told["content_type"], told["width"], told["height"]) == ("ready", "image/jpeg", 2000, 1500)
    assert await manifest_of(stage, media) == told
    folder = f"media/{ROOM}/{media}/"
    names = ("manifest.json", "original.jpg", "preview.webp", "thumb.webp")
    assert await stage.bucket.keys() == {folder + name for name in names}
    for variant in told["variants"].values():
        content, content_type = await stage.bucket.get(variant["key"])
        assert (len(content), content_type) == (variant["size"], variant["content_type"])
        assert CANARY not in content


async def test_voice_becomes_one_file_that_plays_everywhere(
    stage: Any, run_host: Any, thumbnailer: LambdaFunction
) -> None:
    media = new_id()
    async with run_host(thumbnailer), asyncio.timeout(WAIT_S):
        await stage.bucket.put(incoming("voice", media), recording("webm", 3), "audio/webm")
        told = await stage.media.result_of(media)
    assert (told["status"], told["content_type"], len(told["peaks"])) == ("ready", "audio/mp4", 100)
    assert abs(told["duration_ms"] - 3000) < 50
    assert told["variants"]["playable"] == told["variants"]["original"]
    assert await stage.bucket.keys() == {f"media/{ROOM}/{media}/{name}" for name in ("manifest.json", "voice.m4a")}


async def test_a_file_stays_as_it_is_and_markup_is_only_a_download(
    stage: Any, run_host: Any, thumbnailer: LambdaFunction
) -> None:
    files = {
        new_id(): (b"<!DOCTYPE html><script>alert(1)</script>", "text/html", "application/octet-stream"),
        new_id(): (b"<svg onload='alert(1)'/>", "image/svg+xml", "application/octet-stream"),
        new_id(): (b"%PDF-1.7 and so on", "text/html", "application/pdf"),
        new_id(): ("메모".encode(), "text/javascript", "text/plain; charset=utf-8"),
    }
    async with run_host(thumbnailer), asyncio.timeout(WAIT_S):
        for media, (content, declared, _) in files.items():
            await stage.bucket.put(incoming("file", media), content, declared)
        for media, (content, _, content_type) in files.items():
            told = await stage.media.result_of(media)
            assert (told["content_type"], told["size"]) == (content_type, len(content))
            assert await stage.bucket.get(told["variants"]["original"]["key"]) == (content, content_type)


async def test_what_is_refused_is_told_once_and_not_tried_again(
    stage: Any, run_host: Any, thumbnailer: LambdaFunction
) -> None:
    small = replace(thumbnailer, environment=dict(thumbnailer.environment) | {"KAFTALK_MEDIA_BYTES_MAX": "100000"})
    refused = {
        new_id(): ("image", png_header(50_000, 50_000), "too_many_pixels"),
        new_id(): ("image", b"<svg onload='alert(1)'/>", "unsupported_type"),
        new_id(): ("voice", photo(), "unsupported_type"),
        new_id(): ("image", photo()[:2000], "unreadable"),
        new_id(): ("image", b"", "empty"),
        new_id(): ("file", b"", "empty"),
        new_id(): ("image", bytes(100_001), "too_large"),
    }
    async with run_host(small) as host, asyncio.timeout(WAIT_S):
        for media, (kind, content, _) in refused.items():
            await stage.bucket.put(incoming(kind, media), content)
        for media, (kind, _, reason) in refused.items():
            told = await stage.media.result_of(media)
            assert (told["kind"], told["status"], told["reason"], told["variants"]) == (kind, "rejected", reason, {})
            assert await manifest_of(stage, media) == told
        assert len(stage.media.told) == len(refused)
        assert (host.dead_letters, host.environments[0].cold_starts) == (0, 1)
    assert await stage.bucket.keys() == {f"media/{ROOM}/{media}/manifest.json" for media in refused}


async def test_events_may_come_twice_late_and_for_nothing(
    stage: Any, run_host: Any, thumbnailer: LambdaFunction
) -> None:
    first, second, never = new_id(), new_id(), new_id()
    async with run_host(thumbnailer) as host, asyncio.timeout(WAIT_S):
        await stage.events.write(event(stage, incoming("image", never)))
        await stage.bucket.put(incoming("image", second), photo("PNG"))
        await stage.bucket.put(incoming("image", first), photo())
        told = {media: await stage.media.result_of(media) for media in (first, second)}
        stored = {key: await stage.bucket.get(key) for key in await stage.bucket.keys()}
        # A replayed upload brings its bytes once more; a repeated event brings nothing.
        await stage.bucket.put(incoming("image", first), photo())
        await stage.events.write(event(stage, incoming("image", second)), event(stage, incoming("image", first)))
        assert await stage.media.result_of(second, times=2) == told[second]
        assert await stage.media.result_of(first, times=3) == told[first]
        assert host.dead_letters == 0
    assert {key: await stage.bucket.get(key) for key in await stage.bucket.keys()} == stored


async def test_a_function_killed_while_it_decodes_is_started_again(
    stage: Any, run_host: Any, thumbnailer: LambdaFunction
) -> None:
    media, other = new_id(), new_id()
    async with run_host(thumbnailer) as host, asyncio.timeout(WAIT_S):
        await stage.bucket.put(incoming("image", other), photo())
        await stage.media.result_of(other)
        before = host.invocations
        await stage.bucket.put(incoming("image", media), saved(painting((3000, 2000)), "PNG"))
        while host.invocations == before:
            await asyncio.sleep(0.01)
        host.environments[0].kill()
        told = await stage.media.result_of(media)
        assert (told["status"], host.invocations, host.environments[0].cold_starts) == ("ready", before + 2, 2)
    assert incoming("image", media) not in await stage.bucket.keys()


async def test_a_function_killed_between_its_result_and_telling_it_goes_on_there(
    stage: Any, run_host: Any, thumbnailer: LambdaFunction
) -> None:
    media = new_id()
    async with run_host(thumbnailer) as host, asyncio.timeout(WAIT_S):
        stage.media.open.clear()
        await stage.bucket.put(incoming("image", media), photo())
        told = await stage.media.result_of(media)
        stored = {key: await stage.bucket.get(key) for key in await stage.bucket.keys()}
        host.environments[0].kill()
        stage.media.open.set()
        assert await stage.media.result_of(media, times=2) == told
    assert {key: await stage.bucket.get(key) for key in await stage.bucket.keys()} == stored


async def test_a_media_that_was_deleted_meanwhile_leaves_nothing(
    stage: Any, run_host: Any, thumbnailer: LambdaFunction
) -> None:
    stage.media.status = 410
    async with run_host(thumbnailer), asyncio.timeout(WAIT_S):
        for kind, content in (("image", photo()), ("file", b"bytes"), ("voice", b"no voice")):
            media = new_id()
            await stage.bucket.put(incoming(kind, media), content)
            await stage.media.result_of(media)
        while await stage.bucket.keys():
            await asyncio.sleep(0.05)


async def test_a_result_that_nobody_takes_waits_in_the_manifest(
    stage: Any, run_host: Any, thumbnailer: LambdaFunction
) -> None:
    media, stage.media.status = new_id(), 503
    async with run_host(thumbnailer) as host, asyncio.timeout(WAIT_S):
        await stage.bucket.put(incoming("image", media), photo())
        told = await stage.media.result_of(media, times=3)
        while not host.dead_letters:
            await asyncio.sleep(0.05)
        assert await manifest_of(stage, media) == told
        assert incoming("image", media) not in await stage.bucket.keys()
        stage.media.status = 204
        letter = (await stage.events.read(1, stage.events.dead_letters))[0]
        assert letter["responsePayload"]["errorType"] == "NotTaken"
        await stage.events.write(letter["requestPayload"])
        assert await stage.media.result_of(media, times=4) == told


async def test_the_host_runs_as_a_program_and_ends_when_it_is_told(
    stage: Any, thumbnailer: LambdaFunction, kafka_bootstrap: str, tmp_path: Path
) -> None:
    media, port = new_id(), free_port()
    settings = {
        "KAFTALK_INSTANCE": "lambda-host-1",
        "KAFTALK_INTERNAL_LISTEN": f"127.0.0.1:{port}",
        "KAFTALK_METRICS_LISTEN": "",
        "KAFTALK_KAFKA_BOOTSTRAP": kafka_bootstrap,
        "KAFTALK_S3_EVENTS_TOPIC": stage.events.topic,
        "KAFTALK_LAMBDA_FOLDER": str(tmp_path),
    }
    command = (sys.executable, "-m", "kaftalk_lambda_host")
    program = Program("lambda-host", command, http_ok(port, "/readyz"), env=dict(thumbnailer.environment) | settings)
    child = await start(program, tmp_path / "host.log", tied=True)
    async with asyncio.timeout(WAIT_S):
        await stage.bucket.put(incoming("image", media), photo())
        assert (await stage.media.result_of(media))["status"] == "ready"
        assert await child.stop() == 0


@pytest.mark.parametrize("direction", ["to_target", "to_client"])
async def test_an_s3_that_goes_away_costs_time_and_nothing_else(
    stage: Any, run_host: Any, thumbnailer: LambdaFunction, direction: str
) -> None:
    async with tcp_proxy(int(stage.bucket.endpoint.rpartition(":")[2])) as proxy:
        away = {"KAFTALK_S3_ENDPOINT": f"http://127.0.0.1:{proxy.port}"}
        function = replace(thumbnailer, environment=dict(thumbnailer.environment) | away)
        async with run_host(function, retry_delays_s=[0.2] * 50) as host, asyncio.timeout(WAIT_S):
            # Cut after a growing number of bytes: each time the function gets a step further before S3 is gone.
            for bytes_left in (0, 700, 2_500, 6_000, 12_000, 20_000, 40_000):
                media, before = new_id(), host.invocations
                setattr(proxy, direction, Faults(bytes_left=bytes_left))
                await stage.bucket.put(incoming("image", media), photo(size=(1000, 800)))
                while host.invocations < before + 2 and not stage.media.told_of(media):
                    await asyncio.sleep(0.01)
                proxy.heal()
                assert (await stage.media.result_of(media))["status"] == "ready"
                assert incoming("image", media) not in await stage.bucket.keys()
            assert host.invocations > 10
