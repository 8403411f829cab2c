"""The rooms that this instance owns, by id, by topic and by shard. Pure."""

from collections.abc import Collection, Iterator

from kaftalk_protocol.deliveries import RoomHead
from kaftalk_protocol.ids import RoomId
from kaftalk_protocol.room_state import RoomState
from kaftalk_protocol.topics import Placement
from kaftalk_views.projection import Projection


class OwnedRoom:
    """One room: where its log is, how far it is followed, and its state if that was needed yet.

    `head` is None until the room is live here. `unwritten` is what Redis has not taken yet, `behind` what waits before
    it until Kafka knows which media it sends. `since_snapshot` counts
    the records since the last snapshot, `touched_s` is when the last one came (monotonic). `is_new`: it was placed just
    now, and whoever made it has applied its first record, so that its members are not seen joining here.
    """

    __slots__ = (
        "behind", "head", "is_new", "placement", "shard", "since_snapshot", "state", "touched_s", "unwritten",
    )  # fmt: skip

    def __init__(self, placement: Placement, shard: int) -> None:
        self.placement = placement
        self.shard = shard
        self.is_new = False
        self.head: RoomHead | None = None
        self.state: RoomState | None = None
        self.unwritten: Projection | None = None
        self.behind: list[Projection] | None = None
        self.since_snapshot = 0
        self.touched_s = 0.0

    @property
    def id(self) -> RoomId:
        """The room's id."""
        return self.placement.room

    @property
    def is_written(self) -> bool:
        """Whether its view holds all that was folded."""
        return self.unwritten is None and self.behind is None

    def start_anew(self) -> None:
        """Forget how far it was followed: it becomes live again, or is another's."""
        if self.behind is not None:
            # Its state is ahead of what Kafka was told: no snapshot may hold it.
            self.since_snapshot = 0
        self.head = self.state = self.behind = None

    def stand_at(self, applied_seq: int, shown_seq: int | None) -> None:
        """Note how far the room is followed."""
        placement = self.placement
        self.head = RoomHead(epoch=placement.epoch, base=placement.base, applied_seq=applied_seq, shown_seq=shown_seq)


class OwnedRooms:
    """All of them."""

    def __init__(self) -> None:
        self._rooms: dict[RoomId, OwnedRoom] = {}
        self._topics: dict[str, OwnedRoom] = {}
        self._shards: dict[int, dict[RoomId, OwnedRoom]] = {}

    def __len__(self) -> int:
        return len(self._rooms)

    def __iter__(self) -> Iterator[OwnedRoom]:
        return iter(list(self._rooms.values()))

    def get(self, room: RoomId) -> OwnedRoom | None:
        """Find a room by its id."""
        return self._rooms.get(room)

    def by_topic(self, topic: str) -> OwnedRoom | None:
        """Find a room by the topic of its current epoch."""
        return self._topics.get(topic)

    def of_shard(self, shard: int) -> Collection[OwnedRoom]:
        """Give the rooms of a shard."""
        return list(self._shards.get(shard, {}).values())

    def put(self, placement: Placement, shard: int) -> OwnedRoom:
        """Add a room, or one anew that has moved to another epoch."""
        self.drop(placement.room)
        room = OwnedRoom(placement, shard)
        self._rooms[room.id] = self._topics[placement.topic] = room
        self._shards.setdefault(shard, {})[room.id] = room
        return room

    def drop(self, room: RoomId) -> OwnedRoom | None:
        """Take a room out."""
        found = self._rooms.pop(room, None)
        if found is not None:
            del self._topics[found.placement.topic]
            del self._shards[found.shard][room]
        return found
