"""Which rooms are ours: the shards that the group gave us, and the placements in their partitions."""

from collections.abc import Awaitable, Callable, Sequence

from kaftalk_delivery.adoption import Adoption
from kaftalk_delivery.links import Links
from kaftalk_delivery.owned_rooms import OwnedRoom, OwnedRooms
from kaftalk_delivery.view_writer import ViewWriter
from kaftalk_roomlog.ownership import ShardOwnership
from kaftalk_roomlog.tail import TailReader, TailRecord
from kaftalk_runtime import metrics
from kaftalk_runtime.logs import get_logger
from kaftalk_views.placements import decode

_log = get_logger(__name__)
_owned_shards = metrics.gauge("kaftalk_delivery_owned_shards", "Shards of this instance")


class Shards:
    """Follows the ownership and the placements. Rooms of a lost shard are dropped only when the loss is certain."""

    def __init__(
        self,
        ownership: ShardOwnership,
        tail: TailReader,
        rooms: OwnedRooms,
        adoption: Adoption,
        writer: ViewWriter,
        links: Links,
        *,
        hand_over: Callable[[Sequence[OwnedRoom]], Awaitable[None]],
    ) -> None:
        self._ownership = ownership
        self._tail = tail
        self._rooms = rooms
        self._adoption = adoption
        self._writer = writer
        self._links = links
        self._hand_over = hand_over
        self.owned: frozenset[int] = frozenset()

    async def follow_ownership(self) -> None:
        """Take and give up shards as the group says, for ever."""
        async for owned in self._ownership.changes():
            gained, lost = owned - self.owned, self.owned - owned
            _log.info("shards_changed", owned=len(owned), gained=len(gained), lost=len(lost))
            for shard in gained:
                await self._tail.add(shard)
            await self._give_up(lost)
            self.owned = owned
            _owned_shards.set(len(owned))
            self._links.announce(owned)

    async def follow_placements(self) -> None:
        """Take rooms as they are placed, for ever."""
        while True:
            for record in await self._tail.poll():
                self._take(record)

    def made(self) -> frozenset[int]:
        """Give the shards of which all rooms are live here."""
        return frozenset(filter(self._tail.has_caught_up, self.owned)) - self._adoption.unfinished()

    def drop(self, room: OwnedRoom) -> None:
        """Let go of a room."""
        self._adoption.forget(room)
        self._writer.forget(room)
        self._rooms.drop(room.id)

    async def _give_up(self, lost: frozenset[int]) -> None:
        rooms = [room for shard in lost for room in self._rooms.of_shard(shard)]
        for shard in lost:
            self._tail.remove(shard)
        for room in rooms:
            self.drop(room)
        await self._hand_over(rooms)

    def _take(self, record: TailRecord) -> None:
        placement = decode(record.key, record.value)
        if placement is None:
            return
        known = self._rooms.get(placement.room)
        if known is not None and placement.epoch < known.placement.epoch:
            return
        if known is not None and placement.epoch == known.placement.epoch:
            # Marked deleted, at most. It is followed on: its last events may be still unread.
            known.placement = placement
            return
        if known is not None:
            self.drop(known)
        room = self._rooms.put(placement, record.partition)
        room.is_new = known is None and self._tail.has_caught_up(record.partition)
        self._adoption.want(room)
