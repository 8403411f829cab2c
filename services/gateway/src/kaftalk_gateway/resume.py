"""Bring connections up to date in their rooms: from the tail, else from the log; then they are live, or held.

One task a connection and never one a room. In a hold all up to its floor comes, then what passes it.
"""

import asyncio

import orjson

from kaftalk_gateway import metrics
from kaftalk_gateway.backfill import Backfill, MissedEvents
from kaftalk_gateway.connection import CatchUp, Connection
from kaftalk_gateway.feed import Entry, Feed
from kaftalk_gateway.hold_floors import HoldFloors, is_settled
from kaftalk_gateway.holds import RoomHold
from kaftalk_gateway.hub import Hub
from kaftalk_gateway.rooms import RoomReads
from kaftalk_protocol import server_frames
from kaftalk_protocol.errors import Refused
from kaftalk_protocol.ids import RoomId
from kaftalk_runtime.logs import get_logger
from kaftalk_runtime.redis_client import RedisError
from kaftalk_views.errors import Reset, ViewUnavailable

EVENTS_MAX = 5_000
_CHUNK_BYTES = 64 * 1024
_CHUNK_EVENTS = 500
_RETRY_S = 0.25

_log = get_logger(__name__)


class _Retry(Exception):
    """What is needed cannot be had now."""


