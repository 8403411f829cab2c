"""What an event that changes a room means for the people connected here. Pure."""

from dataclasses import dataclass
from typing import Any, Literal

import orjson

from kaftalk_protocol.ids import UserId

RemovedReason = Literal["left", "kicked", "deleted"]


@dataclass(frozen=True, slots=True)
class Change:
    """Who comes, who goes and why, and whose `room` frame is new (`everybody`: all members')."""

    joined: UserId | None = None
    removed: tuple[UserId, RemovedReason] | None = None
    updated: UserId | None = None
    everybody: bool = False
    archived: bool | None = None
    deleted: bool = False
    history: str | None = None


def read_change(frame: bytes) -> Change:
    """Read the record of an `event` frame."""
    record: dict[str, Any] = orjson.loads(frame)["e"]
    user = UserId(record.get("user", ""))
    match record.get("k"):
        case "join":
            return Change(joined=user)
        case "leave":
            return Change(removed=(user, "left"), updated=record.get("successor"))
        case "kick":
            return Change(removed=(user, "kicked"))
        case "role":
            return Change(updated=user)
        case "room":
            return _room(record)
    return Change()


def _room(record: dict[str, Any]) -> Change:
    return Change(
        everybody=True,
        archived=record.get("archived"),
        deleted=record.get("deleted") is True,
        history=record.get("history"),
    )
