"""An ICC profile reduced to what changes colours: a profile is also a place for texts, GPS tags and scripts."""

from io import BytesIO

from PIL import ImageCms

PROFILE_BYTES_MAX = 4 * 1024 * 1024
_HEADER_BYTES = 128
_TAGS_MAX = 100
_RGB, _GRAY = b"RGB ", b"GRAY"
_SPACES = {"RGB": _RGB, "RGBA": _RGB, "P": _RGB, "L": _GRAY, "LA": _GRAY, "I;16": _GRAY, "CMYK": b"CMYK"}
# ICC.1:2022, 9.2: white and black points, adaptation, curves, matrices and tables; no text, no date, no metadata.
_COLOUR_TAGS = frozenset(
    b"A2B0 A2B1 A2B2 B2A0 B2A1 B2A2 D2B0 D2B1 D2B2 D2B3 B2D0 B2D1 B2D2 B2D3".split()
    + b"rXYZ gXYZ bXYZ rTRC gTRC bTRC kTRC wtpt bkpt chad chrm cicp gamt lumi".split()
)
_DESCRIPTION = b"desc"


def colour_profile(profile: bytes | None, mode: str) -> bytes | None:
    """Return the profile without anything that is not about colour; None if it is absent, broken or of another mode."""
    if not profile or len(profile) > PROFILE_BYTES_MAX or profile[16:20] != _SPACES.get(mode):
        return None
    tags = {name: value for name, value in _tags(profile).items() if name in _COLOUR_TAGS}
    # Tags may share their bytes in the file, a thousand times over.
    if not tags or sum(map(len, tags.values())) > PROFILE_BYTES_MAX:
        return None
    reduced = _build(profile[:_HEADER_BYTES], tags | {_DESCRIPTION: _described(profile[8])})
    return reduced if _opens(reduced) else None


def _tags(profile: bytes) -> dict[bytes, bytes]:
    count = min(int.from_bytes(profile[128:132]), _TAGS_MAX)
    table = [profile[at : at + 12] for at in range(132, 132 + 12 * count, 12)]
    starts = {entry[:4]: (int.from_bytes(entry[4:8]), int.from_bytes(entry[8:12])) for entry in table}
    return {name: profile[start : start + size] for name, (start, size) in starts.items()}


def _build(header: bytes, tags: dict[bytes, bytes]) -> bytes:
    """Write the header with nothing but what decides colours (maker, model, date and id are zero), then the tags."""
    at = 132 + 12 * len(tags)
    table, body = len(tags).to_bytes(4), b""
    for name, value in tags.items():
        table += name + (at + len(body)).to_bytes(4) + len(value).to_bytes(4)
        body += value + bytes(-len(value) % 4)
    kept = bytes(8) + header[8:24] + bytes(12) + header[36:40] + bytes(24) + header[64:80] + bytes(48)
    profile = kept + table + body
    return len(profile).to_bytes(4) + profile[4:]


def _described(version: int) -> bytes:
    """Give the description that readers demand: a `mluc` since version 4, before that a `desc`."""
    name = "Kaftalk"
    if version >= 4:
        text = name.encode("utf-16-be")
        record = b"enUS" + len(text).to_bytes(4) + (28).to_bytes(4)
        return b"mluc" + bytes(4) + (1).to_bytes(4) + len(record).to_bytes(4) + record + text
    text = name.encode() + b"\0"
    return b"desc" + bytes(4) + len(text).to_bytes(4) + text + bytes(78)


def _opens(profile: bytes) -> bool:
    try:
        ImageCms.ImageCmsProfile(BytesIO(profile))
    except (OSError, ImageCms.PyCMSError):
        return False
    return True