class Resumer:
    """Catches connections up, paced by what their sockets take."""

    def __init__(self, hub: Hub, rooms: RoomReads, missed: MissedEvents, floors: HoldFloors) -> None:
        self._hub = hub
        self._rooms = rooms
        self._backfill = Backfill(missed)
        self._floors = floors

    def begin(self, connection: Connection, room: RoomId, catch: CatchUp) -> None:
        """Take a connection out of a room's live fan-out until it has all after the position."""
        feed = self._hub.feeds.get(room)
        if feed is not None:
            feed.listeners.pop(connection, None)
        connection.catching[room] = catch
        self.go_on(connection)

    def go_on(self, connection: Connection) -> None:
        """Work on what a connection misses, unless that is being done, its socket is full or a release goes first."""
        busy = connection.catching_task is not None or connection.releasing
        if connection.catching and not busy and not connection.socket.congested:
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
                if connection.socket.congested or connection.releasing or not connection.is_open:
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
            if connection.catching.get(room) is catch and feed.is_ready:
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
        """Do what comes before the first event: `room added`, the floor of a hold, the start that is allowed."""
        lowest = -1
        if catch.added:
            lowest = await self._add(connection, feed, catch)
        elif not feed.shows_all and connection.admitted.quiet.armed is not None:
            lowest = await self._learn_floor(connection, feed) - 1
        await self._floors.settle(feed, connection.admitted, lowest)
        if catch.reset is not None:
            raise Reset(catch.reset)
        if catch.given is not None:
            await self._check(connection, feed, catch)

    async def _add(self, connection: Connection, feed: Feed, catch: CatchUp) -> int:
        """Tell of a new room; give where one joined, after which all is one's own."""
        entry = await self._rooms.entry(feed.room, connection.user, connection.admitted.quiet.hold_ms)
        if entry is None:
            # She has left again; had she not, the view would know, since it is written before anything is pushed.
            self._hub.remove_room(connection.admitted, feed.room, asyncio.get_running_loop().time())
            raise _Retry
        joined: int = entry["me"]["joined_seq"]
        if connection.catching.get(feed.room) is catch:
            catch.added = False
            catch.position = joined
            connection.write(room_frame("added", entry))
        return joined

    async def _check(self, connection: Connection, feed: Feed, catch: CatchUp) -> None:
        """See whether the position that the client gave is one of this room, and one it may go on from."""
        assert catch.given is not None
        if catch.epoch != feed.epoch:
            raise Reset("epoch")
        if feed.last is not None and catch.given > feed.last and not await self._rooms.reached(feed.room, catch.given):
            raise Reset("epoch")
        if feed.history == "since_join" and not catch.count:
            catch.position = max(catch.given, await self._learn_floor(connection, feed) - 1)
        if feed.holds is not None:
            feed.holds.see(connection.user, catch.given)

    async def _learn_floor(self, connection: Connection, feed: Feed) -> int:
        """Ask for the first seq that a member may read; who is none any more is told so when that is delivered."""
        changed, user = feed.changed, connection.user
        joined = await self._rooms.joined_seq(feed.room, user)
        if joined is None or feed.changed != changed or user not in feed.users:
            raise _Retry
        feed.floors[user] = joined
        return joined

    async def _replay(self, connection: Connection, feed: Feed, catch: CatchUp) -> None:
        if catch.position is None:
            catch.position = feed.last if feed.last is not None else -1
        while connection.catching.get(feed.room) is catch and connection.is_open and feed.is_ready:
            readable = feed.floor(connection.user)
            if readable is None:
                await self._learn_floor(connection, feed)
                continue
            missing = feed.since(catch.position)
            if missing is None:
                catch.from_log = True
                await self._backfill.extend(feed, catch.position)
                continue
            if not is_settled(feed, connection.admitted):
                raise _Retry
            if catch.count + len(missing) > EVENTS_MAX:
                raise Reset("too_far")
            if self._write_chunk(connection, feed, catch, missing, readable) == len(missing):
                self._finish(connection, feed, catch)
                return
            if connection.socket.congested:
                return
            await asyncio.sleep(0)

    def _write_chunk(
        self, connection: Connection, feed: Feed, catch: CatchUp, missing: list[Entry], readable: int
    ) -> int:
        """Write some of what is missing, as far as it is not held; give how many were looked at."""
        size = looked_at = 0
        for one in missing[:_CHUNK_EVENTS]:
            looked_at += 1
            wire = self._wire(connection, feed, catch, one, readable)
            if wire is None:
                continue
            connection.socket.write_prepared(wire)
            metrics.fan_out.inc()
            size += len(wire)
            if size > _CHUNK_BYTES:
                break
        if looked_at:
            catch.position = missing[looked_at - 1].seq
            connection.socket.flush()
        return looked_at

    def _wire(self, connection: Connection, feed: Feed, catch: CatchUp, one: Entry, readable: int) -> bytes | None:
        """Give how an event is shown: as it is, as one that passes a hold, or not at all."""
        hold = feed.hold_over(connection)
        if hold is None or feed.holds is None or one.seq <= hold.floor:
            catch.count += 1
            return one.seen_from(readable)
        if not feed.holds.passes(connection.user, one.seq, one.event.frame, one.event.flags):
            return None
        self._answer(connection, feed, catch, hold)
        return one.past_hold(readable)

    def _finish(self, connection: Connection, feed: Feed, catch: CatchUp) -> None:
        """Make the connection live, in the same tick in which nothing was missing any more; or held."""
        del connection.catching[feed.room]
        feed.listen(connection)
        if catch.given is not None:
            metrics.resumed.labels("log" if catch.from_log else "tail").inc()
        self._answer(connection, feed, catch, feed.hold_over(connection))

    def _answer(self, connection: Connection, feed: Feed, catch: CatchUp, hold: RoomHold | None) -> None:
        """Say that all up to here has come, once, to a client that named a position."""
        if catch.given is None:
            return
        last = hold.floor if hold is not None else feed.last if feed.last is not None else -1
        frame = server_frames.Resumed(
            room=feed.room, epoch=feed.epoch, from_=catch.given, to=max(catch.given, last), count=catch.count
        )
        catch.given = None
        connection.write(frame.encode())

    def _reset(self, connection: Connection, room: RoomId, reset: Reset) -> None:
        """Tell the client to load the room anew; it is live from here, or held from the floor."""
        connection.catching.pop(room, None)
        feed = self._hub.feeds.get(room)
        if feed is None or room not in connection.rooms:
            self._tell_reset(connection, room, Reset("not_member"))
            return
        hold = feed.hold_over(connection)
        self._tell_reset(connection, room, Reset(reset.reason, feed.epoch, feed.last if hold is None else hold.floor))
        feed.listen(connection)

    def _tell_reset(self, connection: Connection, room: RoomId, reset: Reset) -> None:
        frame = server_frames.Reset(room=room, epoch=reset.epoch, seq=reset.seq, reason=reset.reason)
        connection.write(frame.encode())
        metrics.resets.labels(reset.reason).inc()


def room_frame(change: str, entry: dict[str, object]) -> bytes:
    """Write a `room` frame."""
    return orjson.dumps({"t": "room", "change": change, "room": entry})
