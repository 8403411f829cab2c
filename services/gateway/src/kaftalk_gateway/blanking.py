"""Words that one may not have: events with what is deleted, or was said before one's time, are blanked. Pure."""

from typing import Any

import orjson

from kaftalk_protocol.deliveries import EDIT, RoomEvent

_EMPTIED: dict[str, Any] = {"text": "", "media": [], "ext": None}


def target_of(frame: bytes) -> int | None:
    """Give the `target` of an `event` frame's record."""
    target = orjson.loads(frame)["e"].get("target")
    return target if isinstance(target, int) else None


def edited_by(frame: bytes) -> int | None:
    """Give the message that an `event` frame edits; None if it is no edit."""
    if b'"k":"edit"' not in frame or orjson.loads(frame)["e"].get("k") != "edit":
        return None
    return target_of(frame)


def blanked(event: RoomEvent, target: int | None) -> bytes | None:
    """Give the frame without its words if it is message `target` or an edit of it; None if it is neither."""
    is_edit = b'"k":"edit"' in event.frame and f'"target":{target}'.encode() in event.frame
    if target is None or (event.seq != target and not is_edit):
        return None
    frame = orjson.loads(event.frame)
    record = frame["e"]
    if event.seq != target and (record.get("k") != "edit" or record.get("target") != target):
        return None
    for name, empty in _EMPTIED.items():
        if name in record:
            record[name] = empty
    return orjson.dumps(frame)


def hidden(event: RoomEvent, floor: int) -> bytes | None:
    """Give the frame without words and mentions if it edits a message below `floor`, the first seq one may read."""
    if not event.flags & EDIT:
        return None
    frame = orjson.loads(event.frame)
    if frame["e"]["target"] >= floor:
        return None
    frame["e"] |= {"text": "", "mentions": []}
    return orjson.dumps(frame)
