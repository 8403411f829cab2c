"""What a file is by its first bytes: a list of what is taken, and everything else is something to download.

A name or a declared type proves nothing; a signature proves little more. For images and voice the proof is that
the one decoder which the signature selects can read the file; files are never served as anything that runs.
"""

HEAD_BYTES = 4096

JPEG = "image/jpeg"
PNG = "image/png"
WEBP = "image/webp"
GIF = "image/gif"
AVIF = "image/avif"
HEIC = "image/heic"
WEBM = "video/webm"
OGG = "application/ogg"
MP4 = "video/mp4"
WAV = "audio/wav"
BINARY = "application/octet-stream"
TEXT = "text/plain; charset=utf-8"

IMAGES = frozenset({JPEG, PNG, WEBP, GIF, AVIF, HEIC})
VOICES = frozenset({WEBM, OGG, MP4, WAV})

_SIGNATURES = (
    (b"\xff\xd8\xff", JPEG),
    (b"\x89PNG\r\n\x1a\n", PNG),
    (b"GIF87a", GIF),
    (b"GIF89a", GIF),
    (b"OggS\0", OGG),
    (b"\x1aE\xdf\xa3", WEBM),
    (b"%PDF-", "application/pdf"),
    (b"PK\x03\x04", "application/zip"),
    (b"\x1f\x8b\x08", "application/gzip"),
    (b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (b"ID3", "audio/mpeg"),
    (b"fLaC", "audio/flac"),
)
_RIFF_FORMS = {b"WEBP": WEBP, b"WAVE": WAV}
_AVIF_BRANDS = frozenset({b"avif"})
_HEIC_BRANDS = frozenset({b"heic", b"heix"})
_MP4_BRANDS = frozenset(
    {b"M4A ", b"M4B ", b"M4V ", b"dash", b"iso2", b"iso4", b"iso5", b"iso6", b"isom", b"mp41", b"mp42", b"qt  "}
)
_BRANDS_MAX = 32
_TEXT_CONTROLS = frozenset("\t\n\r\f\x1b")


def sniff(head: bytes) -> str:
    """Give the content type of a file by its first HEAD_BYTES; BINARY if it is not on the list."""
    for signature, content_type in _SIGNATURES:
        if head.startswith(signature):
            return content_type
    if head[:4] == b"RIFF":
        return _RIFF_FORMS.get(head[8:12], BINARY)
    if head[4:8] == b"ftyp":
        return _by_brand(head)
    return TEXT if _is_text(head) else BINARY


def _by_brand(head: bytes) -> str:
    """Read the major and the compatible brands of an ISO base media file (ISO/IEC 14496-12, 4.3)."""
    end = min(int.from_bytes(head[:4]), len(head), 16 + 4 * _BRANDS_MAX)
    brands = {head[8:12]} | {head[at : at + 4] for at in range(16, end - 3, 4)}
    for taken, content_type in ((_AVIF_BRANDS, AVIF), (_HEIC_BRANDS, HEIC), (_MP4_BRANDS, MP4)):
        if brands & taken:
            return content_type
    return BINARY


def _is_text(head: bytes) -> bool:
    """Tell plain text from the rest; markup (HTML, SVG, XML) is never called text, so that no reader renders it."""
    try:
        text = head.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # A character that is cut off by the end of the head is no fault of the file.
        if len(head) < HEAD_BYTES or error.start < len(head) - 3:
            return False
        text = head[: error.start].decode("utf-8-sig")
    if text.lstrip().startswith("<"):
        return False
    return all(character >= " " or character in _TEXT_CONTROLS for character in text)
