"""What is held of somebody now, counted from the rooms' views."""

from kaftalk_protocol.ids import RoomId, UserId
from kaftalk_views.held import HeldRanges
from kaftalk_views.held_counts import HeldCount
from kaftalk_views.room_views import RoomViews


class HeldRooms:
    """Counts what a hold holds."""

    def __init__(self, views: RoomViews, ranges: HeldRanges) -> None:
        self._views = views
        self._ranges = ranges

    async def of(self, user: UserId, start_ms: int) -> dict[RoomId, HeldCount]:
        """Count others' unread messages since a hold's start, by room; only rooms with messages.

        Raises RedisAway, ViewUnavailable.
        """
        floors = await self._ranges.floors(await self._views.rooms_of(user), start_ms)
        counts = await self._ranges.counts_of(user, floors)
        return {room: held for room, held in counts.items() if held.count}
