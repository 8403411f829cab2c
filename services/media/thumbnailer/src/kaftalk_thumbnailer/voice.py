"""Voice: whatever a browser recorded becomes M4A with AAC, which every browser plays, and 100 peaks to draw."""

import errno
from array import array
from collections.abc import Iterator
from pathlib import Path

import av
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer

from kaftalk_thumbnailer.errors import Reason, Rejected
from kaftalk_thumbnailer.peaks import Loudness
from kaftalk_thumbnailer.rendition import Rendition, Variant
from kaftalk_thumbnailer.sniffing import MP4, OGG, WAV, WEBM

SECONDS_MAX = 600
CONTENT_TYPE = "audio/mp4"
_FILE = "voice.m4a"
_RATE = 48_000
# No microphone has others; a resampler from 1 Hz makes 48,000 samples of one.
_RATE_MIN, _RATE_MAX = 4_000, 192_000
_BITS_A_SECOND = 64_000
# A recorder that is stopped at ten minutes sharp writes its last block whole.
_GRACE_S = 1
_PACKETS_MAX = 400_000
_STREAMS_MAX = 8

# The one demuxer for each signature, and the only codecs it may bring: others are code that nobody needs here.
_DEMUXERS = {WEBM: "matroska", OGG: "ogg", MP4: "mov", WAV: "wav"}
_CODECS = frozenset({"opus", "libopus", "vorbis", "aac", "pcm_u8", "pcm_s16le", "pcm_s24le", "pcm_s32le", "pcm_f32le"})


def voice(source: Path, folder: Path, content_type: str) -> Rendition:
    """Make the variant `playable`, which is also `original`, of a recording of a sniffed type.

    The duration is counted from the samples: what the file says of itself is not believed.
    Raises Rejected: no sound, more than SECONDS_MAX of it, a codec that is not on the list, or broken.
    """
    loudness = Loudness()
    try:
        with av.open(str(source), format=_DEMUXERS[content_type], options={"protocol_whitelist": "file"}) as recording:
            stream = _sound(recording)
            with av.open(str(folder / _FILE), "w", format="ipod", options={"movflags": "+faststart"}) as out:
                samples = _transcode(recording, stream, out, loudness)
    except av.FFmpegError as error:
        if error.errno == errno.ENOSPC:
            raise
        raise Rejected(Reason.UNREADABLE, str(error)) from error
    if not samples:
        raise Rejected(Reason.EMPTY, "no sound")
    variant = Variant(_FILE, CONTENT_TYPE)
    duration_ms = max(1, round(1000 * samples / _RATE))
    return Rendition({"original": variant, "playable": variant}, duration_ms=duration_ms, peaks=loudness.peaks())


def _sound(recording: InputContainer) -> AudioStream:
    """Return the one stream to read, and have the demuxer drop all others. Raises Rejected."""
    if len(recording.streams) > _STREAMS_MAX:
        raise Rejected(Reason.TOO_COMPLEX, f"{len(recording.streams)} streams")
    if not recording.streams.audio:
        raise Rejected(Reason.UNSUPPORTED_TYPE, "no audio stream")
    sound = recording.streams.audio[0]
    if sound.codec_context is None or sound.codec_context.name not in _CODECS:
        raise Rejected(Reason.UNSUPPORTED_TYPE, "codec")
    if not _RATE_MIN <= sound.rate <= _RATE_MAX:
        raise Rejected(Reason.UNSUPPORTED_TYPE, f"{sound.rate} samples a second")
    sound.codec_context.thread_count = 1
    return sound


def _transcode(recording: InputContainer, sound: AudioStream, out: OutputContainer, loudness: Loudness) -> int:
    """Write all of the stream and return its length in samples."""
    encoded = out.add_stream("aac", rate=_RATE, layout="mono", bit_rate=_BITS_A_SECOND)
    resampler = AudioResampler(format="fltp", layout="mono", rate=_RATE, frame_size=1024)
    listener = AudioResampler(format="s16", layout="mono", rate=Loudness.RATE)
    samples = 0
    for frame in _frames(recording, sound):
        # Times in the file are gaps, repeats and lies: samples follow each other.
        frame.pts = None
        for block in listener.resample(frame):
            loudness.add(_levels(block))
        for block in resampler.resample(frame):
            samples += _write(out, encoded, block, samples)
    for block in resampler.resample(None):
        samples += _write(out, encoded, block, samples)
    for block in listener.resample(None):
        loudness.add(_levels(block))
    out.mux(encoded.encode(None))
    return samples


def _frames(recording: InputContainer, sound: AudioStream) -> Iterator[AudioFrame]:
    """Decode packet by packet, and stop with the packet that is one too many. Raises Rejected."""
    seconds = 0.0
    for count, packet in enumerate(recording.demux(sound)):
        if count > _PACKETS_MAX:
            raise Rejected(Reason.TOO_COMPLEX, f"more than {_PACKETS_MAX} packets")
        for frame in packet.decode():
            seconds += frame.samples / frame.sample_rate
            if seconds > SECONDS_MAX + _GRACE_S:
                raise Rejected(Reason.TOO_LONG, f"more than {SECONDS_MAX} s")
            yield frame


def _write(out: OutputContainer, encoded: AudioStream, block: AudioFrame, at: int) -> int:
    block.pts = at
    out.mux(encoded.encode(block))
    return block.samples


def _levels(block: AudioFrame) -> "array[int]":
    levels = array("h")
    levels.frombytes(memoryview(block.planes[0])[: 2 * block.samples])
    return levels
