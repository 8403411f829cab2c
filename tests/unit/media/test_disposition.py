"""How what is served is called when it is saved."""

import unicodedata
from typing import get_args
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaftalk_media.disposition import content_disposition
from kaftalk_protocol.media import Kind


@pytest.mark.parametrize(
    ("kind", "name", "content_type", "header"),
    [
        ("file", "report.pdf", "application/pdf", 'attachment; filename="report.pdf"'),
        ("file", "page.html", "text/html", 'attachment; filename="page.html"'),
        ("file", "photo.jpg", "image/jpeg", 'attachment; filename="photo.jpg"'),
        ("image", "photo.heic", "image/jpeg", 'inline; filename="photo.jpg"'),
        ("image", "photo.JPEG", "image/jpeg", 'inline; filename="photo.JPEG"'),
        ("image", "photo", "image/png", 'inline; filename="photo.png"'),
        ("image", "v1.2 final", "image/png", 'inline; filename="v1.2 final.png"'),
        ("image", ".gif", "image/webp", 'inline; filename=".gif.webp"'),
        ("voice", "voice.webm", "audio/mp4", 'inline; filename="voice.m4a"'),
        ("image", "x.png", "image/svg+xml", 'attachment; filename="x.png"'),
        ("file", 'a"b\\c%d', "x/y", "attachment; filename=\"a_b_c_d\"; filename*=UTF-8''a%22b%5Cc%25d"),
        ("file", "한.txt", "x/y", "attachment; filename=\"_.txt\"; filename*=UTF-8''%ED%95%9C.txt"),
    ],
)
def test_a_name_fits_what_is_saved(kind: Kind, name: str, content_type: str, header: str) -> None:
    assert content_disposition(kind, name, content_type) == header


def test_a_name_in_pieces_is_put_together() -> None:
    decomposed = unicodedata.normalize("NFD", "한글.txt")
    assert content_disposition("file", decomposed, "x/y") == content_disposition("file", "한글.txt", "x/y")


@given(
    st.sampled_from(get_args(Kind)),
    st.text(st.characters(blacklist_categories=["Cs", "Cc", "Cf"]), min_size=1),
    st.sampled_from(["image/jpeg", "audio/mp4", "text/html", "x/y"]),
)
def test_every_name_makes_a_header_of_ascii_that_says_it_again(kind: Kind, name: str, content_type: str) -> None:
    header = content_disposition(kind, name, content_type)
    assert header.isascii()
    assert header.isprintable()
    disposition, _, rest = header.partition("; ")
    assert disposition == (
        "attachment" if kind == "file" or content_type not in ("image/jpeg", "audio/mp4") else "inline"
    )
    plain, _, extended = rest.partition("; filename*=UTF-8''")
    assert plain.startswith('filename="')
    assert plain.count('"') == 2
    saved_as = unquote(extended) if extended else plain[len('filename="') : -1]
    if disposition == "attachment":
        assert saved_as == unicodedata.normalize("NFC", name)


def test_a_name_does_not_hide_its_extension() -> None:
    header = content_disposition("file", "bill\u202egpj.exe", "x/y")
    assert header == 'attachment; filename="billgpj.exe"'
