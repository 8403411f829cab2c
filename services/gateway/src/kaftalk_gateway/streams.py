"""What the log already holds of a stream: asked before its first send in a room, so that a resend is known."""

import asyncio

from kaftalk_gateway.rooms import RoomReads
from kaftalk_protocol.errors import Refused
from kaftalk_protocol.ids import RoomId, StreamId, UserId
from kaftalk_protocol.stream_window import StreamWindow
from kaftalk_protocol.topics import Placement
from kaftalk_roomlog.errors import ReadError
from kaftalk_roomlog.ranges import RoomLogRange
from kaftalk_views.errors import HistoryUnavailable
from kaftalk_views.placements import Placements
from kaftalk_views.room_views import RoomViews

_APPLIED_TIMEOUT_S = 2.0
_PLACED_POLLS = 50
_PLACED_POLL_S = 0.02


class StreamReads:
    """Reads streams' windows and memberships for sends."""

    def __init__(self, views: RoomViews, log: RoomLogRange, placements: Placements, rooms: RoomReads) -> None:
        self._views = views
        self._log = log
        self._placements = placements
        self._rooms = rooms

    async def refusal(self, room: RoomId, user: UserId) -> Refused | None:
        """Give why a user may not write to a room, by the view; None if she may."""
        return await self._rooms.refusal(room, user)

    async def window(self, room: RoomId, user: UserId, stream: StreamId) -> StreamWindow | None:
        """Give which messages of a stream the log holds, all of it up to now applied.

        Raises ViewUnavailable or RedisError if that cannot be told.
        """
        placement = await self._placed(room)
        try:
            end = await self._log.end_offset(placement.topic)
        except ReadError as error:
            raise HistoryUnavailable(room) from error
        head, window = await self._views.stream_state(room, user, stream)
        if head.applied_seq >= placement.seq(end) - 1:
            return window
        if not await self._views.wait_applied(room, placement.seq(end) - 1, _APPLIED_TIMEOUT_S):
            raise HistoryUnavailable(room)
        return await self._views.stream_window(room, user, stream)

    async def _placed(self, room: RoomId) -> Placement:
        """Wait for the placement of a room made a moment ago: it comes by Kafka, after the view."""
        for _ in range(_PLACED_POLLS):
            placement = self._placements.get(room)
            if placement is not None:
                return placement
            await asyncio.sleep(_PLACED_POLL_S)
        raise HistoryUnavailable(room)
