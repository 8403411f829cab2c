"""What an event says, what a file is, and what is told of a result."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaftalk_runtime.clock import SystemClock
from kaftalk_runtime.internal_auth import InternalKeys, NotAuthenticated
from kaftalk_thumbnailer import manifest
from kaftalk_thumbnailer.callback import MediaService
from kaftalk_thumbnailer.errors import Reason, Rejected
from kaftalk_thumbnailer.rendition import Rendition, Variant
from kaftalk_thumbnailer.settings import SettingError, Settings
from kaftalk_thumbnailer.sniffing import HEAD_BYTES, sniff
from kaftalk_thumbnailer.uploads import Upload, upload_of, uploads_in

ROOM = "0192f0c1-2b7a-7c3d-9e4f-112233445566"
ID = "0192f0c1-2b7a-7c3d-9e4f-aabbccddeeff"
KEY = f"incoming/image/{ROOM}/{ID}"
SECRET = "0123456789abcdef0123456789abcdef"


def event(key: str, *, name: str = "ObjectCreated:Put", bucket: str = "media") -> dict[str, Any]:
    return {"Records": [{"eventName": name, "s3": {"bucket": {"name": bucket}, "object": {"key": key, "size": 1}}}]}


def test_an_upload_s_key_says_everything() -> None:
    upload = upload_of(KEY)
    assert upload == Upload("image", ROOM, ID)
    assert upload.incoming == KEY
    assert upload.folder == f"media/{ROOM}/{ID}/"


@pytest.mark.parametrize(
    "name", ["ObjectCreated:Put", "s3:ObjectCreated:CompleteMultipartUpload", "ObjectCreated:Post"]
)
def test_an_event_names_its_upload_as_aws_and_as_versitygw_write_it(name: str) -> None:
    for key in (KEY, KEY.replace("/", "%2F")):
        assert list(uploads_in(event(key, name=name), "media")) == [Upload("image", ROOM, ID)]


@pytest.mark.parametrize(
    "other",
    [
        {"Service": "S3", "Event": "s3:TestEvent", "Bucket": "media"},
        {},
        {"Records": []},
        {"Records": [{}]},
        event(KEY, name="ObjectRemoved:Delete"),
        event(KEY, bucket="elsewhere"),
        event(f"media/{ROOM}/{ID}/thumb.webp"),
        event(f"incoming/image/{ROOM}/../{ID}"),
        event(f"incoming/film/{ROOM}/{ID}"),
        event(f"{KEY}/more"),
        event(f"{KEY}%0A"),
        event(""),
        event("incoming/사진+한+장.png"),
    ],
)
def test_an_event_about_something_else_is_none_of_its_business(other: dict[str, Any]) -> None:
    assert list(uploads_in(other, "media")) == []


@pytest.mark.parametrize(
    ("head", "content_type"),
    [
        (b"%PDF-1.7", "application/pdf"),
        (b"PK\x03\x04...", "application/zip"),
        ("안녕하세요\n".encode(), "text/plain; charset=utf-8"),
        (("가" * HEAD_BYTES).encode()[:HEAD_BYTES], "text/plain; charset=utf-8"),
        (b"#!/bin/sh\nrm -rf /\n", "text/plain; charset=utf-8"),
        (b"  <!DOCTYPE html><script>", "application/octet-stream"),
        (b"\xef\xbb\xbf<svg onload=alert(1)>", "application/octet-stream"),
        (b"\0asm", "application/octet-stream"),
        (b"MZ\x90\0", "application/octet-stream"),
        (b"\xff\xfe<\0h\0t\0", "application/octet-stream"),
        (b"caf\xe9", "application/octet-stream"),
    ],
)
def test_a_file_is_what_its_content_says_and_markup_is_never_text(head: bytes, content_type: str) -> None:
    assert sniff(head) == content_type


@given(st.binary(max_size=64))
def test_whatever_comes_has_a_type_that_runs_nowhere(head: bytes) -> None:
    assert sniff(head) not in {"text/html", "image/svg+xml", "text/javascript", "application/xhtml+xml"}


def test_the_manifest_is_what_the_contract_says() -> None:
    variants = {
        "original": Variant("original.jpg", "image/jpeg", 4000, 3000),
        "thumb": Variant("thumb.webp", "image/webp", 320, 240),
    }
    found = manifest.ready(
        Upload("image", ROOM, ID), Rendition(variants, 4000, 3000, blur="UklG"), {"original.jpg": 9, "thumb.webp": 5}
    )
    assert found == {
        "v": 1,
        "id": ID,
        "room": ROOM,
        "kind": "image",
        "status": "ready",
        "content_type": "image/jpeg",
        "size": 9,
        "width": 4000,
        "height": 3000,
        "blur": "UklG",
        "variants": {
            "original": {
                "key": f"media/{ROOM}/{ID}/original.jpg",
                "content_type": "image/jpeg",
                "size": 9,
                "width": 4000,
                "height": 3000,
            },
            "thumb": {
                "key": f"media/{ROOM}/{ID}/thumb.webp",
                "content_type": "image/webp",
                "size": 5,
                "width": 320,
                "height": 240,
            },
        },
    }
    assert manifest.decode(manifest.encode(found)) == found


def test_a_refusal_has_a_reason_and_nothing_to_serve() -> None:
    found = manifest.rejected(Upload("voice", ROOM, ID), Rejected(Reason.TOO_LONG, "1200 s"))
    assert json.loads(manifest.encode(found)) == {
        "v": 1,
        "id": ID,
        "room": ROOM,
        "kind": "voice",
        "status": "rejected",
        "reason": "too_long",
        "variants": {},
    }


def test_a_callback_is_signed_as_every_internal_call() -> None:
    keys = InternalKeys(["another-key-of-32-characters-....", SECRET])
    media = MediaService("http://127.0.0.1:1", SECRET, now_ms=SystemClock().now_ms)
    header = media.signature("POST", f"/media/{ID}/result", b"{}")
    keys.verify("POST", f"/media/{ID}/result", header, b"{}")
    with pytest.raises(NotAuthenticated):
        keys.verify("POST", f"/media/{ID}/result", media.signature("POST", "/media/other/result", b"{}"), b"{}")


def test_a_missing_setting_is_named() -> None:
    settings = {"KAFTALK_INTERNAL_KEYS": f"{SECRET},old", "KAFTALK_S3_BUCKET": "media", "KAFTALK_MEDIA_URL": "http://m"}
    assert Settings.load(settings).internal_key == SECRET
    assert Settings.load(settings).endpoint is None
    for name in settings:
        with pytest.raises(SettingError, match=name):
            Settings.load(settings | {name: ""})
