"""The media objects of the rooms of this instance, as the log has them. Pure."""

from collections.abc import Callable, Iterator

from kaftalk_media.packing import pack, unpack
from kaftalk_protocol.ids import MediaId, RoomId
from kaftalk_protocol.media import (
    MediaView,
    Sending,
    State,
    Upload,
    encode,
    media_of,
    merge,
    merge_sendings,
    parse,
    sending_key,
    upload_key,
    view_of,
)

NOT_PROCESSED = "not_processed"
"""Why it is rejected when the function has not come for too long; should it still come, the upload is there."""


class Entry:
    """One media object: the merged records, and what has been done about them.

    `behind_ms`: since when the last record of a key says less than the merged one. `shown`: Redis has it.
    `found_ms`: when the store was first seen to hold the upload. `unprocessed`: the function may still want the
    upload; else it is `cleared` away. Records are kept as bytes: there are many.
    """

    __slots__ = (
        "_packed", "_sending", "busy", "cleared", "created_ms", "ended", "failures", "found_ms", "id", "looked_ms",
        "looks", "owned", "purged_ms", "purges", "resumable", "room", "sending_behind_ms", "shown", "state",
        "unprocessed", "upload_behind_ms",
    )  # fmt: skip

    def __init__(self, media: MediaId, room: RoomId) -> None:
        self.id = media
        self.room = room
        self._packed: bytes | None = None
        self._sending: bytes | None = None
        self.state: State | None = None
        self.created_ms = 0
        self.resumable = False
        self.upload_behind_ms: int | None = None
        self.sending_behind_ms: int | None = None
        self.shown = False
        self.unprocessed = True
        self.cleared = False
        self.looks = 0
        self.looked_ms = 0
        self.found_ms: int | None = None
        self.purges = 0
        self.purged_ms = 0
        self.failures = 0
        self.busy = False
        self.owned = True
        self.ended = False

    @property
    def upload(self) -> Upload:
        """The merged upload; there must be one."""
        return Upload.model_validate_json(unpack(self._packed or b""))

    @property
    def sending(self) -> Sending | None:
        """The merged sending, if there is one."""
        return None if self._sending is None else Sending.model_validate_json(self._sending)

    @property
    def view(self) -> MediaView:
        """What Redis should have."""
        return view_of(self.upload, self.sending)

    @property
    def behind_ms(self) -> int | None:
        """Since when a key of the log says less than is known."""
        since = [ms for ms in (self.upload_behind_ms, self.sending_behind_ms) if ms is not None]
        return min(since, default=None)

    def take(self, record: Upload | Sending, now_ms: int) -> None:
        """Merge one more record; `now_ms` is the log's time of it."""
        if isinstance(record, Upload):
            self._take_upload(record, now_ms)
        else:
            self._take_sending(record, now_ms)

    def end(self) -> None:
        """Note that nothing is left of it, nor to be done."""
        self.ended = True

    def forget(self, key: str) -> None:
        """Note that a key was taken away."""
        if key == upload_key(self.id):
            self._packed = self.state = self.upload_behind_ms = None
        else:
            self._sending = self.sending_behind_ms = None

    def _take_upload(self, record: Upload, now_ms: int) -> None:
        merged = record if self._packed is None else merge(self.upload, record)
        packed = pack(encode(merged))
        self.upload_behind_ms = None if merged == record else now_ms
        if packed == self._packed:
            return
        self._packed, self.state, self.created_ms = packed, merged.state, merged.created_ms
        self.resumable = merged.upload_id is not None
        self.unprocessed = merged.state in ("incoming", "stored") or merged.reason == NOT_PROCESSED
        self.shown = False

    def _take_sending(self, record: Sending, now_ms: int) -> None:
        before = self.sending
        merged = record if before is None else merge_sendings(before, record)
        self._sending = encode(merged)
        self.sending_behind_ms = None if merged == record else now_ms
        if before is None or (before.seq, before.message) != (merged.seq, merged.message):
            self.shown = False


class Entries:
    """By id, by room and by shard. `changed` is told of each that the log changed."""

    def __init__(self, changed: Callable[[Entry], None]) -> None:
        self._changed = changed
        self._entries: dict[MediaId, Entry] = {}
        self._rooms: dict[RoomId, set[MediaId]] = {}
        self._shards: dict[int, set[MediaId]] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, media: MediaId) -> Entry | None:
        """Find an entry."""
        return self._entries.get(media)

    def of_room(self, room: RoomId) -> Iterator[Entry]:
        """Give a room's."""
        return (self._entries[media] for media in list(self._rooms.get(room, ())))

    def of_shard(self, shard: int) -> list[Entry]:
        """Give a shard's."""
        return [self._entries[media] for media in self._shards.get(shard, ())]

    def read(self, shard: int, key: str, value: bytes | None, ts: int) -> None:
        """Take the next record of a partition in."""
        if value is None:
            self._forgotten(key)
            return
        record = parse(key, value)
        if record is None or key not in (upload_key(record.id), sending_key(record.id)):
            return
        entry = self._entries.get(record.id)
        if entry is None:
            entry = self._put(shard, record.id, record.room)
        entry.take(record, ts)
        self._changed(entry)

    def drop(self, shard: int, media: MediaId) -> None:
        """Let go of one."""
        entry = self._entries.pop(media, None)
        if entry is not None:
            entry.owned = False
            self._shards[shard].discard(media)
            self._rooms[entry.room].discard(media)
            if not self._rooms[entry.room]:
                del self._rooms[entry.room]

    def drop_shard(self, shard: int) -> None:
        """Let go of a shard; whoever is at work on one of its entries sees `owned` fall."""
        for media in list(self._shards.get(shard, ())):
            self.drop(shard, media)
        self._shards.pop(shard, None)

    def _put(self, shard: int, media: MediaId, room: RoomId) -> Entry:
        if others := self._rooms.get(room):
            # One text for all of a room.
            room = self._entries[next(iter(others))].room
        entry = self._entries[media] = Entry(media, room)
        self._rooms.setdefault(room, set()).add(media)
        self._shards.setdefault(shard, set()).add(media)
        return entry

    def _forgotten(self, key: str) -> None:
        entry = self._entries.get(media_of(key))
        if entry is not None:
            entry.forget(key)
            self._changed(entry)
