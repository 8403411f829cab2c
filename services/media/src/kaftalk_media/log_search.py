"""Looking for one media object in the log itself, where the view in Redis is not proof enough."""

from kaftalk_protocol.ids import MediaId, RoomId
from kaftalk_protocol.media import Upload, merge, parse, upload_key
from kaftalk_protocol.topics import MEDIA
from kaftalk_roomlog.ranges import RoomLogRange
from kaftalk_roomlog.shards import shard_of

CHUNK_BYTES = 4 << 20


class LogSearch:
    """Reads a whole partition: for what happens rarely."""

    def __init__(self, ranges: RoomLogRange, *, shards: int) -> None:
        self._ranges = ranges
        self._shards = shards

    async def find(self, media: MediaId, room: RoomId) -> Upload | None:
        """Give the merged upload; None if the log has none, or has it no more.

        Raises ReadError.
        """
        shard, key = shard_of(room, self._shards), upload_key(media)
        position, end = await self._ranges.bounds(MEDIA, partition=shard)
        found: Upload | None = None
        while position < end:
            records = await self._ranges.read(MEDIA, position, end, partition=shard, bytes_max=CHUNK_BYTES)
            for record in records:
                if record.key == key.encode():
                    upload = None if record.deleted else parse(key, record.value)
                    found = (merge(found, upload) if found else upload) if isinstance(upload, Upload) else None
            position = records[-1].offset + 1 if records else end
        return found
