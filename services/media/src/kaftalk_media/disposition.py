"""`Content-Disposition` of what is served: shown or saved, and under which name (RFC 6266, RFC 8187). Pure."""

import re
import unicodedata
from urllib.parse import quote

from kaftalk_protocol.media import Kind

# What the function makes, and only that: its types are never those of an upload.
_EXTENSIONS = {
    "image/jpeg": "jpg",
    "image/png": "png",
    "image/webp": "webp",
    "audio/mp4": "m4a",
}
_SAME = {"jpeg": "jpg"}
# RFC 8187 attr-char besides letters and digits.
_ATTR_CHARS = "!#$&+-.^_`|~"
_EXTENSION_CHARS_MAX = 5
# Text that is told to run from right to left hides its extension: gpj.exe reads exe.jpg.
_DIRECTIONS = re.compile("[\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def content_disposition(kind: Kind, name: str, content_type: str) -> str:
    """Give the header: pictures and voice, which were encoded anew, are shown, everything else is only saved."""
    inline = kind != "file" and content_type in _EXTENSIONS
    name = _DIRECTIONS.sub("", unicodedata.normalize("NFC", name))
    saved_as = _renamed(name, content_type) if inline else name
    return f"{'inline' if inline else 'attachment'}; {_filename(saved_as)}"


def _filename(name: str) -> str:
    plain = "".join(c if " " <= c <= "~" and c not in '"\\%' else "_" for c in name)
    parameter = f'filename="{plain}"'
    if plain == name:
        return parameter
    return f"{parameter}; filename*=UTF-8''{quote(name, safe=_ATTR_CHARS)}"


def _renamed(name: str, content_type: str) -> str:
    """Give the name the extension of what the upload became: a photo in HEIC is saved as a JPEG."""
    extension = _EXTENSIONS[content_type]
    stem, dot, old = name.rpartition(".")
    old = _SAME.get(old.lower(), old.lower())
    if dot and old == extension:
        return name
    known = dot and stem and old.isascii() and old.isalnum() and len(old) <= _EXTENSION_CHARS_MAX
    return f"{stem if known else name}.{extension}"
