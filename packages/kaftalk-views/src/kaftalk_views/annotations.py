"""What is laid over a message: edits, deletion, reactions, the status of its media. Pure.

In Redis a note is JSON `{at, edited?, deleted?, media?}`, `at` being the seq it is of. Notes of one message may be
written in any order and twice: a deletion stays, the first of them, else the highest `at` holds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from kaftalk_protocol import redis_keys
from kaftalk_protocol.ids import RoomId, UserId
from kaftalk_protocol.records import VERSION, Delete, Edit
from kaftalk_views.view_fields import Command

_EMPTY: dict[str, object] = {"text": "", "media": [], "ext": None}


def edit_note(room: RoomId, seq: int, ts: int, edit: Edit) -> list[Command]:
    """Give the commands of an edit: the note, and whom the message names now."""
    edited = {"seq": seq, "ts": ts, "text": edit.text, "mentions": edit.mentions}
    note = orjson.dumps({"at": seq, "edited": edited}).decode()
    target = str(edit.target)
    return [
        ("NOTE", redis_keys.room_notes(room), target, note, str(seq)),
        ("REMENTION", redis_keys.room_index(room), redis_keys.room_mentions(room), target, *edit.mentions),
    ]


def delete_note(room: RoomId, seq: int, ts: int, delete: Delete) -> list[Command]:
    """Give the commands of a deletion: the note; reactions, index and mentions forget the message."""
    note = orjson.dumps({"at": seq, "deleted": {"seq": seq, "ts": ts, "by": delete.by}}).decode()
    keys = (redis_keys.room_reactions(room, delete.target), redis_keys.room_index(room), redis_keys.room_mentions(room))
    return [("REMOVE", redis_keys.room_notes(room), str(delete.target), note, *keys)]


def media_note(room: RoomId, seq: int, media: str, value: bytes) -> list[Command]:
    """Give the command that notes the status of a media object."""
    note = orjson.dumps({"at": seq, "media": orjson.loads(value)}).decode()
    return [("NOTE", redis_keys.room_notes(room), media_field(media), note, str(seq))]


def media_field(media: str) -> str:
    """Name a media object in the notes' hash."""
    return f"media:{media}"


@dataclass(frozen=True, slots=True)
class Overlay:
    """All that is laid over one message as of a seq.

    `reactions`: (emoji, user) → seq, those in force; `taken_back`: where one was taken back and not put again.
    """

    edited: Mapping[str, Any] | None = None
    deleted: Mapping[str, Any] | None = None
    reactions: Mapping[tuple[str, UserId], int] = field(default_factory=dict)
    taken_back: Mapping[tuple[str, UserId], int] = field(default_factory=dict)

    @classmethod
    def read(cls, note: str | None, reactions: Mapping[str, str]) -> Overlay:
        """Read the overlay from the note and the hash of reactions in Redis."""
        stored = orjson.loads(note) if note else {}
        if "deleted" in stored:
            return cls(deleted=stored["deleted"])
        signed = _by_emoji_and_user(reactions)
        return cls(
            edited=stored.get("edited"),
            reactions={key: seq for key, seq in signed.items() if seq > 0},
            taken_back={key: -seq for key, seq in signed.items() if seq < 0},
        )

    def lay_over(self, message: Mapping[str, Any], viewer: UserId, media: Mapping[str, Any]) -> dict[str, Any]:
        """Give the message as of now, for a viewer; `media` maps ids to their latest status."""
        if self.deleted:
            return {
                "v": VERSION, "k": "deleted", "id": message["id"], "by": message["by"], "deleted_by": self.deleted["by"]
            }  # fmt: skip
        item = dict(message)
        if self.edited:
            item |= {"text": self.edited["text"], "mentions": self.edited["mentions"]}
        item["edited"] = {"seq": self.edited["seq"], "ts": self.edited["ts"]} if self.edited else None
        item["reactions"] = self._counts(viewer)
        item["media"] = [one | media.get(one.get("id", ""), {}) for one in message.get("media") or []]
        return item

    def _counts(self, viewer: UserId) -> list[dict[str, Any]]:
        """Count the reactions, the first used emoji first."""
        ordered = sorted(self.reactions, key=self.reactions.__getitem__)
        counts = Counter(emoji for emoji, _ in ordered)
        return [{"emoji": e, "count": n, "me": (e, viewer) in self.reactions} for e, n in counts.items()]


def blank(value: bytes) -> bytes:
    """Take text, media and extras out of a stored message, or what was laid over it, that is deleted by now."""
    return orjson.dumps(blanked(orjson.loads(value)))


def hide(value: bytes) -> bytes:
    """Take out of a stored edit, or the status of a media object, what is of a message the viewer may not read."""
    return orjson.dumps(hidden(orjson.loads(value)))


def blanked(record: dict[str, Any]) -> dict[str, Any]:
    """Give a message, edit or status without what was said."""
    if record.get("k") == "media":
        return _status_only(record)
    return record | {name: _EMPTY[name] for name in _EMPTY.keys() & record.keys()}


def hidden(record: dict[str, Any]) -> dict[str, Any]:
    """Give an edit or status without what was said, and to whom."""
    return _status_only(record) if record.get("k") == "media" else record | {"text": "", "mentions": []}


def _status_only(record: dict[str, Any]) -> dict[str, Any]:
    """Leave out what a picture or voice looks like."""
    return {name: record[name] for name in ("v", "k", "media", "status", "target") if name in record}


def _by_emoji_and_user(stored: Mapping[str, str]) -> dict[tuple[str, UserId], int]:
    """Read the hash; the seq of what was taken back stays with a minus, so that no older record brings it again."""
    found: dict[tuple[str, UserId], int] = {}
    for name, seq in stored.items():
        emoji, _, user = name.rpartition(" ")
        found[emoji, UserId(user)] = int(seq)
    return found


def media_status(note: str) -> dict[str, Any]:
    """Read the status of a media object from its note, as fields of the object in messages."""
    record = orjson.loads(note)["media"]
    return {name: value for name, value in record.items() if name not in ("v", "k", "media", "target")}
