"""How long sends take: until the sender has the ack, and until the room's sockets here have the event.

Both ends are at this gateway, so no clock but its own is asked. It hears all rooms of those who send here.
"""

import asyncio
from collections.abc import Sequence

from kaftalk_gateway import metrics
from kaftalk_gateway.feed import Entry, Feed
from kaftalk_protocol.ids import RoomId

_WAITING_MAX = 20_000


class SendTimes:
    """Measures sends whose place in the log is known."""

    def __init__(self) -> None:
        self._waiting: dict[tuple[RoomId, int], float] = {}

    def acked(self, feed: Feed | None, room: RoomId, seq: int, since: float) -> None:
        """Take an ack of what was sent at `since`; its event may have come before it."""
        taken_s = asyncio.get_running_loop().time() - since
        metrics.send_to_ack.observe(taken_s)
        if feed is None:
            return
        if feed.last is not None and feed.last >= seq:
            metrics.send_to_deliver.observe(taken_s)
            return
        self._waiting[(room, seq)] = since
        if len(self._waiting) > _WAITING_MAX:
            del self._waiting[next(iter(self._waiting))]

    def delivered(self, feed: Feed, entries: Sequence[Entry]) -> None:
        """See what has come to the sockets."""
        if not self._waiting:
            return
        now = asyncio.get_running_loop().time()
        for one in entries:
            since = self._waiting.pop((feed.room, one.seq), None)
            if since is not None:
                metrics.send_to_deliver.observe(now - since)
