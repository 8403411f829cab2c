"""Files that were good before a few of their bytes were changed: each is taken or refused, and nothing hangs."""

import random
from collections.abc import Callable

import pytest

from kaftalk_testing.media_rendering import Render
from kaftalk_testing.media_samples import apng, gif, heic, photo, recording

pytestmark = pytest.mark.slow

REASONS = {"unreadable", "unsupported_type", "too_many_pixels", "too_many_frames", "too_long", "too_complex", "empty"}
MIB_MAX = 512

SAMPLES: dict[str, tuple[str, Callable[[], bytes]]] = {
    "JPEG": ("image", photo),
    "PNG": ("image", lambda: photo("PNG")),
    "WebP": ("image", lambda: photo("WEBP")),
    "AVIF": ("image", lambda: photo("AVIF")),
    "HEIC": ("image", heic),
    "GIF": ("image", lambda: gif(10)),
    "APNG": ("image", lambda: apng(10, 40, 30)),
    "WebM": ("voice", lambda: recording("webm", 1)),
    "Ogg": ("voice", lambda: recording("ogg", 1)),
    "M4A": ("voice", lambda: recording("m4a", 1)),
    "WAV": ("voice", lambda: recording("wav", 1)),
}


def mutated(content: bytes, chance: random.Random) -> bytes:
    """Change up to 8 bytes, most of them in the headers, and now and then the length."""
    changed = bytearray(content)
    for _ in range(chance.randint(1, 8)):
        end = len(changed) if chance.random() < 0.4 else min(200, len(changed))
        changed[chance.randrange(end)] = chance.choice([0, 1, 0x7F, 0x80, 0xFF, chance.randrange(256)])
    if chance.random() < 0.2:
        at = chance.randrange(len(changed))
        changed[at:at] = changed[: chance.randrange(1, 2_000)]
    if chance.random() < 0.2:
        del changed[chance.randrange(1, len(changed)) :]
    return bytes(changed)


@pytest.mark.slow
@pytest.mark.parametrize("name", SAMPLES)
def test_a_changed_file_is_taken_or_refused(render: Render, name: str) -> None:
    kind, sample = SAMPLES[name]
    content, chance = sample(), random.Random(name)
    for _ in range(150):
        upload = mutated(content, chance)
        outcome = render(kind, upload, cpu_s=10)
        assert outcome.result or outcome.reason in REASONS, upload.hex()
        assert outcome.mib < MIB_MAX
