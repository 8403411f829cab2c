"""Read what is laid over the messages of a page, all as of one moment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import orjson

from kaftalk_protocol import redis_keys
from kaftalk_protocol.ids import RoomId, UserId
from kaftalk_protocol.records import Message
from kaftalk_runtime.redis_client import Script
from kaftalk_views.annotations import Overlay, media_field, media_status
from kaftalk_views.errors import HistoryUnavailable, ViewUnknown
from kaftalk_views.projection import Shown
from kaftalk_views.room_views import Facts, RoomViews, facts_of, facts_read

HASHES_A_READ = 1_000

# All of one moment, and only the reactions that there are: most messages have none.
_OVERLAYS = Script("""
local count, notes, said = tonumber(ARGV[1]), {}, {}
for i = 1, count do notes[i] = redis.call('HGET', KEYS[1], ARGV[1 + i]) end
for i = 2, #KEYS do
  local reactions = redis.call('HGETALL', KEYS[i])
  if #reactions > 0 then said[#said + 1] = {i - 2, reactions} end
end
return {redis.call(unpack(ARGV, count + 2)), notes, said}
""")


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
    """Read the overlays of those items that are messages, in one step with where the view stands.

    Raises ViewUnknown; HistoryUnavailable if the room has another epoch by now; RedisAway.
    """
    messages = [one for one in items if isinstance(one.record, Message)]
    seqs = [one.seq for one in messages]
    media = [part["id"] for one in messages for part in _media(one) if "id" in part]
    fields = [*map(str, seqs), *map(media_field, media)]
    keys = [redis_keys.room_notes(room), *(redis_keys.room_reactions(room, seq) for seq in seqs)]
    stood, notes, said = await views.redis.eval(_OVERLAYS, keys, [len(fields), *fields, *facts_read(room)])
    facts = facts_of(room, stood)
    if facts is None:
        raise ViewUnknown(room)
    if facts.head.epoch != epoch:
        raise HistoryUnavailable(room)
    reactions = {int(at): dict(zip(flat[::2], flat[1::2], strict=True)) for at, flat in said}
    found = enumerate(zip(seqs, notes, strict=False))
    by_seq = {seq: Overlay.read(note, reactions.get(at, {})) for at, (seq, note) in found}
    status = {name: media_status(note) for name, note in zip(media, notes[len(seqs) :], strict=True) if note}
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
