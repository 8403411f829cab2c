"""The published WebSocket contract is the one in the code, closed, and fits what is written."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from jsonschema import Draft202012Validator

from kaftalk_protocol.asyncapi import document
from kaftalk_protocol.records import AnyRecord, Unknown, encode
from kaftalk_protocol.server_frames import event_frame
from kaftalk_testing.room_logs import ANN, RECORDS, ROOM, message

PUBLISHED = Path(__file__).parents[3] / "docs" / "asyncapi.json"
DOCUMENT = document()
SERVER_TAGS = {
    "welcome", "event", "resumed", "reset", "ack", "error", "page", "room", "typing", "presence", "read", "user",
    "quiet", "held", "alert", "release", "pong", "drain",
}  # fmt: skip
CLIENT_TAGS = {
    "hello", "resume", "send", "edit", "delete", "react", "history", "read", "typing", "focus", "active", "watch",
    "ping",
}  # fmt: skip


def validator(name: str) -> Any:
    return Draft202012Validator({"$ref": f"#/components/schemas/{name}", "components": DOCUMENT["components"]})


def operation_tags(name: str) -> set[str]:
    references = [message["$ref"].rpartition("/")[2] for message in DOCUMENT["operations"][name]["messages"]]
    return {DOCUMENT["components"]["messages"][reference]["name"] for reference in references}


def references(node: Any) -> list[str]:
    if isinstance(node, dict):
        own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
        return own + [found for value in node.values() for found in references(value)]
    return [found for value in node for found in references(value)] if isinstance(node, list) else []


def test_the_published_document_is_generated_from_the_code() -> None:
    assert json.loads(PUBLISHED.read_text()) == DOCUMENT, "python -m kaftalk_protocol.asyncapi > docs/asyncapi.json"


def test_every_frame_is_in_the_document() -> None:
    assert operation_tags("receiveFromClient") == CLIENT_TAGS
    assert operation_tags("sendToClient") == SERVER_TAGS


def test_every_reference_leads_somewhere() -> None:
    for reference in references(DOCUMENT):
        node = DOCUMENT
        for part in reference.removeprefix("#/").split("/"):
            node = node[part]


def test_every_object_is_closed_but_media_records() -> None:
    schemas = DOCUMENT["components"]["schemas"]
    open_ones = {
        name for name, schema in schemas.items()
        if schema.get("type") == "object" and schema.get("additionalProperties") is not False
    }  # fmt: skip
    assert open_ones == {"RecordMedia"}
    for name in schemas:
        Draft202012Validator.check_schema(schemas[name])


@given(RECORDS.filter(lambda record: not isinstance(record, Unknown)))
def test_every_stored_record_fits_in_an_event_frame(record: AnyRecord) -> None:
    validator("EventFrame").validate(json.loads(event_frame(ROOM, 0, 1, None, 5, encode(record))))


@pytest.mark.parametrize(
    "change", [{"secret": 1}, {"e": {"v": 1, "k": "message", "id": "x", "by": ANN, "password": "x"}}]
)
def test_a_field_that_does_not_belong_there_is_found(change: dict[str, Any]) -> None:
    frame = json.loads(event_frame(ROOM, 0, 1, None, 5, encode(message(ANN))))
    assert validator("EventFrame").is_valid(frame)
    assert not validator("EventFrame").is_valid(frame | change)


def test_messages_as_of_now_fit_in_a_page() -> None:
    shown = json.loads(encode(message(ANN))) | {
        "edited": {"seq": 3, "ts": 5}, "reactions": [{"emoji": "👍", "count": 1, "me": True}], "media": [{"id": "m"}],
    }  # fmt: skip
    gone = {"v": 1, "k": "deleted", "id": "x", "by": ANN, "deleted_by": ANN}
    page = {"t": "page", "id": "1", "room": ROOM, "epoch": 0, "from": 0, "to": 2, "as_of": 3, "has_before": False,
            "has_after": False, "items": [{"epoch": 0, "seq": i, "prev": None, "ts": 1, "e": e}
                                          for i, e in enumerate((shown, gone))]}  # fmt: skip
    validator("PageFrame").validate(page)
