"""The WebSocket contract as an AsyncAPI 3.0 document, from the models: `python -m kaftalk_protocol.asyncapi`."""

import json
from collections.abc import Iterable
from typing import Any, Literal, get_args

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from kaftalk_protocol import client_frames, items, records, server_frames
from kaftalk_protocol.errors import CloseCode, Code
from kaftalk_protocol.quiet_records import Digest, DigestRoom

_SCHEMAS = "#/components/schemas/"
_CLIENT = "Client"
_RECORD = "Record"
_VALIDATION: Literal["validation"] = "validation"


def document() -> dict[str, Any]:
    """Give the whole document, the same for the same models."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Kaftalk WebSocket",
            "version": "1",
            "description": "Text frames, one JSON object each; see docs/protocol.md.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": {"socket": _channel()},
        "operations": {
            "receiveFromClient": _operation("receive", _CLIENT, _frames(client_frames.AnyClientFrame)),
            "sendToClient": _operation("send", "", _frames(server_frames.ServerFrame)),
        },
        "components": {"messages": _messages(), "schemas": schemas()},
        "x-error-codes": {code.value: code.status for code in Code},
        "x-close-codes": {name: code for name, code in vars(CloseCode).items() if not name.startswith("_")},
    }


def schemas() -> dict[str, Any]:
    """Give every schema by name: client frames start with `Client`, records with `Record`.

    Frames, records and items are closed (`additionalProperties: false`), so that a test against them finds what
    does not belong there; only `media` records are open.
    """
    found = {
        **_schemas(_frames(client_frames.AnyClientFrame), _CLIENT),
        **_schemas(_frames(server_frames.ServerFrame), ""),
        **_schemas(_frames(records.Record), _RECORD),
        **_schemas([items.MessageItem, items.DeletedItem], ""),
    }
    stored = [f"{_RECORD}{model.__name__}" for model in _frames(records.Record)]
    for name in (*stored, Digest.__name__, DigestRoom.__name__):
        found[name].setdefault("additionalProperties", False)
    shown = [*stored, items.MessageItem.__name__, items.DeletedItem.__name__]
    found["Shown"] = {
        "description": "A record as it is stored (live, resumed), or a message as of now (pages, releases).",
        "anyOf": [{"$ref": _SCHEMAS + name} for name in shown],
    }
    for name in ("Event", "EventFrame"):
        found[name]["properties"]["e"] = {"$ref": f"{_SCHEMAS}Shown"}
    return found


def _frames(union: Any) -> list[type[BaseModel]]:
    arguments = get_args(union)
    members = get_args(arguments[0]) or arguments
    return [member for member in members if isinstance(member, type)]


def _schemas(models: Iterable[type[BaseModel]], prefix: str) -> dict[str, Any]:
    wanted = [(model, _VALIDATION) for model in models]
    _, whole = models_json_schema(wanted, ref_template=f"{_SCHEMAS}{prefix}{{model}}")
    return {f"{prefix}{name}": _with_tags(schema) for name, schema in whole["$defs"].items()}


def _with_tags(schema: dict[str, Any]) -> dict[str, Any]:
    """Name the constant fields as required: they have defaults for those who write, never on the wire."""
    tags = [name for name in ("t", "v", "k") if name in schema.get("properties", {})]
    others = [name for name in schema.get("required", []) if name not in tags]
    return {**schema, "required": tags + others} if tags else schema


def _tag(model: type[BaseModel]) -> str:
    return str(get_args(model.model_fields["t"].annotation)[0])


def _messages() -> dict[str, Any]:
    found = {}
    for prefix, union in ((_CLIENT, client_frames.AnyClientFrame), ("", server_frames.ServerFrame)):
        for model in _frames(union):
            name = f"{prefix}{model.__name__}"
            summary = (model.__doc__ or "").strip()
            found[name] = {"name": _tag(model), "summary": summary, "payload": {"$ref": _SCHEMAS + name}}
    return found


def _channel() -> dict[str, Any]:
    names = _messages()
    return {
        "address": "/ws",
        "description": "Subprotocol kaftalk.v1.",
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in names},
        "bindings": {"ws": {"method": "GET"}},
    }


def _operation(action: str, prefix: str, models: Iterable[type[BaseModel]]) -> dict[str, Any]:
    references = [{"$ref": f"#/channels/socket/messages/{prefix}{model.__name__}"} for model in models]
    return {"action": action, "channel": {"$ref": "#/channels/socket"}, "messages": references}


if __name__ == "__main__":
    print(json.dumps(document(), indent=2))
