"""Pictures and recordings to upload, made when they are asked for: good ones, and ones that mean harm."""

import math
import struct
import zlib
from array import array
from collections.abc import Sequence
from io import BytesIO

import av
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from PIL import Image, ImageCms

CANARY = b"GPS-CANARY-37.5665N"
_GPS_IFD = 0x8825
_MAKE, _ORIENTATION = 0x010F, 0x0112
_CONTAINERS = {
    "webm": ("webm", "libopus"),
    "ogg": ("ogg", "libopus"),
    "m4a": ("ipod", "aac"),
    "wav": ("wav", "pcm_s16le"),
}


def painting(size: tuple[int, int] = (320, 240), mode: str = "RGB") -> Image.Image:
    """Return a picture whose corners differ: red grows to the right, green downwards."""
    ramp = Image.linear_gradient("L").resize(size)
    side = Image.linear_gradient("L").rotate(90).resize(size)
    return Image.merge("RGB", (side, ramp, Image.new("L", size, 90))).convert(mode)


def photo(
    image_format: str = "JPEG", *, size: tuple[int, int] = (320, 240), orientation: int = 1, mode: str = "RGB"
) -> bytes:
    """Return a picture as a phone writes it: with a place, a maker, an orientation and a colour profile."""
    exif = Image.Exif()
    exif[_MAKE] = CANARY.decode()
    exif[_ORIENTATION] = orientation
    exif[_GPS_IFD] = {1: "N", 2: (37.0, 33.0, 59.4), 3: "E", 4: (126.0, 58.0, 40.8), 29: CANARY.decode()}
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    notes = {"comment": CANARY} if image_format == "JPEG" else {}
    return saved(painting(size, mode), image_format, exif=exif, icc_profile=profile, xmp=CANARY, **notes)


def saved(image: Image.Image, image_format: str, **options: object) -> bytes:
    """Return the picture as a file."""
    file = BytesIO()
    image.save(file, image_format, **options)
    return file.getvalue()


