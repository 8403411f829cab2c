"""Bring connections up to date in their rooms: from the tail, else from the log; then they are live.

One task a connection and never one a room; a room's log is read by one reader at a time for all who wait.
"""

import asyncio
from typing import Protocol

import orjson

from kaftalk_gateway import metrics
from kaftalk_gateway.connection import CatchUp, Connection
from kaftalk_gateway.feed import Entry, Feed
from kaftalk_gateway.hub import Hub
from kaftalk_gateway.rooms import RoomReads
from kaftalk_protocol import server_frames
from kaftalk_protocol.errors import Refused
from kaftalk_protocol.ids import RoomId, UserId
from kaftalk_runtime.logs import get_logger
from kaftalk_runtime.redis_client import RedisError
from kaftalk_views.errors import Reset, ViewUnavailable
from kaftalk_views.history import Missed

EVENTS_MAX = 5_000
_CHUNK_BYTES = 64 * 1024
_GATHER_S = 0.005
_RETRY_S = 0.25
_KEEP_S = 30.0

_log = get_logger(__name__)


class MissedEvents(Protocol):
    """Reads what a room's log holds after a position."""

    async def missed(
        self, room: RoomId, viewer: UserId | None, position: tuple[int, int], head: int | None = None
    ) -> Missed:
        """Give the raw events of `(position, head]`; `viewer` None cuts nothing."""


class _Retry(Exception):
    """What is needed cannot be had now."""


