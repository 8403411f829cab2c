"""Records as they lie on Kafka: written once, read for ever."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaftalk_protocol.records import AnyRecord, Leave, Media, Message, Unknown, encode, is_item, parse
from kaftalk_testing.room_logs import ANN, RECORDS, STREAMS, message


@given(RECORDS)
def test_a_record_is_read_as_it_was_written(record: AnyRecord) -> None:
    again = parse(encode(record))
    assert again == record or (isinstance(record, Unknown) and isinstance(again, Unknown))


def test_a_message_is_stored_with_all_fields_and_others_without_nulls() -> None:
    assert set(json.loads(encode(message(ANN)))) == {
        "v", "k", "id", "by", "text", "media", "reply_to", "mentions", "mention_all", "notify", "ext",
    }  # fmt: skip
    assert json.loads(encode(Leave(user=ANN))) == {"v": 1, "k": "leave", "user": ANN}


def test_a_message_names_its_stream_and_number() -> None:
    record = message(ANN, 42)
    assert (record.stream, record.n) == (STREAMS[0], 42)


def test_fields_of_later_versions_are_passed_over() -> None:
    assert parse(b'{"v":2,"k":"leave","user":"u","mood":"fine"}') == Leave(v=2, user=ANN).model_copy(
        update={"user": "u"}
    )


@pytest.mark.parametrize("value", [
    b"", b"x", b"[]", b"{}", b'{"k":"poll"}', b'{"k":"message"}', b'{"v":1,"k":"kick","user":5,"by":"x"}', b"\xff",
    b'{"k":"edit","by":"a","target":"x","author":"a","text":"t"}', b"[" * 5_000, b'{"k":"message","id":1e999,"by":"a"}',
    b'{"v":1,"k":"role","user":"a","by":"b","role":"king"}',
])  # fmt: skip
def test_unknown_kinds_and_shapes_are_unknown_and_never_an_error(value: bytes) -> None:
    assert isinstance(parse(value), Unknown)


@given(st.binary())
def test_no_bytes_make_reading_fail(value: bytes) -> None:
    parse(value)


def test_media_records_keep_what_later_versions_say() -> None:
    record = parse(b'{"v":1,"k":"media","media":"m","status":"ready","width":5}')
    assert isinstance(record, Media)
    assert json.loads(encode(record))["width"] == 5


@given(RECORDS)
def test_annotations_and_unknown_kinds_are_no_items_of_pages(record: AnyRecord) -> None:
    assert is_item(record) == (record.k not in ("edit", "delete", "reaction", "media", "poll"))


def test_a_message_is_an_item() -> None:
    assert is_item(Message(id="x", by=ANN))
