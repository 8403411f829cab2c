"""Questions that are answered from views and log: pages of history, read cursors, rooms that are not one's own."""

import asyncio
from collections.abc import Coroutine

import orjson

from kaftalk_gateway import metrics
from kaftalk_gateway.connection import Connection
from kaftalk_gateway.holding import Holding
from kaftalk_gateway.membership import Memberships
from kaftalk_gateway.rooms import RoomReads
from kaftalk_gateway.signals import Signalling
from kaftalk_protocol.client_frames import History, Read
from kaftalk_protocol.errors import Code, Refused
from kaftalk_protocol.ids import RoomId
from kaftalk_runtime.logs import get_logger
from kaftalk_runtime.redis_client import RedisError
from kaftalk_views.cursors import ReadCursors
from kaftalk_views.errors import ViewUnavailable
from kaftalk_views.history import RoomHistory
from kaftalk_views.room_views import RoomViews

SERVER_FRAME_BYTES = 512 * 1024
AT_ONCE_MAX = 32
_OVERHEAD_BYTES = 1_024
_RETRY_MS = 1_000

_log = get_logger(__name__)


class Questions:
    """Answers what needs a look into views or log, a few at once a connection."""

    def __init__(
        self,
        rooms: RoomReads,
        views: RoomViews,
        history: RoomHistory,
        cursors: ReadCursors,
        signalling: Signalling,
        memberships: Memberships,
        holding: Holding,
    ) -> None:
        self._rooms = rooms
        self._views = views
        self._history = history
        self._cursors = cursors
        self._signalling = signalling
        self._memberships = memberships
        self._holding = holding
        self._tasks: set[asyncio.Task[None]] = set()

    def history(self, connection: Connection, frame: History) -> None:
        """Answer a `history` frame with a page."""
        self._start(connection, frame.id, self._page(connection, frame))

    def read(self, connection: Connection, frame: Read) -> None:
        """Move the reader's cursor."""
        self._start(connection, None, self._read(connection, frame))

    def foreign(self, connection: Connection, room: RoomId, frame_id: str | None) -> None:
        """Refuse what is asked of a room that is not the user's."""
        self._start(connection, frame_id, self._foreign(connection, room))

    def _start(self, connection: Connection, frame_id: str | None, work: Coroutine[None, None, None]) -> None:
        if connection.questions >= AT_ONCE_MAX:
            work.close()
            connection.refuse(Code.RATE_LIMITED, "too many at once", frame_id=frame_id, retry_after_ms=_RETRY_MS)
            return
        connection.questions += 1
        task = asyncio.create_task(self._answer(connection, frame_id, work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, connection: Connection, frame_id: str | None, work: Coroutine[None, None, None]) -> None:
        refused: Refused | None = None
        try:
            await work
        except Refused as error:
            refused = error
        except (RedisError, ViewUnavailable):
            refused = Refused(Code.UNAVAILABLE, "the room is not reachable now", retry_after_ms=_RETRY_MS)
        except Exception as error:  # noqa: BLE001 - the edge of a task loop
            _log.error("question_failed", user=connection.user, exc_info=error)
            refused = Refused(Code.UNAVAILABLE, "not done", retry_after_ms=_RETRY_MS)
        finally:
            connection.questions -= 1
        if refused is not None:
            metrics.errors.labels(refused.code).inc()
            connection.refuse(refused.code, refused.detail, frame_id=frame_id, retry_after_ms=refused.retry_after_ms)

    async def _page(self, connection: Connection, frame: History) -> None:
        room = RoomId(frame.room)
        if room not in connection.rooms and (refused := await self._rooms.refusal(room, connection.user)) is not None:
            raise refused
        written = connection.appended.get(room)
        if written is not None:
            await self._views.wait_applied(room, written)
        page = await self._history.page(
            room,
            connection.user,
            before=frame.before,
            after=frame.after,
            around=frame.around,
            limit=frame.limit,
            bytes_max=SERVER_FRAME_BYTES - _OVERHEAD_BYTES,
        )
        payload = orjson.dumps({"t": "page", "id": frame.id, "room": room, **page})
        await connection.drained()
        connection.write(payload)
        self._holding.saw(connection.user, room, page["to"])

    async def _read(self, connection: Connection, frame: Read) -> None:
        room = RoomId(frame.room)
        access = await self._views.access(room, connection.user)
        access.require_member()
        if frame.seq > access.facts.head.seq:
            written = connection.appended.get(room, -1)
            await self._views.wait_applied(room, min(frame.seq, written))
            head = await self._views.head(room)
            if frame.seq > head.seq:
                raise Refused(Code.INVALID, "seq: is above the room's head", field="seq")
        if await self._cursors.advance(room, connection.user, frame.seq):
            self._holding.saw(connection.user, room, frame.seq)
            self._signalling.read(connection, room, frame.seq)

    async def _foreign(self, connection: Connection, room: RoomId) -> None:
        refused = await self._rooms.refusal(room, connection.user)
        if refused is not None:
            raise refused
        # She is a member since a moment ago.
        self._memberships.joined(room, connection.user, 0)
        raise Refused(Code.UNAVAILABLE, "the room is being opened", retry_after_ms=_RETRY_MS)
