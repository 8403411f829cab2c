"""From `hello` to `welcome`: the ticket, the user, her rooms, and what her older connections lose by it."""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple, TypeVar

import orjson

from kaftalk_gateway import metrics
from kaftalk_gateway.connection import CatchUp, Connection, Member
from kaftalk_gateway.held_counts import HeldCounts
from kaftalk_gateway.hold_floors import is_settled
from kaftalk_gateway.hub import Hub
from kaftalk_gateway.older_connections import OlderConnections
from kaftalk_gateway.presence import Presences, online_commands
from kaftalk_gateway.questions import SERVER_FRAME_BYTES
from kaftalk_gateway.quiet_lookup import QuietLookup
from kaftalk_gateway.quiet_member import MemberQuiet
from kaftalk_gateway.quiet_states import QuietHours
from kaftalk_gateway.resume import EVENTS_MAX, Resumer
from kaftalk_gateway.session import PING_EVERY_S
from kaftalk_gateway.settings import GatewaySettings
from kaftalk_protocol import redis_keys, server_frames
from kaftalk_protocol.client_frames import FRAME_BYTES_MAX, Hello
from kaftalk_protocol.errors import CloseCode, Code
from kaftalk_protocol.ids import RoomId, SessionId, StreamId, UserId
from kaftalk_protocol.quiet_state import QuietState
from kaftalk_protocol.text import TEXT_CHARS_MAX
from kaftalk_runtime.redis_client import Command, Redis, RedisError, RedisRefused, Script
from kaftalk_views.room_views import RoomViews

FEATURES = ["annotations", "history", "media", "presence", "quiet_hours", "read", "typing"]
RESUMING_MAX = 2_000
"""Rooms that a connection may be catching up in: twice what a user may be a member of."""
_MEDIA_MAX = 10
_RETRY_MS = 1_000
_KEPT_S = 86_400
_RELEASED_S = 900

# Where the stream goes on, it is to be known that this gateway may still be writing what was sent here.
_RELEASE_STREAM = Script("""
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('EXPIRE', KEYS[1], ARGV[2]) end
return 0
""")


_Noted = TypeVar("_Noted")


class _Ticket(NamedTuple):
    user: UserId
    sid: SessionId


class _Found(NamedTuple):
    """What Redis says of a user who has just been registered here."""

    user: dict[str, Any]
    rooms: set[RoomId]
    stream_owner: str | None
    connections: int


