"""Sends to rooms that this gateway does not know as the sender's: she may have made or joined them a moment ago."""

import asyncio

from kaftalk_gateway import metrics
from kaftalk_gateway.connection import Connection
from kaftalk_gateway.membership import Memberships
from kaftalk_gateway.publisher import QUEUED_MAX, Publisher
from kaftalk_gateway.questions import AT_ONCE_MAX
from kaftalk_gateway.rooms import RoomReads
from kaftalk_protocol.client_frames import Send
from kaftalk_protocol.errors import Code, Refused
from kaftalk_protocol.ids import RoomId
from kaftalk_runtime.logs import get_logger
from kaftalk_runtime.redis_client import RedisError
from kaftalk_views.errors import ViewUnavailable

_RETRY_MS = 1_000

_log = get_logger(__name__)


class Newcomers:
    """Keeps sends to a room in order until the views tell whether it is the sender's; all others pass at once."""

    def __init__(self, rooms: RoomReads, memberships: Memberships, publisher: Publisher) -> None:
        self._rooms = rooms
        self._memberships = memberships
        self._publisher = publisher
        self._waiting: dict[tuple[Connection, RoomId], list[Send]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def send(self, connection: Connection, frame: Send) -> None:
        """Take one message; never awaits. While one waits, none of the room passes it."""
        room = RoomId(frame.room)
        waiting = self._waiting.get((connection, room))
        if waiting is None and room in connection.rooms:
            self._publisher.send(connection, frame)
        elif len(waiting or ()) >= QUEUED_MAX or (waiting is None and connection.questions >= AT_ONCE_MAX):
            _refuse(connection, frame, Refused(Code.RATE_LIMITED, "too many at once", retry_after_ms=_RETRY_MS))
        elif waiting is not None:
            waiting.append(frame)
        else:
            self._waiting[connection, room] = [frame]
            connection.questions += 1
            task = asyncio.create_task(self._let_in(connection, room))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _let_in(self, connection: Connection, room: RoomId) -> None:
        refused = await self._refusal(connection, room)
        frames = self._waiting.pop((connection, room))
        connection.questions -= 1
        if not connection.is_open:
            return
        if refused is None:
            self._memberships.joined(room, connection.user, 0)
        for frame in frames:
            if refused is None:
                self._publisher.send(connection, frame)
            else:
                _refuse(connection, frame, refused)

    async def _refusal(self, connection: Connection, room: RoomId) -> Refused | None:
        try:
            return await self._rooms.refusal(room, connection.user)
        except Refused as refused:
            return refused
        except (RedisError, ViewUnavailable):
            pass
        except Exception as error:  # noqa: BLE001 - the edge of a task
            _log.error("newcomer_failed", user=connection.user, exc_info=error)
        return Refused(Code.UNAVAILABLE, "the room is not reachable now", retry_after_ms=_RETRY_MS)


def _refuse(connection: Connection, frame: Send, refused: Refused) -> None:
    metrics.errors.labels(refused.code).inc()
    connection.refuse(refused.code, refused.detail, frame_id=frame.id, retry_after_ms=refused.retry_after_ms)
