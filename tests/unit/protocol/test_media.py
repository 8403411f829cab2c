"""What lies in `kaftalk.media`: records of many writers give one state, whatever their order."""

import json
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaftalk_protocol import records
from kaftalk_protocol.ids import MediaId, RoomId, UserId
from kaftalk_protocol.media import (
    IncomingKey,
    Result,
    Sending,
    State,
    Upload,
    encode,
    incoming_key,
    media_event,
    media_object,
    media_of,
    merge,
    merge_sendings,
    merge_views,
    parse,
    parse_view,
    sending_key,
    sent_object,
    upload_key,
    view_of,
    with_result,
)

ID = MediaId("018f3a52-0000-4000-8000-000000000001")
ROOM = RoomId("018f3a52-0000-4000-8000-000000000002")
USER = UserId("018f3a52-0000-4000-8000-000000000003")
UPLOAD = Upload(
    id=ID, room=ROOM, by=USER, kind="image", name="사진.heic", content_type="image/heic", size=4_000,
    sha256="x" * 43 + "=", created_ms=1_700_000_000_000,
)  # fmt: skip
ORIGINAL = {"key": f"media/{ROOM}/{ID}/original.jpg", "content_type": "image/jpeg", "size": 3_000}
READY = Result.model_validate(
    {
        "id": ID, "room": ROOM, "kind": "image", "status": "ready", "content_type": "image/jpeg", "size": 3_000,
        "width": 40, "height": 30, "blur": "UklGR", "variants": {"original": ORIGINAL | {"width": 40, "height": 30}},
    }
)  # fmt: skip
REJECTED = Result(id=ID, room=ROOM, kind="image", status="rejected", reason="unreadable")

uploads = st.builds(
    lambda state, reason, upload_id: UPLOAD.model_copy(
        update={"state": state, "reason": reason, "upload_id": upload_id}
    ),
    st.sampled_from(get_args(State)), st.sampled_from([None, "empty", "too_long"]), st.sampled_from([None, "a"]),
)  # fmt: skip
sendings = st.builds(
    lambda seq, message, removed, told: Sending(
        id=ID, room=ROOM, seq=seq, message=message, removed=removed, told=told
    ),
    st.integers(0, 5), st.sampled_from([None, "a:1", "b:1"]), st.booleans(),
    st.sampled_from([None, "rejected", "ready"]),
)  # fmt: skip
views = st.builds(view_of, uploads, st.none() | sendings)


@pytest.mark.parametrize(("values", "join"), [(uploads, merge), (sendings, merge_sendings), (views, merge_views)])
@given(data=st.data())
def test_records_merge_to_the_same_in_any_order_and_however_often(values: Any, join: Any, data: st.DataObject) -> None:
    one, two, three = (data.draw(values) for _ in range(3))
    assert join(one, two) == join(two, one)
    assert join(join(one, two), three) == join(one, join(two, three))
    assert join(one, one) == one


def test_a_state_never_goes_back() -> None:
    ready = with_result(UPLOAD, READY)
    removed = UPLOAD.model_copy(update={"state": "removed"})
    assert merge(ready, UPLOAD.model_copy(update={"state": "stored"})) == ready
    assert merge(removed, ready) == removed


def test_the_object_of_a_message_is_pending_whatever_is_known() -> None:
    announced = {
        "id": ID, "kind": "image", "name": "사진.heic", "content_type": "image/heic", "size": 4_000, "status": "pending"
    }  # fmt: skip
    assert sent_object(UPLOAD) == announced
    assert sent_object(with_result(UPLOAD, READY)) == announced
    assert media_object(UPLOAD) == announced


def test_a_picture_that_is_ready_is_described_as_it_is_served() -> None:
    shown = media_object(with_result(UPLOAD, READY))
    assert shown == {
        "id": ID, "kind": "image", "name": "사진.heic", "content_type": "image/jpeg", "size": 3_000, "status": "ready",
        "width": 40, "height": 30, "blur": "UklGR",
    }  # fmt: skip


def test_the_event_laid_over_the_message_gives_the_object_as_of_now() -> None:
    for result in (READY, REJECTED):
        upload = with_result(UPLOAD, result)
        event = json.loads(records.encode(media_event(upload, Sending(id=ID, room=ROOM, seq=4))))
        assert (event["k"], event["media"], event["target"]) == ("media", ID, 4)
        status = {name: value for name, value in event.items() if name not in ("v", "k", "media", "target")}
        assert sent_object(upload) | status == media_object(upload)


def test_a_voice_message_keeps_the_duration_that_was_counted() -> None:
    voice = UPLOAD.model_copy(update={"kind": "voice", "duration_ms": 1})
    result = Result(id=ID, room=ROOM, kind="voice", status="ready", duration_ms=2_000, peaks=(0, 255))
    assert media_object(voice)["duration_ms"] == 1
    told = media_object(with_result(voice, result))
    assert (told["duration_ms"], told["peaks"]) == (2_000, [0, 255])
    assert media_object(with_result(voice, REJECTED))["duration_ms"] == 1


def test_what_is_written_reads_as_it_was() -> None:
    upload, sending = with_result(UPLOAD, READY), Sending(id=ID, room=ROOM, seq=4)
    assert parse(upload_key(ID), encode(upload)) == upload
    assert parse(sending_key(ID), encode(sending)) == sending
    view = view_of(upload, sending.model_copy(update={"message": "a:1"}))
    assert (view.sent, view.message) == (4, "a:1")
    assert parse_view(encode(view)) == view
    assert view.upload == upload
    assert media_of(sending_key(ID)) == media_of(upload_key(ID)) == ID
    assert parse(upload_key(ID), b'{"v": 2}') is None


def test_the_key_of_an_upload_names_kind_room_and_id() -> None:
    assert incoming_key(UPLOAD.incoming) == IncomingKey("image", ROOM, ID)
    for key in ("incoming/image/x/y", UPLOAD.incoming + "/", UPLOAD.manifest, UPLOAD.incoming.replace("image", "x")):
        assert incoming_key(key) is None
