"""Create rooms: the log decides whose a topic is, so nothing is locked."""

from kaftalk_protocol.errors import Code, Refused
from kaftalk_protocol.ids import RoomId, UserId, direct_room
from kaftalk_protocol.records import Role, Room, encode
from kaftalk_protocol.room_state import RoomState
from kaftalk_protocol.topics import Placement
from kaftalk_rest.kept_answers import Place
from kaftalk_roomlog.errors import RoomLogError
from kaftalk_roomlog.ranges import RoomLogRange
from kaftalk_roomlog.records import LogRecord
from kaftalk_roomlog.writer import RoomLogWriter
from kaftalk_rooms.shapes import NewRoom
from kaftalk_rooms.topic_pool import TopicPool
from kaftalk_runtime.redis_client import RedisError
from kaftalk_views.catch_up import CatchUp
from kaftalk_views.errors import ViewError
from kaftalk_views.placements import Placements, publish
from kaftalk_views.projection import fold
from kaftalk_views.room_views import RoomViews

APPEND_TIMEOUT_S = 5.0
TRIES_MAX = 5

MEMBER: Role = "member"
OWNER: Role = "owner"


class RoomCreation:
    """Makes rooms: seq 0 of a topic, then `kaftalk.rooms`, then the view, then the answer."""

    def __init__(
        self, pool: TopicPool, writer: RoomLogWriter, log: RoomLogRange, placements: Placements, views: RoomViews,
        catch_up: CatchUp,
    ) -> None:  # fmt: skip
        self._pool = pool
        self._writer = writer
        self._log = log
        self._placements = placements
        self._views = views
        self._catch_up = catch_up

    async def create(self, by: UserId, asked: NewRoom, place: Place) -> RoomId:
        """Make a public or private room; a repeat of the same request finds the room that its first try made.

        Raises Refused(unknown_outcome) when nobody knows yet whether the room exists.
        """
        members: dict[UserId, Role] = {UserId(user): MEMBER for user in asked.member_ids}
        members[by] = OWNER
        record = Room(
            by=by, kind=asked.kind, name=asked.name, topic=asked.topic or None, history=asked.history, members=members
        )
        value = encode(record)
        ready = await self._pool.take()
        room = RoomId(await place.claim(ready))
        if room != ready:
            await self._pool.give_back(ready)
        for _ in range(TRIES_MAX):
            _, first = await self._claim(Placement(room), value)
            if first.value == value:
                await self._open(Placement(room), first)
                return room
            room = await self._pool.take()
            await place.move(room)
        raise Refused(Code.UNAVAILABLE, "no free topic was found")

    async def direct(self, one: UserId, other: UserId) -> tuple[RoomId, bool]:
        """Find or make the direct room of two people (or of one with herself); tells whether it is new."""
        room = direct_room(one, other)
        if self._placements.get(room) is not None:
            return room, False
        await self._pool.ensure(room)
        record = Room(by=one, kind="direct", members={one: "member", other: "member"})
        offset, first = await self._claim(Placement(room), encode(record))
        await self._open(Placement(room), first)
        return room, offset == 0

    async def _claim(self, placement: Placement, value: bytes) -> tuple[int, LogRecord]:
        """Append a creating record; gives its offset, and the first record, which is the one that counts."""
        appended = await self._writer.append(placement.topic, value, timeout_s=APPEND_TIMEOUT_S)
        if appended.offset == 0:
            return 0, LogRecord(0, appended.ts, value)
        return appended.offset, (await self._log.read(placement.topic, 0, 1))[0]

    async def _open(self, placement: Placement, first: LogRecord) -> None:
        """Tell everybody where the room is and make its view."""
        try:
            await publish(self._writer, placement, timeout_s=APPEND_TIMEOUT_S)
            self._placements.note(placement)
            await self._project(placement, first)
        except (RedisError, RoomLogError, ViewError) as error:
            raise Refused(Code.UNKNOWN_OUTCOME, "the room is stored, but not ready yet") from error

    async def _project(self, placement: Placement, first: LogRecord) -> None:
        projection = fold(RoomState(placement.room), placement, [first], shard=self._views.shard(placement.room))
        if not await self._views.project(projection):
            await self._catch_up.project_to(placement, placement.base)
