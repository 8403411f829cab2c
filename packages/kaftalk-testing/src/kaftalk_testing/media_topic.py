"""What `kaftalk.media` holds, read from its beginning."""

from kaftalk_protocol.ids import RoomId
from kaftalk_protocol.media import Sending, Upload, parse
from kaftalk_protocol.topics import MEDIA
from kaftalk_roomlog.ranges import RoomLogRange
from kaftalk_roomlog.records import LogRecord
from kaftalk_roomlog.shards import shard_of
from kaftalk_runtime.kafka import Kafka


async def media_topic(bootstrap: str, room: RoomId | str) -> list[LogRecord]:
    """Read all records of a room's partition, other rooms' too."""
    ranges = RoomLogRange(Kafka(bootstrap))
    await ranges.start()
    try:
        shard = shard_of(room, await ranges.partitions(MEDIA))
        start, end = await ranges.bounds(MEDIA, partition=shard)
        return await ranges.read(MEDIA, start, end, partition=shard, bytes_max=64 << 20)
    finally:
        await ranges.stop()


async def uploads_of(bootstrap: str, room: RoomId | str) -> list[Upload]:
    """Read the uploads of a room, in the order in which they were written."""
    return [one for one in await _records(bootstrap, room) if isinstance(one, Upload)]


async def sendings_of(bootstrap: str, room: RoomId | str) -> list[Sending]:
    """Read what was sent and removed in a room, in the order in which it was written."""
    return [one for one in await _records(bootstrap, room) if isinstance(one, Sending)]


async def _records(bootstrap: str, room: RoomId | str) -> list[Upload | Sending]:
    stored = [record for record in await media_topic(bootstrap, room) if not record.deleted]
    parsed = (parse((record.key or b"").decode(), record.value) for record in stored)
    return [one for one in parsed if one is not None and one.room == room]