class _Closed(Exception):
    """The hello is refused."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = reason


class Admission:
    """Admits connections, and lets them go."""

    def __init__(  # noqa: PLR0913 - an admission touches all that a session then uses
        self,
        *,
        hub: Hub,
        redis: Redis,
        views: RoomViews,
        resumer: Resumer,
        presences: Presences,
        older: OlderConnections,
        lookup: QuietLookup,
        hours: QuietHours,
        counts: HeldCounts,
        settings: GatewaySettings,
        now_ms: Callable[[], int],
    ) -> None:
        self._hub = hub
        self._redis = redis
        self._views = views
        self._resumer = resumer
        self._presences = presences
        self._older = older
        self._lookup = lookup
        self._hours = hours
        self._counts = counts
        self._settings = settings
        self._now_ms = now_ms
        self._gateway = settings.instance

    async def admit(self, connection: Connection, hello: Hello) -> bool:
        """Redeem the ticket and open the session; False if the connection was closed instead."""
        try:
            ticket = await self._redeem(hello.ticket)
            with self._noting_changes(ticket.user) as (changes, told):
                found = await self._register(connection, ticket, StreamId(hello.stream))
                heads = await self._views.heads(self._unlinked(found.rooms))
                quiet = await self._quiet(ticket.user, found.rooms, told)
        except _Closed as closed:
            connection.close(closed.code, closed.reason)
            return False
        except RedisError:
            connection.close(CloseCode.LOST, "sessions cannot be looked up now")
            return False
        if not connection.is_open:
            return False
        self._open(connection, ticket, hello, found, quiet)
        positions = {room: head.seq for room, head in heads.items()}
        rooms = found.rooms.union(room for room, joined in changes.items() if joined)
        rooms.difference_update(room for room, joined in changes.items() if not joined)
        self._enter(connection, rooms, hello.resume, positions)
        await self._older.crowd_out(connection, found.connections)
        return connection.is_open

    def resume(self, connection: Connection, given: dict[str, tuple[int, int]]) -> None:
        """Resume rooms from the positions that the client gives."""
        if len(connection.catching) + len(given) > RESUMING_MAX:
            connection.refuse(Code.RATE_LIMITED, "too many rooms at once", retry_after_ms=_RETRY_MS)
            return
        for room, (epoch, seq) in given.items():
            self._resumer.begin(connection, RoomId(room), CatchUp(seq, epoch=epoch, given=seq))

    async def leave(self, connection: Connection) -> None:
        """Forget a connection that is gone."""
        member = connection.member
        last = self._hub.leave(connection)
        if member is None:
            return
        if last is not None:
            self._presences.left(last)
            self._hours.changed(last)
        own = self._mark(connection)
        try:
            await self._redis.many(
                [
                    ("ZREM", redis_keys.connections(member.user), own),
                    _RELEASE_STREAM.call([redis_keys.stream_owner(member.user, connection.stream)], [own, _RELEASED_S]),
                ]
            )
        except RedisError:
            return

    @contextmanager
    def _noting_changes(self, user: UserId) -> Iterator[tuple[dict[RoomId, bool], list[QuietState]]]:
        """Collect which rooms the user gets (True) and loses, and what her quiet hours become, while they are read."""
        changes: dict[RoomId, bool] = {}
        told: list[QuietState] = []
        with _kept(self._hub.admitting, user, changes), _kept(self._hub.admitting_quiet, user, told):
            yield changes, told

    # --- quiet hours ---

    async def _quiet(self, user: UserId, rooms: Iterable[RoomId], told: list[QuietState]) -> MemberQuiet:
        """Learn the quiet hours of one who comes, and what they hold unless that is known of her here."""
        quiet = MemberQuiet()
        for state in (await self._lookup.first(user)).values():
            quiet.take(state)
        for state in told:
            quiet.take(state)
        is_on = quiet.state is not None and quiet.state.active_at(self._now_ms())
        if quiet.plan is not None and is_on and user not in self._hub.members:
            quiet.counts = await self._counts.first(user, rooms, quiet.plan)
            for state in told:
                quiet.take(state)
        return quiet

    # --- the ticket ---

    async def _redeem(self, ticket: str) -> _Ticket:
        digest = hashlib.sha256(ticket.encode()).hexdigest()
        stored = await self._redis.run("GETDEL", redis_keys.ticket(digest))
        if stored is None:
            raise _Closed(CloseCode.BAD_TICKET, "the ticket is bad, aged or used")
        found = orjson.loads(stored)
        return _Ticket(UserId(found["user"]), SessionId(found["sid"]))

    async def _register(self, connection: Connection, ticket: _Ticket, stream: StreamId) -> _Found:
        """Say that the user is here, then read her rooms: an owner that adds one meanwhile sees one or the other."""
        own, now_ms = self._mark(connection), self._now_ms()
        connections = redis_keys.connections(ticket.user)
        commands: list[Command] = [
            *online_commands(ticket.user, self._gateway, now_ms),
            ("GET", redis_keys.user(ticket.user)),
            ("ZSCORE", redis_keys.ENDED_SESSIONS, ticket.sid),
            ("SMEMBERS", redis_keys.user_rooms(ticket.user)),
            ("SET", redis_keys.stream_owner(ticket.user, stream), own, "EX", _KEPT_S, "GET"),
            ("ZADD", connections, now_ms, own),
            ("EXPIRE", connections, _KEPT_S),
            ("ZCARD", connections),
        ]
        replies = await self._redis.many(commands)
        for reply in replies:
            if isinstance(reply, RedisRefused):
                raise reply
        user, ended, rooms, owner, _, _, count = replies[3:]
        if user is None:
            raise _Closed(CloseCode.LOST, "the account cannot be looked up now")
        account = orjson.loads(user)
        if ended is not None or not account["active"]:
            raise _Closed(CloseCode.SESSION_ENDED, "the session has ended")
        return _Found(account, set(rooms), owner, int(count))

    # --- the session ---

    def _open(self, connection: Connection, ticket: _Ticket, hello: Hello, found: _Found, quiet: MemberQuiet) -> None:
        connection.stream = StreamId(hello.stream)
        connection.stream_known = found.stream_owner is not None
        member = self._hub.admit(connection, ticket.user, ticket.sid)
        self._older.take_stream(connection, found.stream_owner)
        connection.session.admitted()
        connection.write(self._welcome(found.user))
        self._tell_quiet(connection, member, quiet)
        self._presences.active(connection, on=True)
        metrics.frames_in.labels("hello").inc()

    def _tell_quiet(self, connection: Connection, member: Member, quiet: MemberQuiet) -> None:
        """Carry out what is known of a member's quiet hours, and tell the connection of them and what they hold."""
        if len(member.connections) == 1:
            member.quiet = quiet
            quiet.open(self._now_ms())
        connection.write(member.quiet.told.encode())
        self._counts.tell_all(connection)
        if member.quiet is quiet:
            self._hours.advance(member)
            self._hours.changed(member)
        elif quiet.known and quiet.state != member.quiet.state:
            self._hours.settle(member, quiet.state)

    def _welcome(self, user: dict[str, Any]) -> bytes:
        shown = {name: user[name] for name in server_frames.User.model_fields}
        return server_frames.Welcome(
            user=server_frames.User(**shown),
            gateway=self._gateway,
            now=self._now_ms(),
            heartbeat_ms=int(PING_EVERY_S * 1000),
            limits=server_frames.Limits(
                text=TEXT_CHARS_MAX,
                media=_MEDIA_MAX,
                frame_bytes=FRAME_BYTES_MAX,
                server_frame_bytes=SERVER_FRAME_BYTES,
                resume_events=EVENTS_MAX,
                sends_per_s=max(1, int(self._settings.limit_sends_per_s)),
            ),
            features=FEATURES,
        ).encode()

    def _enter(
        self,
        connection: Connection,
        rooms: set[RoomId],
        given: dict[str, tuple[int, int]],
        heads: dict[RoomId, int],
    ) -> None:
        """Make the connection live in all rooms; where the room's events do not come yet, from the head of its view."""
        member = connection.admitted
        for room in rooms | member.rooms.keys():
            feed = self._hub.add_room(member, room)
            if room in given:
                continue
            if feed.is_ready and is_settled(feed, member):
                feed.listen(connection)
            else:
                self._resumer.begin(connection, room, CatchUp(heads.get(room)))
        self.resume(connection, given)

    def _unlinked(self, rooms: Iterable[RoomId]) -> list[RoomId]:
        feeds = self._hub.feeds
        return [room for room in rooms if room not in feeds or not feeds[room].is_ready]

    def _mark(self, connection: Connection) -> str:
        return f"{self._gateway}|{connection.key}"


@contextmanager
def _kept(lists: dict[UserId, list[_Noted]], user: UserId, noted: _Noted) -> Iterator[None]:
    """Have a collection in a user's list while the block runs."""
    lists.setdefault(user, []).append(noted)
    try:
        yield
    finally:
        lists[user] = [other for other in lists[user] if other is not noted]
        if not lists[user]:
            del lists[user]