def gif(frames: int, size: tuple[int, int] = (64, 48), delay_ms: int = 40) -> bytes:
    """Return an animation whose frames differ in brightness."""
    pictures = [Image.new("L", size, 255 * n // max(1, frames)) for n in range(frames)]
    return saved(pictures[0], "GIF", save_all=True, append_images=pictures[1:], duration=delay_ms, loop=0)


def tiny_gif(frames: int) -> bytes:
    """Return a GIF of 1 px whose frames take 16 bytes each."""
    head = b"GIF89a" + struct.pack("<HH", 1, 1) + b"\x80\0\0" + bytes(6)
    frame = b"," + struct.pack("<HHHH", 0, 0, 1, 1) + b"\0" + b"\x02\x02D\x01\0"
    return head + frame * frames + b";"


def png_header(width: int, height: int) -> bytes:
    """Return a PNG of some hundred bytes that promises a picture of that size."""
    rows = zlib.compress(bytes(10_000))
    return _png((b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)), (b"IDAT", rows))


def apng(frames: int, width: int, height: int) -> bytes:
    """Return an animated PNG whose frames are black and white in turn: small to send, large to decode."""
    shades = [zlib.compress((b"\0" + bytes([shade]) * width) * height, 9) for shade in (0, 255)]
    header = (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    chunks = [header, (b"acTL", struct.pack(">II", frames, 0))]
    for n in range(frames):
        chunks.append((b"fcTL", struct.pack(">IIIIIHHBB", max(0, 2 * n - 1), width, height, 0, 0, 1, 25, 0, 0)))
        rows = shades[n % 2]
        chunks.append((b"fdAT", struct.pack(">I", 2 * n) + rows) if n else (b"IDAT", rows))
    return _png(*chunks)


def heic(size: tuple[int, int] = (320, 240)) -> bytes:
    """Return a still picture in HEVC in a HEIF container, as ISO/IEC 23008-12 has it."""
    with av.open(BytesIO(), "w", format="mp4") as out:
        stream = out.add_stream("libx265", rate=1)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        stream.options = {"x265-params": "keyint=1:log-level=none:repeat-headers=0", "crf": "20"}
        frame = av.VideoFrame.from_image(painting(size))  # type: ignore[no-untyped-call]
        coded = b"".join(map(bytes, [*stream.encode(frame), *stream.encode(None)]))
        annex_b = stream.codec_context.extradata or b""
    return _heif(size, _hvcc(_nal_units(annex_b)), _length_prefixed(_nal_units(coded)))


def recording(container: str, seconds: float, *, rate: int = 48_000, metadata: bool = False) -> bytes:
    """Return a tone that swells once a second, in "webm", "ogg", "m4a" or "wav" as browsers write them."""
    container_format, codec = _CONTAINERS[container]
    file = BytesIO()
    with av.open(file, "w", format=container_format) as out:
        if metadata:
            out.metadata["comment"] = CANARY.decode()
            out.metadata["location"] = CANARY.decode()
        stream = out.add_stream(codec, rate=rate, layout="mono")
        assert isinstance(stream, AudioStream)
        second = _second(rate)
        for number in range(round(seconds * 50)):
            size = rate // 50
            frame = AudioFrame(format="s16", layout="mono", samples=size)
            frame.rate, frame.pts = rate, number * size
            start = number % 50 * size
            frame.planes[0].update(second[start : start + size].tobytes())
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return file.getvalue()


def endless_ogg(pages: int) -> bytes:
    """Return an Opus stream whose second packet begins and never ends: every page says that more follows."""
    head = b"OpusHead\x01\x01" + struct.pack("<HIhB", 312, 48_000, 0, 0)
    tags = b"OpusTags" + struct.pack("<I", 7) + b"Kaftalk" + struct.pack("<I", 0)
    stream = [_ogg_page(0, 2, head, [len(head)]), _ogg_page(1, 0, tags, [len(tags)])]
    stream += [_ogg_page(2 + n, 1 if n else 0, bytes(255 * 255), [255] * 255) for n in range(pages)]
    return b"".join(stream)


def with_webm_duration(webm: bytes, duration_ms: float) -> bytes:
    """Return the recording with another length in its header (the element Duration, a float of 8 bytes)."""
    at = webm.index(b"\x44\x89\x88") + 3
    return webm[:at] + struct.pack(">d", duration_ms) + webm[at + 8 :]


def with_wav_bytes(wav: bytes, announced: int) -> bytes:
    """Return the recording with another length of its data in its header."""
    at = wav.index(b"data") + 4
    return wav[:at] + struct.pack("<I", announced) + wav[at + 4 :]


def with_wav_rate(wav: bytes, rate: int) -> bytes:
    """Return the recording with another number of samples a second in its header."""
    at = wav.index(b"fmt ") + 12
    return wav[:at] + struct.pack("<I", rate) + wav[at + 4 :]


def _second(rate: int) -> "array[int]":
    swell = (math.sin(math.pi * n / rate) ** 2 for n in range(rate))
    return array("h", (int(20_000 * level * math.sin(n * 2 * math.pi * 440 / rate)) for n, level in enumerate(swell)))


def _png(*chunks: tuple[bytes, bytes]) -> bytes:
    body = b"".join(
        len(data).to_bytes(4) + kind + data + zlib.crc32(kind + data).to_bytes(4)
        for kind, data in (*chunks, (b"IEND", b""))
    )
    return b"\x89PNG\r\n\x1a\n" + body


def _ogg_page(sequence: int, flags: int, body: bytes, lacing: Sequence[int]) -> bytes:
    position = 0 if sequence < 2 else 0xFFFFFFFFFFFFFFFF
    head = struct.pack("<4sBBQIII", b"OggS", 0, flags, position, 7, sequence, 0) + bytes([len(lacing), *lacing])
    page = head + body
    return page[:22] + struct.pack("<I", _ogg_checksum(page)) + page[26:]


def _ogg_checksum(page: bytes) -> int:
    """CRC-32 with the polynomial 04C11DB7, unreflected, as RFC 3533 has it."""
    remainder = 0
    for byte in page:
        remainder = (remainder << 8 & 0xFFFFFFFF) ^ _OGG_TABLE[remainder >> 24 ^ byte]
    return remainder


def _ogg_entry(byte: int) -> int:
    remainder = byte << 24
    for _ in range(8):
        remainder = remainder << 1 ^ (0x104C11DB7 if remainder & 0x80000000 else 0)
    return remainder


_OGG_TABLE = [_ogg_entry(byte) for byte in range(256)]


def _nal_units(annex_b: bytes) -> list[bytes]:
    return [unit.rstrip(b"\0") for unit in annex_b.split(b"\0\0\1") if unit.strip(b"\0")]


def _length_prefixed(units: list[bytes]) -> bytes:
    return b"".join(len(unit).to_bytes(4) + unit for unit in units)


def _hvcc(units: list[bytes]) -> bytes:
    """Write an HEVC decoder configuration (ISO/IEC 14496-15, 8.3.3) for 4:2:0 and 8 bits."""
    head = b"\x01\x01" + b"\x60\0\0\0" + b"\x90\0\0\0\0\0" + b"\x5d" + b"\xf0\0\xfc\xfd\xf8\xf8\0\0\x0f"
    arrays = b"".join(bytes([0x80 | unit[0] >> 1 & 0x3F, 0, 1]) + len(unit).to_bytes(2) + unit for unit in units)
    return head + bytes([len(units)]) + arrays


def _heif(size: tuple[int, int], configuration: bytes, coded: bytes) -> bytes:
    brand = _box(b"ftyp", b"heic" + bytes(4) + b"mif1heic")
    handler = _full_box(b"hdlr", bytes(4) + b"pict" + bytes(13))
    primary = _full_box(b"pitm", b"\0\1")
    entry = _full_box(b"infe", b"\0\1\0\0hvc1\0", version=2)
    items = _full_box(b"iinf", b"\0\1" + entry)
    extent = _full_box(b"ispe", struct.pack(">II", *size))
    properties = _box(b"ipco", _box(b"hvcC", configuration) + extent)
    association = _full_box(b"ipma", struct.pack(">IHBBB", 1, 1, 2, 0x81, 0x02))
    properties = _box(b"iprp", properties + association)

    def meta(at: int) -> bytes:
        location = _full_box(b"iloc", b"\x44\0\0\1" + struct.pack(">HHHII", 1, 0, 1, at, len(coded)))
        return _full_box(b"meta", handler + primary + location + items + properties)

    start = len(brand) + len(meta(0)) + 8
    return brand + meta(start) + _box(b"mdat", coded)


def _box(kind: bytes, body: bytes) -> bytes:
    return (8 + len(body)).to_bytes(4) + kind + body


def _full_box(kind: bytes, body: bytes, *, version: int = 0) -> bytes:
    return _box(kind, bytes([version, 0, 0, 0]) + body)
