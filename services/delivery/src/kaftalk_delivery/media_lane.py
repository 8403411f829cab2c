"""Rooms that send media leave the hot loop until Kafka knows what they send; nobody else waits for them."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from kaftalk_delivery.owned_rooms import OwnedRoom
from kaftalk_runtime import metrics
from kaftalk_runtime.logs import get_logger
from kaftalk_runtime.tasks import Tasks
from kaftalk_views.errors import ViewUnavailable
from kaftalk_views.projection import Projection

WAITING_MAX = 1_000
_RETRY_S = 0.2

Finish = Callable[[Sequence[tuple[OwnedRoom, Projection]]], Awaitable[None]]

_log = get_logger(__name__)
_waiting = metrics.gauge("kaftalk_delivery_media_rooms", "Rooms whose view waits for Kafka to know their media")


class MediaLog(Protocol):
    """What is told which media messages sent and deletions removed."""

    async def tell(self, projections: Sequence[Projection]) -> None:
        """Tell it of all in them. Raises ViewUnavailable."""


class MediaLane:
    """One queue a room, in the order of its log; `finish` writes a view and pushes, as for every other room.

    What is behind a message with media waits with it. At the bound the room becomes live anew, by `recover`.
    """

    def __init__(self, log: MediaLog, tasks: Tasks, *, recover: Callable[[OwnedRoom], None]) -> None:
        self._log = log
        self._tasks = tasks
        self._recover = recover
        self._rooms = 0

    def takes(self, room: OwnedRoom, projection: Projection, finish: Finish) -> bool:
        """Take a projection that sends or removes media, or follows one that does; False: go on with it."""
        queue = room.behind
        if queue is None:
            if not projection.sendings:
                return False
            queue = room.behind = [projection]
            self._tasks.run("media lane", lambda: self._work(room, queue, finish))
        elif len(queue) < WAITING_MAX:
            queue.append(projection)
        else:
            self._recover(room)
        return True

    async def _work(self, room: OwnedRoom, queue: list[Projection], finish: Finish) -> None:
        self._count(1)
        try:
            while queue and room.behind is queue:
                if await self._told(room, queue[0]) and room.behind is queue:
                    await finish([(room, queue[0])])
                    queue.pop(0)
        except Exception:
            # The room must never be folded on with a hole in it.
            if room.behind is queue:
                self._recover(room)
            raise
        finally:
            self._count(-1)
            if room.behind is queue:
                room.behind = None

    def _count(self, change: int) -> None:
        self._rooms += change
        _waiting.set(self._rooms)

    async def _told(self, room: OwnedRoom, projection: Projection) -> bool:
        if not projection.sendings:
            return True
        try:
            await self._log.tell([projection])
        except ViewUnavailable as error:
            _log.warning("media_not_told", room=room.id, error=repr(error.__cause__))
            await asyncio.sleep(_RETRY_S)
            return False
        return True
