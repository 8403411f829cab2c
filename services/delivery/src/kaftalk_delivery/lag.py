"""How far the views are behind the logs, a shard."""

from collections.abc import Callable, Iterable
from weakref import WeakSet

from kaftalk_delivery.owned_rooms import OwnedRoom, OwnedRooms
from kaftalk_runtime import metrics
from kaftalk_runtime.metrics import Labels

_all: "WeakSet[ShardLag]" = WeakSet()


class ShardLag:
    """Compares the ends of the logs, as brokers told them with what they sent last, with what has been pushed.

    A log of which nothing comes is not behind as far as is known: that brokers answer at all shows elsewhere.
    """

    def __init__(self, rooms: OwnedRooms, owned: Callable[[], frozenset[int]]) -> None:
        self._rooms = rooms
        self._owned = owned
        self._ends: dict[OwnedRoom, int] = {}
        _all.add(self)

    def note(self, room: OwnedRoom, end_offset: int) -> None:
        """Take the end of a room's log, as of what came of it just now."""
        self._ends[room] = end_offset

    def records(self) -> dict[int, int]:
        """Give how many records are not pushed yet, for every shard that is owned."""
        lag = dict.fromkeys(self._owned(), 0)
        for room, end_offset in list(self._ends.items()):
            behind = end_offset - self._next_offset(room)
            if behind <= 0 or self._rooms.get(room.id) is not room:
                del self._ends[room]
            elif room.shard in lag:
                lag[room.shard] += behind
        return lag

    def _next_offset(self, room: OwnedRoom) -> int:
        return 0 if room.head is None else room.placement.offset(room.head.applied_seq + 1)


def _read() -> Iterable[tuple[Labels, float]]:
    for lag in _all:
        for shard, records in lag.records().items():
            yield (str(shard),), records


metrics.gauge_at_scrape("kaftalk_delivery_shard_lag_records", "Records of a shard that are not pushed", _read, "shard")
