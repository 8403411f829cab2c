"""The held range of a room folded: messages with what is laid over them, as of exactly its end. Pure.

The annotations of a held message come after it, so the range itself says all of them but the status of media.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from kaftalk_protocol.ids import UserId
from kaftalk_protocol.records import Delete, Edit, Message, Reaction, is_item
from kaftalk_views.annotations import Overlay
from kaftalk_views.projection import Shown

_NOBODY = UserId("")


@dataclass(slots=True)
class Said:
    """A held message and what is laid over it; `reactions` hold the seq of the newest, negative if taken back."""

    shown: Shown
    message: Message
    edited: Edit | None = None
    edited_at: tuple[int, int] = (0, 0)
    reactions: dict[tuple[str, UserId], int] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The text in force."""
        return self.message.text if self.edited is None else self.edited.text

    @property
    def mentions(self) -> list[UserId]:
        """Whom it names now."""
        return self.message.mentions if self.edited is None else self.edited.mentions


class HeldRange:
    """The shown records above a floor, folded: what is not deleted, with its annotations laid over."""

    def __init__(self) -> None:
        self._said: dict[int, Said] = {}
        self._events: dict[int, Shown] = {}

    def take(self, shown: Iterable[Shown]) -> None:
        """Fold some more of the range, in order."""
        for one in shown:
            record = one.record
            if isinstance(record, Message):
                self._said[one.seq] = Said(one, record)
            elif is_item(record):
                self._events[one.seq] = one
            elif isinstance(record, Edit | Delete | Reaction):
                self._annotate(one, record)

    def _annotate(self, one: Shown, record: Edit | Delete | Reaction) -> None:
        said = self._said.get(record.target)
        if said is None:
            return
        match record:
            case Edit():
                said.edited, said.edited_at = record, (one.seq, one.ts)
            case Delete():
                del self._said[record.target]
            case Reaction():
                said.reactions[record.emoji, record.by] = one.seq if record.on else -one.seq

    def messages(self) -> list[Said]:
        """Give the messages, the oldest first."""
        return list(self._said.values())

    def newest(self, limit: int) -> tuple[list[Shown], bool]:
        """Give the newest items in order, and whether there are older ones."""
        seqs = sorted([*self._events, *self._said])
        chosen = seqs[-limit:]
        found = [self._events.get(seq) or self._said[seq].shown for seq in chosen]
        return found, len(seqs) > limit

    def media(self, limit: int) -> list[str]:
        """Name the media objects in the newest items."""
        messages = (one.record for one in self.newest(limit)[0] if isinstance(one.record, Message))
        return [part["id"] for message in messages for part in message.media if "id" in part]

    def event(self, one: Shown, epoch: int, media: Mapping[str, Any]) -> dict[str, Any]:
        """Give an item as of the end of the range, seen by nobody in particular."""
        e = orjson.loads(one.value)
        said = self._said.get(one.seq)
        if said is not None:
            e = _overlay(said).lay_over(e, _NOBODY, media)
        return {"epoch": epoch, "seq": one.seq, "prev": one.prev, "ts": one.ts, "e": e}

    def reactions(self, seq: int) -> list[tuple[UserId, str]]:
        """Tell who put which emoji at a message."""
        said = self._said.get(seq)
        return [] if said is None else [(user, emoji) for (emoji, user), at in said.reactions.items() if at > 0]


def _overlay(said: Said) -> Overlay:
    edited = None
    if said.edited is not None:
        seq, ts = said.edited_at
        edited = {"seq": seq, "ts": ts, "text": said.edited.text, "mentions": said.edited.mentions}
    return Overlay(edited=edited, reactions={key: at for key, at in said.reactions.items() if at > 0})
