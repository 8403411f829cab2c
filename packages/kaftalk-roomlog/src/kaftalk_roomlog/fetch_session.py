"""The client's side of a fetch session (KIP-227). Pure: what to ask next, and what an answer means.

The broker remembers the partitions of a session and their offsets. A full request (epoch 0) names them all; after it
each request names only what was added, has moved, or is forgotten, so that an idle room costs nothing. Every answer
raises the epoch by one; when the two sides disagree the broker says so and the session begins again with a full
request. Session id 0 in an answer means that the broker's cache of sessions is full: then every request is full.
"""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from aiokafka.protocol.fetch import (
    FetchRequest,
    FetchRequest_v7,
    FetchRequest_v8,
    FetchRequest_v9,
    FetchRequest_v10,
    FetchRequest_v11,
)

from kaftalk_roomlog.records import Partition

NO_SESSION = (0, -1)
FULL_EPOCH = 0
EPOCH_MAX = 0x7FFFFFFF
FETCH_BYTES_MAX = 16 << 20
PARTITION_BYTES_MAX = 1 << 20

Wanted = Iterable[tuple[Partition, int, int]]


class SessionFetchRequest(FetchRequest):
    """A fetch request with a session, which aiokafka's own cannot carry; `wanted` is (partition, offset, max bytes)."""

    def __init__(
        self, session: tuple[int, int], wanted: Wanted, forgotten: Iterable[Partition] = (), *, wait_ms: int
    ) -> None:
        topics: defaultdict[str, list[tuple[int, int, int]]] = defaultdict(list)
        for (topic, partition), offset, bytes_max in wanted:
            topics[topic].append((partition, offset, bytes_max))
        super().__init__(wait_ms, 1, FETCH_BYTES_MAX, 0, list(topics.items()))
        self.session = session
        self.forgotten: defaultdict[str, list[int]] = defaultdict(list)
        for topic, partition in forgotten:
            self.forgotten[topic].append(partition)

    def build(self, request_struct_class: Any) -> Any:
        """Encode for the version that the broker speaks (7 and above know sessions)."""
        version = request_struct_class.API_VERSION
        topics = [(topic, [_fetch_from(version, *part) for part in parts]) for topic, parts in self._topics]
        rack = [""] if version >= 11 else []
        limits = (-1, self._max_wait_ms, self._min_bytes, self._max_bytes, self._isolation_level)
        return request_struct_class(*limits, *self.session, topics, list(self.forgotten.items()), *rack)


def _fetch_from(version: int, number: int, offset: int, bytes_max: int) -> tuple[int, ...]:
    return (number, offset, -1, bytes_max) if version < 9 else (number, -1, offset, -1, bytes_max)


# A broker older than the sessions is refused instead of being asked in a version that has none.
SessionFetchRequest._CLASSES = (  # type: ignore[assignment]
    FetchRequest_v7,
    FetchRequest_v8,
    FetchRequest_v9,
    FetchRequest_v10,
    FetchRequest_v11,
)


class FetchSession:
    """The partitions of one session and what the broker knows of them."""

    def __init__(self) -> None:
        self._id = 0
        self._epoch = FULL_EPOCH
        self._offsets: dict[Partition, int] = {}
        self._changed: set[Partition] = set()
        self._forgotten: set[Partition] = set()
        self._asked: dict[Partition, int] = {}

    def __len__(self) -> int:
        return len(self._offsets)

    def __contains__(self, partition: Partition) -> bool:
        return partition in self._offsets

    @property
    def full_next(self) -> bool:
        """Whether the next request names every partition."""
        return self._epoch == FULL_EPOCH

    @property
    def partitions(self) -> list[Partition]:
        """All partitions of the session."""
        return list(self._offsets)

    def want(self, partition: Partition, offset: int) -> None:
        """Fetch a partition from an offset on: add it, or move it."""
        self._offsets[partition] = offset
        self._changed.add(partition)
        self._forgotten.discard(partition)

    def drop(self, partition: Partition) -> None:
        """Fetch a partition no more."""
        if self._offsets.pop(partition, None) is None:
            return
        self._changed.discard(partition)
        if self._asked.pop(partition, None) is not None:
            self._forgotten.add(partition)

    def answers(self, partition: Partition) -> bool:
        """Whether an answer for this partition is to the offset that is wanted now, and not to one from before."""
        return partition in self._offsets and self._asked.get(partition) == self._offsets[partition]

    def request(self, wait_ms: int) -> SessionFetchRequest:
        """Return the next request."""
        if self.full_next:
            self._changed = set(self._offsets)
            self._forgotten.clear()
            self._asked.clear()
        wanted = [(partition, self._offsets[partition], PARTITION_BYTES_MAX) for partition in self._changed]
        request = SessionFetchRequest((self._id, self._epoch), wanted, self._forgotten, wait_ms=wait_ms)
        self._asked.update((partition, offset) for partition, offset, _ in wanted)
        self._changed = set()
        self._forgotten = set()
        return request

    def accept(self, error_code: int, session_id: int) -> bool:
        """Take in the head of an answer; False: it is an error, and the session begins again."""
        if error_code:
            self.reset()
            return False
        self._id = session_id
        self._epoch = 1 if self._epoch == EPOCH_MAX else self._epoch + 1
        if session_id == 0:
            self._epoch = FULL_EPOCH
        return True

    def reset(self) -> None:
        """Begin again with a full request: the broker has dropped the session, or an answer was lost."""
        self._id = 0
        self._epoch = FULL_EPOCH
