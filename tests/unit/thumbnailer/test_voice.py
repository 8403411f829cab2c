"""Recordings: what becomes of good ones, and why others are refused."""

from io import BytesIO

import av
import pytest

from kaftalk_testing.media_rendering import Render
from kaftalk_testing.media_samples import (
    CANARY,
    endless_ogg,
    photo,
    recording,
    with_wav_bytes,
    with_wav_rate,
    with_webm_duration,
)

pytestmark = pytest.mark.slow

CONTAINERS = ["webm", "ogg", "m4a", "wav"]


@pytest.mark.parametrize("container", CONTAINERS)
def test_every_browser_s_recording_becomes_one_that_every_browser_plays(render: Render, container: str) -> None:
    outcome = render("voice", recording(container, 2, metadata=container != "wav"))
    assert abs(outcome.made["duration_ms"] - 2000) < 50
    assert outcome.made["variants"]["playable"] == outcome.made["variants"]["original"]
    content = outcome.content("playable")
    assert content.index(b"moov") < content.index(b"mdat")
    assert CANARY not in outcome.everything()
    with av.open(BytesIO(content), "r") as played:
        assert [stream.codec_context.name for stream in played.streams] == ["aac"]
        assert sum(frame.samples for frame in played.decode(audio=0)) >= 2 * 48_000 - 2_048


@pytest.mark.parametrize("container", CONTAINERS)
def test_the_peaks_follow_the_loudness(render: Render, container: str) -> None:
    peaks = render("voice", recording(container, 2)).made["peaks"]
    assert len(peaks) == 100
    assert max(peaks) == 255
    assert max(peaks[0], peaks[50], peaks[99]) < 40
    assert min(peaks[25], peaks[75]) > 230


def test_silence_has_flat_peaks(render: Render) -> None:
    wav = recording("wav", 1)
    start = wav.index(b"data") + 8
    assert render("voice", wav[:start] + bytes(len(wav) - start)).made["peaks"] == [0] * 100


@pytest.mark.parametrize("claimed_ms", [1.0, 3_600_000.0, 1e300, -5.0, float("nan")])
def test_the_duration_is_counted_and_not_believed(render: Render, claimed_ms: float) -> None:
    outcome = render("voice", with_webm_duration(recording("webm", 2), claimed_ms))
    assert abs(outcome.made["duration_ms"] - 2000) < 50


@pytest.mark.parametrize("claimed", [0xFFFFFFFF, 0x7FFFFFFF])
def test_a_wav_that_promises_more_than_it_has_lasts_as_long_as_it_lasts(render: Render, claimed: int) -> None:
    outcome = render("voice", with_wav_bytes(recording("wav", 1), claimed))
    assert abs(outcome.made["duration_ms"] - 1000) < 50


@pytest.mark.parametrize("rate", [0, 1, 0xFFFFFFFF])
def test_a_rate_that_no_microphone_has_is_refused(render: Render, rate: int) -> None:
    assert render("voice", with_wav_rate(recording("wav", 1), rate)).reason in {"unsupported_type", "unreadable"}


def test_a_page_that_never_ends_is_refused_in_little_memory(render: Render) -> None:
    outcome = render("voice", endless_ogg(60))
    assert outcome.reason == "unreadable"
    assert outcome.mib < 150


@pytest.mark.parametrize("cut", [0.02, 0.5])
def test_an_m4a_without_its_index_is_refused(render: Render, cut: float) -> None:
    content = recording("m4a", 1)
    outcome = render("voice", content[: int(len(content) * cut)])
    assert outcome.reason in {"unreadable", "unsupported_type"}


@pytest.mark.parametrize("container", ["webm", "ogg", "wav"])
def test_a_recording_that_was_cut_off_plays_as_far_as_it_goes(render: Render, container: str) -> None:
    content = recording(container, 2)
    assert 500 < render("voice", content[: len(content) // 2]).made["duration_ms"] < 1500


@pytest.mark.parametrize("container", CONTAINERS)
def test_a_recording_without_sound_is_refused(render: Render, container: str) -> None:
    outcome = render("voice", recording(container, 0))
    assert outcome.reason in {"empty", "unreadable", "unsupported_type"}


def test_another_codec_is_refused(render: Render) -> None:
    file = BytesIO()
    with av.open(file, "w", format="matroska") as out:
        stream = out.add_stream("flac", rate=48_000, layout="mono")
        frame = av.AudioFrame(format="s16", layout="mono", samples=4096)
        frame.rate, frame.pts = 48_000, 0
        frame.planes[0].update(bytes(8192))
        out.mux([*stream.encode(frame), *stream.encode(None)])
    assert render("voice", file.getvalue()).reason == "unsupported_type"


@pytest.mark.parametrize(
    "content",
    [
        photo(),
        b"#EXTM3U\nhttp://169.254.169.254/latest/meta-data\n",
        b"ffconcat version 1.0\nfile /etc/passwd\n",
        b"<html>",
        b"",
        b"ID3\x03" + bytes(500),
    ],
    ids=["a picture", "a playlist", "a list of files", "HTML", "nothing", "MP3"],
)
def test_what_is_no_recording_is_refused_whatever_it_is_called(render: Render, content: bytes) -> None:
    assert render("voice", content).reason == "unsupported_type"


@pytest.mark.parametrize("signature", [b"OggS\0", b"\x1aE\xdf\xa3", b"RIFF\xff\xff\xff\x7fWAVE", b"\0\0\0\x18ftypM4A "])
def test_a_signature_and_noise_is_refused(render: Render, signature: bytes) -> None:
    assert render("voice", signature + bytes(range(256)) * 20).reason in {"unreadable", "unsupported_type"}


@pytest.mark.slow
def test_ten_minutes_fit_and_a_little_more_does_not(render: Render) -> None:
    fitting = render("voice", recording("webm", 600), cpu_s=60, wall_s=100)
    assert abs(fitting.made["duration_ms"] - 600_000) < 50
    assert fitting.mib < 150
    assert render("voice", recording("webm", 602), cpu_s=60, wall_s=100).reason == "too_long"
