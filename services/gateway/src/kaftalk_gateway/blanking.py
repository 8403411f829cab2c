"""What one may not have: events with what is deleted, or was said before one's time, are blanked. Pure."""

import orjson

from kaftalk_protocol.deliveries import EDIT, RoomEvent
from kaftalk_views import annotations


def target_of(frame: bytes) -> int | None:
    """Give the `target` of an `event` frame's record."""
    target = orjson.loads(frame)["e"].get("target")
    return target if isinstance(target, int) else None


def told_of(event: RoomEvent) -> int | None:
    """Give the message whose words or media an event carries anew; None if it is of no such kind."""
    return target_of(event.frame) if event.flags & EDIT else None


def blanked(event: RoomEvent, target: int | None) -> bytes | None:
    """Give the frame without its words if it is message `target` or about what it says; None if it is neither."""
    if target is None or (event.seq != target and told_of(event) != target):
        return None
    frame = orjson.loads(event.frame)
    frame["e"] = annotations.blanked(frame["e"])
    return orjson.dumps(frame)


def hidden(event: RoomEvent, floor: int) -> bytes | None:
    """Give the frame without what it says of a message below `floor`, the first seq one may read."""
    if not event.flags & EDIT:
        return None
    frame = orjson.loads(event.frame)
    if frame["e"].get("target", 0) >= floor:
        return None
    frame["e"] = annotations.hidden(frame["e"])
    return orjson.dumps(frame)
