"""Records in memory: small, and the same when they are read again."""

from hypothesis import given
from hypothesis import strategies as st

from kaftalk_media.packing import pack, unpack
from kaftalk_protocol.ids import UserId
from kaftalk_protocol.media import Upload, encode


@given(st.binary(max_size=5_000))
def test_whatever_is_packed_comes_out_as_it_was(value: bytes) -> None:
    assert unpack(pack(value)) == value
    assert pack(value) == pack(value)


def test_a_record_takes_half_the_room() -> None:
    room, media = "018f3a52-0000-4000-8000-000000000002", "018f3a52-0000-4000-8000-000000000001"
    places = {
        name: {"key": f"media/{room}/{media}/{name}.webp", "content_type": "image/webp", "size": 90_000}
        for name in ("original", "preview", "thumb")
    }
    value = encode(
        Upload.model_validate(
            {
                "id": media, "room": room, "by": UserId("018f3a52-0000-4000-8000-000000000003"), "kind": "image",
                "name": "사진.jpg", "content_type": "image/jpeg", "size": 4_000_000, "created_ms": 1_700_000_000_000,
                "sha256": "X" * 44, "state": "ready", "width": 4_032, "height": 3_024, "variants": places,
            }
        )
    )  # fmt: skip
    assert len(pack(value)) < len(value) / 2
