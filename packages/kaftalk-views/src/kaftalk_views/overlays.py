"""Read what is laid over the messages of a page, all as of one moment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import orjson

from kaftalk_protocol import redis_keys
from kaftalk_protocol.ids import RoomId, UserId
from kaftalk_protocol.records import Message
from kaftalk_views.annotations import Overlay, media_field, media_status
from kaftalk_views.errors import HistoryUnavailable, ViewUnknown
from kaftalk_views.projection import Shown
from kaftalk_views.room_views import Facts, RoomViews, facts_of, facts_read
from kaftalk_views.view_fields import Command

HASHES_A_READ = 1_000


class Overlays(NamedTuple):
    """What lies over some messages when the view stood at `facts.head`."""

    facts: Facts
    by_seq: dict[int, Overlay]
    media: dict[str, dict[str, Any]]

    def event(self, one: Shown, viewer: UserId) -> dict[str, Any]:
        """Give an item of a page as of now."""
        stored = orjson.loads(one.value)
        overlay = self.by_seq.get(one.seq)
        e = stored if overlay is None else overlay.lay_over(stored, viewer, self.media)
        return {"epoch": self.facts.head.epoch, "seq": one.seq, "prev": one.prev, "ts": one.ts, "e": e}


async def read_overlays(views: RoomViews, room: RoomId, items: Sequence[Shown], *, epoch: int) -> Overlays:
    """Read the overlays of those items that are messages, in one transaction with where the view stands.

    Raises ViewUnknown; HistoryUnavailable if the room has another epoch by now; RedisAway.
    """
    messages = [one for one in items if isinstance(one.record, Message)]
    media = [part["id"] for one in messages for part in _media(one) if "id" in part]
    fields = [*(str(one.seq) for one in messages), *map(media_field, media)]
    reactions: list[Command] = [("HGETALL", redis_keys.room_reactions(room, one.seq)) for one in messages]
    notes: list[Command] = [("HMGET", redis_keys.room_notes(room), *fields)] if fields else []
    replies = await views.redis.transaction([facts_read(room), *notes, *reactions])
    facts = facts_of(room, replies[0])
    if facts is None:
        raise ViewUnknown(room)
    if facts.head.epoch != epoch:
        raise HistoryUnavailable(room)
    found = replies[1] if fields else []
    seqs = [one.seq for one in messages]
    by_seq = {seq: Overlay.read(note, said) for seq, note, said in zip(seqs, found, replies[2:], strict=False)}
    status = {name: media_status(note) for name, note in zip(media, found[len(seqs) :], strict=True) if note}
    return Overlays(facts, by_seq, status)


async def read_deleted(views: RoomViews, room: RoomId, seqs: Sequence[int]) -> set[int]:
    """Tell which of these messages are deleted by now.

    Raises RedisAway.
    """
    if not seqs:
        return set()
    key = redis_keys.room_notes(room)
    chunks = [seqs[at : at + HASHES_A_READ] for at in range(0, len(seqs), HASHES_A_READ)]
    replies = await views.redis.transaction([("HMGET", key, *map(str, chunk)) for chunk in chunks])
    notes = (note for reply in replies for note in reply)
    return {seq for seq, note in zip(seqs, notes, strict=True) if note and Overlay.read(note, {}).deleted}


def _media(one: Shown) -> list[dict[str, Any]]:
    return one.record.media if isinstance(one.record, Message) else []