class Resumer:
    """Catches connections up, paced by what their sockets take."""

    def __init__(self, hub: Hub, rooms: RoomReads, missed: MissedEvents) -> None:
        self._hub = hub
        self._rooms = rooms
        self._missed = missed
        self._wanted: dict[RoomId, list[int]] = {}
        self._reading: dict[RoomId, asyncio.Task[None]] = {}

    def begin(self, connection: Connection, room: RoomId, catch: CatchUp) -> None:
        """Take a connection out of a room's live fan-out until it has all after the position."""
        feed = self._hub.feeds.get(room)
        if feed is not None:
            feed.listeners.pop(connection, None)
        connection.catching[room] = catch
        self.go_on(connection)

    def go_on(self, connection: Connection) -> None:
        """Work on what a connection misses, unless that is being done or its socket is full."""
        if connection.catching and connection.catching_task is None and not connection.socket.congested:
            connection.catching_task = asyncio.create_task(self._run(connection))

    def feed_live(self, feed: Feed) -> None:
        """Go on with those who wait for a room's owner."""
        for member in feed.users.values():
            for connection in member.connections:
                if feed.room in connection.catching:
                    self.go_on(connection)

    async def _run(self, connection: Connection) -> None:
        again = False
        try:
            for room in list(connection.catching):
                again |= await self._room(connection, room)
                if connection.socket.congested or not connection.is_open:
                    break
        except Exception as error:  # noqa: BLE001 - the edge of a task
            _log.error("resume_failed", user=connection.user, exc_info=error)
            again = True
        finally:
            connection.catching_task = None
        if again and connection.is_open:
            asyncio.get_running_loop().call_later(_RETRY_S, self.go_on, connection)
        elif any(self._is_live(room) for room in connection.catching):
            # Something was added while the others were worked on.
            self.go_on(connection)

    def _is_live(self, room: RoomId) -> bool:
        feed = self._hub.feeds.get(room)
        return feed is not None and feed.is_ready

    async def _room(self, connection: Connection, room: RoomId) -> bool:
        """Catch up in one room; True if that must be tried again later."""
        catch = connection.catching.get(room)
        if catch is None:
            return False
        try:
            if room not in connection.rooms and not await self._adopt(connection, room):
                return False
            feed = self._hub.feeds[room]
            if not feed.is_ready:
                # `feed_live` goes on; nothing is written of a room that nobody vouches for.
                return False
            await self._prepare(connection, feed, catch)
            await self._replay(connection, feed, catch)
        except Reset as reset:
            self._reset(connection, room, reset)
        except (_Retry, ViewUnavailable, RedisError):
            return True
        return False

    async def _adopt(self, connection: Connection, room: RoomId) -> bool:
        """See whether a room that the client names is the user's after all; if not, it is to forget it."""
        try:
            found = await self._rooms.is_member(room, connection.user)
        except Refused:
            found = False
        if found and connection.is_open:
            self._hub.add_room(connection.admitted, room)
            return True
        connection.catching.pop(room, None)
        self._tell_reset(connection, room, Reset("not_member"))
        return False

    async def _prepare(self, connection: Connection, feed: Feed, catch: CatchUp) -> None:
        """Do what comes before the first event: `room added`, the start that the room's history policy allows."""
        if catch.added:
            entry = await self._rooms.entry(feed.room, connection.user)
            if entry is None:
                # She has left again; had she not, the view would know, since it is written before anything is pushed.
                self._hub.remove_room(connection.admitted, feed.room, asyncio.get_running_loop().time())
                return
            if connection.catching.get(feed.room) is not catch:
                return
            catch.added = False
            catch.position = entry["me"]["joined_seq"]
            connection.write(room_frame("added", entry))
        if catch.given is not None and catch.epoch != feed.epoch:
            raise Reset("epoch")
        if catch.given is None:
            return
        if feed.last is not None and catch.given > feed.last and not await self._rooms.reached(feed.room, catch.given):
            raise Reset("epoch")
        if feed.history == "since_join" and not catch.count:
            catch.position = max(catch.given, await self._learn_floor(connection, feed) - 1)

    async def _learn_floor(self, connection: Connection, feed: Feed) -> int:
        """Ask for the first seq that a member may read; who is none any more is told so when that is delivered."""
        changed, user = feed.changed, connection.user
        joined = await self._rooms.joined_seq(feed.room, user)
        if joined is None or feed.changed != changed or user not in feed.users:
            raise _Retry
        feed.floors[user] = joined
        return joined

    async def _replay(self, connection: Connection, feed: Feed, catch: CatchUp) -> None:
        source = "tail"
        if catch.position is None:
            catch.position = feed.last if feed.last is not None else -1
        while connection.catching.get(feed.room) is catch and connection.is_open:
            if not feed.is_ready:
                return
            floor = feed.floor(connection.user)
            if floor is None:
                await self._learn_floor(connection, feed)
                continue
            missing = feed.since(catch.position)
            if missing is None:
                source = "log"
                await self._extend(feed, catch.position)
                continue
            if catch.count + len(missing) > EVENTS_MAX:
                raise Reset("too_far")
            sent = self._write_chunk(connection, missing, catch, floor)
            if sent == len(missing):
                self._finish(connection, feed, catch, source)
                return
            if connection.socket.congested:
                return
            await asyncio.sleep(0)

    def _write_chunk(self, connection: Connection, missing: list[Entry], catch: CatchUp, floor: int) -> int:
        size = sent = 0
        for one in missing:
            connection.socket.write_prepared(one.seen_from(floor))
            size += len(one.wire)
            sent += 1
            if size > _CHUNK_BYTES:
                break
        if sent:
            catch.position = missing[sent - 1].seq
            catch.count += sent
            metrics.fan_out.inc(sent)
            connection.socket.flush()
        return sent

    def _finish(self, connection: Connection, feed: Feed, catch: CatchUp, source: str) -> None:
        """Make the connection live, in the same tick in which nothing was missing any more."""
        del connection.catching[feed.room]
        feed.listeners[connection] = None
        if catch.given is not None:
            to = max(catch.given, feed.last if feed.last is not None else -1)
            connection.write(
                server_frames.Resumed(
                    room=feed.room, epoch=feed.epoch, from_=catch.given, to=to, count=catch.count
                ).encode()
            )
            metrics.resumed.labels(source).inc()

    def _reset(self, connection: Connection, room: RoomId, reset: Reset) -> None:
        """Tell the client to load the room anew; it is live from here."""
        connection.catching.pop(room, None)
        feed = self._hub.feeds.get(room)
        if feed is None or room not in connection.rooms:
            self._tell_reset(connection, room, Reset("not_member"))
            return
        self._tell_reset(connection, room, Reset(reset.reason, feed.epoch, feed.last))
        feed.listeners[connection] = None

    def _tell_reset(self, connection: Connection, room: RoomId, reset: Reset) -> None:
        frame = server_frames.Reset(room=room, epoch=reset.epoch, seq=reset.seq, reason=reset.reason)
        connection.write(frame.encode())
        metrics.resets.labels(reset.reason).inc()

    # --- one reader a room ---

    async def _extend(self, feed: Feed, position: int) -> None:
        """Read the room's log back to `position` into the tail, together with all who wait for the same room."""
        if feed.last is not None and position < feed.tail_after and feed.room in self._reading:
            self._wanted.setdefault(feed.room, []).append(position)
            await asyncio.wait([self._reading[feed.room]])
            return
        self._wanted[feed.room] = [position]
        task = self._reading[feed.room] = asyncio.create_task(self._read(feed))
        try:
            await task
        finally:
            self._reading.pop(feed.room, None)

    async def _read(self, feed: Feed) -> None:
        await asyncio.sleep(_GATHER_S)
        wanted = self._wanted.pop(feed.room, [])
        first, own = min(wanted), wanted[0]
        try:
            await self._read_back(feed, first)
        except Reset:
            # What one client asks for must not reset another's room.
            if own == first:
                raise
            await self._read_back(feed, own)

    async def _read_back(self, feed: Feed, after: int) -> None:
        upto = feed.tail_after
        missed = await self._missed.missed(feed.room, None, (feed.epoch, after), upto)
        if missed.to < upto:
            raise _Retry
        if upto == feed.tail_after:
            feed.extend_back(missed.events, after, asyncio.get_running_loop().time() + _KEEP_S)


def room_frame(change: str, entry: dict[str, object]) -> bytes:
    """Write a `room` frame."""
    return orjson.dumps({"t": "room", "change": change, "room": entry})
