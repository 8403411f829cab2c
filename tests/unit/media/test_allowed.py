"""What may be uploaded."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaftalk_media.allowed import check, is_content_type, part_count, part_size
from kaftalk_media.settings import MIB, Settings
from kaftalk_protocol.errors import Code, Refused
from kaftalk_protocol.media import Kind
from kaftalk_testing.keys import jwt_key_file


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    given: dict[str, Any] = {
        "instance": "media-1", "listen": "127.0.0.1:1", "internal_listen": "127.0.0.1:2", "kafka_bootstrap": "x:1",
        "redis_url": "redis://x", "internal_keys": "0123456789abcdefghijklmnopqrstuvwxyz",
        "jwt_key_file": jwt_key_file(tmp_path),
    }  # fmt: skip
    return Settings(**given)


@pytest.mark.parametrize(
    ("kind", "content_type"),
    [
        ("image", "image/heic"), ("image", "IMAGE/PNG"), ("voice", "audio/webm;codecs=opus"),
        ("voice", "audio/webm; codecs=opus"), ("voice", "audio/wav"), ("file", "application/x-anything"),
        ("file", "text/html"), ("file", "image/svg+xml"),
    ],
)  # fmt: skip
def test_a_kind_takes_its_types(settings: Settings, kind: Kind, content_type: str) -> None:
    check(settings, kind, content_type, 1)


@pytest.mark.parametrize(
    ("kind", "content_type", "size", "code"),
    [
        ("image", "image/svg+xml", 1, Code.UNSUPPORTED), ("image", "audio/wav", 1, Code.UNSUPPORTED),
        ("voice", "image/png", 1, Code.UNSUPPORTED), ("image", "image/png", 25 * MIB + 1, Code.TOO_LARGE),
        ("voice", "audio/wav", 25 * MIB + 1, Code.TOO_LARGE), ("file", "x/y", 100 * MIB + 1, Code.TOO_LARGE),
    ],
)  # fmt: skip
def test_other_types_and_longer_ones_are_refused(
    settings: Settings, kind: Kind, content_type: str, size: int, code: Code
) -> None:
    with pytest.raises(Refused) as refused:
        check(settings, kind, content_type, size)
    assert refused.value.code is code


def test_what_has_more_parts_than_one_request_can_name_is_too_large(settings: Settings) -> None:
    large = settings.model_copy(update={"media_file_bytes_max": 1 << 50})
    check(large, "file", "x/y", 1_000 * settings.media_part_bytes)
    with pytest.raises(Refused):
        check(large, "file", "x/y", 1_000 * settings.media_part_bytes + 1)


@pytest.mark.parametrize("text", ["text/plain", 'text/plain; charset="utf 8"', "a/b;c=d;e=f", "x-y/z+w"])
def test_media_types_are_known_as_such(text: str) -> None:
    assert is_content_type(text)


@pytest.mark.parametrize(
    "text", ["", "text", "text/", "/plain", "a/b\r\nc: d", "a/b;", "a/b;c", "a/b c", "가/나", "a/b\n"]
)
def test_nothing_else_is_a_media_type(text: str) -> None:
    assert not is_content_type(text)


@given(st.integers(1, 10_000), st.integers(1, 100))
def test_parts_make_up_the_whole(size: int, part_bytes: int) -> None:
    count = part_count(size, part_bytes)
    sizes = [part_size(size, part_bytes, n) or 0 for n in range(1, count + 1)]
    assert sum(sizes) == size
    assert all(each == part_bytes for each in sizes[:-1])
    assert 1 <= sizes[-1] <= part_bytes
    assert part_size(size, part_bytes, 0) is None
    assert part_size(size, part_bytes, count + 1) is None
