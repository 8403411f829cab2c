"""When a record has had its effect: every subscribed gateway has taken it, or was marked behind. Pure."""

from collections.abc import Iterable

from kaftalk_protocol.ids import RoomId
from kaftalk_protocol.redis_keys import shard_positions


class Flight:
    """What is on its way of one room, up to `seq`, and how many gateways have not taken it.

    `urgent`: somebody may be waiting for the position (a kick, an archived room).
    """

    __slots__ = ("room", "seq", "shard", "urgent", "waiting")

    def __init__(self, room: RoomId, shard: int, seq: int, waiting: int, *, urgent: bool = False) -> None:
        self.room = room
        self.shard = shard
        self.seq = seq
        self.waiting = waiting
        self.urgent = urgent


class Positions:
    """The positions that have passed and are not yet written to Redis; per room only the highest."""

    def __init__(self) -> None:
        self.urgent = False
        self._passed: dict[int, dict[RoomId, int]] = {}

    def __bool__(self) -> bool:
        return bool(self._passed)

    def passed(self, shard: int, room: RoomId, seq: int, *, urgent: bool = False) -> None:
        """Note that the position of a room passed `seq`."""
        self.urgent = self.urgent or urgent
        rooms = self._passed.setdefault(shard, {})
        rooms[room] = max(seq, rooms.get(room, seq))

    def taken(self, flights: Iterable[Flight]) -> None:
        """Note that one gateway took, or need no more take, these flights."""
        for flight in flights:
            flight.waiting -= 1
            if flight.waiting == 0:
                self.passed(flight.shard, flight.room, flight.seq, urgent=flight.urgent)

    def take(self) -> dict[str, dict[RoomId, int]]:
        """Hand over what is to be written: Redis key → room → seq."""
        passed, self._passed = self._passed, {}
        self.urgent = False
        return {shard_positions(shard): rooms for shard, rooms in passed.items()}

    def put_back(self, taken: dict[str, dict[RoomId, int]]) -> None:
        """Take back what could not be written."""
        for key, rooms in taken.items():
            for room, seq in rooms.items():
                self.passed(int(key.split(":")[1]), room, seq)
