"""A room's log in memory: passes the same contract tests as the real random access to logs."""

from collections.abc import Collection, Iterable, Mapping

from kaftalk_protocol.ids import RoomId
from kaftalk_protocol.media import Sending, parse
from kaftalk_protocol.records import AnyRecord, encode
from kaftalk_protocol.topics import Placement
from kaftalk_roomlog.errors import AppendRefused, OutOfRange, Reason, UnknownTopic
from kaftalk_roomlog.partition_queue import Appended
from kaftalk_roomlog.records import LogRecord


class LogTwin:
    """Topics as lists of records; `cut` forgets the oldest as retention does, `truncate` the newest."""

    def __init__(self) -> None:
        self._topics: dict[str, list[LogRecord]] = {}
        self._starts: dict[str, int] = {}

    def create(self, topic: str) -> None:
        """Make a topic."""
        self._topics.setdefault(topic, [])

    def append(self, topic: str, value: bytes, ts: int) -> int:
        """Append a record and give its offset."""
        records = self._topics.setdefault(topic, [])
        records.append(LogRecord(len(records), ts, value))
        return len(records) - 1

    def cut(self, topic: str, start: int) -> None:
        """Forget what is below `start`."""
        self._starts[topic] = start

    def truncate(self, topic: str, end: int) -> None:
        """Forget what is at or above `end`, as a restored broker may."""
        del self._topics[topic][end:]

    async def read(self, topic: str, start: int, stop: int, *, bytes_max: int = 1 << 20) -> list[LogRecord]:
        """Return the records of `[start, stop)`; fewer only at `bytes_max`, one at least.

        Raises OutOfRange, UnknownTopic.
        """
        records = self._records(topic)
        if start < stop and (start < self._starts.get(topic, 0) or stop > len(records)):
            raise OutOfRange(topic, self._starts.get(topic, 0), len(records))
        found: list[LogRecord] = []
        size = 0
        for record in records[start:stop]:
            size += len(record.value)
            if found and size > bytes_max:
                break
            found.append(record)
        return found

    async def end_offsets(self, topics: Collection[str]) -> dict[str, int]:
        """Return the end offsets of several topics.

        Raises UnknownTopic.
        """
        return {topic: len(self._records(topic)) for topic in topics}

    async def offsets_at(self, times_ms: Mapping[str, int]) -> dict[str, int | None]:
        """Return each topic's first offset that is not older than its time; None if all are.

        Raises UnknownTopic.
        """
        return {topic: self._offset_at(topic, ts_ms) for topic, ts_ms in times_ms.items()}

    def _offset_at(self, topic: str, ts_ms: int) -> int | None:
        retained = self._records(topic)[self._starts.get(topic, 0) :]
        return next((record.offset for record in retained if record.ts >= ts_ms), None)

    def _records(self, topic: str) -> list[LogRecord]:
        if topic not in self._topics:
            raise UnknownTopic(topic)
        return self._topics[topic]


class RoomTwin:
    """One room in a `LogTwin`: appends records, a millisecond apart, and knows its placement."""

    def __init__(self, log: LogTwin, room: RoomId, *, epoch: int = 0, base: int = 0, now_ms: int = 0) -> None:
        self.log = log
        self.placement = Placement(room, epoch=epoch, base=base)
        self.now_ms = now_ms
        log.create(self.placement.topic)

    def add(self, *records: AnyRecord) -> int:
        """Append records and give the seq of the last."""
        return self.add_values(map(encode, records))

    def add_values(self, values: Iterable[bytes]) -> int:
        """Append raw values and give the seq of the last."""
        offset = -1
        for value in values:
            self.now_ms += 1
            offset = self.log.append(self.placement.topic, value, self.now_ms)
        return self.placement.seq(offset)


class MediaTopicTwin:
    """What is appended to `kaftalk.media`; nothing is while it is `away`."""

    def __init__(self) -> None:
        self.away = False
        self.sendings: list[Sending] = []

    async def append(
        self, topic: str, value: bytes, *, key: bytes | None = None, partition: int | None = 0, timeout_s: float = 10.0
    ) -> Appended:
        """Append one record. Raises AppendRefused."""
        del partition, timeout_s
        if self.away:
            raise AppendRefused(topic, Reason.UNAVAILABLE)
        record = parse((key or b"").decode(), value)
        assert isinstance(record, Sending)
        self.sendings.append(record)
        return Appended(len(self.sendings) - 1, 0, resent=False)
