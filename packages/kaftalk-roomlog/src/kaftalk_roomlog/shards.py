"""Which partition a key belongs to."""

from aiokafka.partitioner import murmur2


def shard_of(key: str, shards: int) -> int:
    """Return the partition of a key among `shards`, as Kafka's default partitioner does (murmur2 over UTF-8)."""
    return int(murmur2(key.encode()) & 0x7FFFFFFF) % shards  # type: ignore[no-untyped-call]
