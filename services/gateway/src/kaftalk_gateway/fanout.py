"""From links to sockets: each event once a room, in order, to every connection that is up to date.

The bytes of an event are framed once and written to every socket; what a link batch brings for one room goes out
in one write.
"""

import asyncio
from collections.abc import Iterable, Sequence
from typing import Protocol

from kaftalk_gateway import metrics
from kaftalk_gateway.backfill import MissedEvents
from kaftalk_gateway.blanking import target_of
from kaftalk_gateway.changes import Change, RemovedReason, read_change
from kaftalk_gateway.connection import CatchUp, Connection
from kaftalk_gateway.feed import Entry, Feed, FeedState
from kaftalk_gateway.hub import Hub
from kaftalk_gateway.past_holds import PastHolds
from kaftalk_gateway.resume import Resumer
from kaftalk_gateway.rooms import RoomReads, Standing
from kaftalk_protocol import server_frames
from kaftalk_protocol.deliveries import EDIT, MEMBERSHIP, RoomEvent, RoomHead
from kaftalk_protocol.ids import RoomId, UserId
from kaftalk_runtime.redis_client import RedisError
from kaftalk_views.errors import Reset, ResetReason, ViewUnavailable

_RETRY_S = 0.1


class Changes(Protocol):
    """Takes what an event means for members."""

    def apply(self, feed: Feed, change: Change, seq: int) -> None:
        """Take a change of a room that has been delivered."""

    def removed(self, room: RoomId, user: UserId, reason: RemovedReason) -> None:
        """Take a room from a user."""


class Echoes(Protocol):
    """Looks for records whose fate is not known."""

    def delivered(self, feed: Feed, entries: Sequence[Entry]) -> None:
        """See what has been delivered."""


class Fanout:
    """Drives the feeds by what the links bring."""

    def __init__(
        self,
        hub: Hub,
        rooms: RoomReads,
        missed: MissedEvents,
        resumer: Resumer,
        changes: Changes,
        echoes: Sequence[Echoes],
        past_holds: PastHolds,
    ) -> None:
        self._hub = hub
        self._rooms = rooms
        self._missed = missed
        self._resumer = resumer
        self._changes = changes
        self._echoes = echoes
        self._past_holds = past_holds
        self._pulls: dict[RoomId, asyncio.Task[None]] = {}
        self._loads: set[asyncio.Task[None]] = set()

    # --- what links bring ---

    def batch(self, events: Iterable[RoomEvent]) -> None:
        """Deliver a batch; the sockets write at the end of the tick, several batches at once under load."""
        feed: Feed | None = None
        run: list[Entry] = []
        for event in events:
            if feed is None or event.room != feed.room:
                self._deliver_run(feed, run)
                feed, run = self._hub.feeds.get(event.room), []
                if feed is None:
                    continue
            metrics.events.inc()
            one = feed.offer(event)
            if one is not None:
                run.append(one)
            elif feed.state is FeedState.PULLING:
                self._deliver_run(feed, run)
                run = []
                self.pull(feed)
            else:
                metrics.duplicates.inc()
        self._deliver_run(feed, run)

    def subscribed(self, heads: dict[RoomId, RoomHead]) -> None:
        """Take an owner's answer: the rooms are live from here, or what is missing is pulled."""
        unknown = []
        for room, head in heads.items():
            feed = self._hub.feeds.get(room)
            if feed is None:
                continue
            if feed.subscribed(head):
                self._settled(feed)
            else:
                self.reset(feed, "epoch", head.epoch, head.base if head.shown_seq is None else head.shown_seq)
            if not feed.facts_known:
                unknown.append(room)
        if unknown:
            self._load_facts(unknown)

    def heads(self, heads: dict[RoomId, int]) -> None:
        """Compare what was delivered with what the owner has shown."""
        for room, shown in heads.items():
            feed = self._hub.feeds.get(room)
            if feed is not None:
                feed.head(shown)
                if feed.state is FeedState.PULLING:
                    self.pull(feed)

    def unlink(self, feeds: Iterable[Feed]) -> None:
        """Hold rooms back that nobody vouches for."""
        for feed in feeds:
            feed.unlink()

    # --- gaps ---

    def pull(self, feed: Feed) -> None:
        """Fetch what is missing from the log, one reader a room."""
        if feed.room not in self._pulls:
            task = self._pulls[feed.room] = asyncio.create_task(self._pull(feed))
            task.add_done_callback(lambda _: self._pulls.pop(feed.room, None))

    async def _pull(self, feed: Feed) -> None:
        while feed.state is FeedState.PULLING and self._hub.feeds.get(feed.room) is feed:
            after, to = feed.gap
            try:
                missed = await self._missed.missed(feed.room, None, (feed.epoch, after), to)
            except Reset as reset:
                await self._reset_to_head(feed, reset)
                return
            except (ViewUnavailable, RedisError):
                await asyncio.sleep(_RETRY_S)
                continue
            if feed.state is not FeedState.PULLING:
                return
            if missed.to < to:
                await asyncio.sleep(_RETRY_S)
                continue
            metrics.gaps.inc()
            self._deliver_run(feed, feed.pulled(missed.events, to))
            self._settled(feed)

    async def _reset_to_head(self, feed: Feed, reset: Reset) -> None:
        """Give up the gap: the clients load the room anew."""
        while feed.state is FeedState.PULLING:
            try:
                standing = (await self._rooms.standing({feed.room: ()})).get(feed.room)
            except RedisError:
                standing = None
            if standing is not None:
                head = standing.facts.head
                self.reset(feed, reset.reason, head.epoch, max(feed.seen, head.seq))
                return
            await asyncio.sleep(_RETRY_S)

    def reset(self, feed: Feed, reason: ResetReason, epoch: int, seq: int) -> None:
        """Begin a room anew at `seq` and tell all who listen."""
        feed.start(epoch, seq)
        feed.facts_known = False
        self._past_holds.reset(feed, reason)
        frame = server_frames.Reset(room=feed.room, epoch=epoch, seq=seq, reason=reason).encode()
        for connection in feed.listeners:
            connection.write(frame)
        metrics.resets.labels(reason).inc(len(feed.listeners))
        for member in feed.users.values():
            for connection in member.connections:
                self._forget_lag(connection, feed, frame)
        self._load_facts([feed.room])
        self._settled(feed)

    def _forget_lag(self, connection: Connection, feed: Feed, frame: bytes) -> None:
        """Reset one who lags; who has named a position of her own is answered by the resumer."""
        catch = connection.catching.get(feed.room)
        if catch is not None and catch.given is None and catch.reset is None and not catch.added:
            del connection.catching[feed.room]
            feed.listeners[connection] = None
            connection.write(frame)

    # --- delivery ---

    def _deliver_run(self, feed: Feed | None, run: list[Entry]) -> None:
        """Deliver consecutive events; one that changes members takes effect before the next goes out."""
        if feed is None or not run:
            return
        start = 0
        for at, one in enumerate(run):
            if one.event.flags & MEMBERSHIP:
                self._deliver(feed, run[start : at + 1])
                start = at + 1
                feed.changed = one.seq
                change = read_change(one.event.frame)
                if change.removed is not None:
                    self._show_last(feed, change.removed[0], one)
                self._changes.apply(feed, change, one.seq)
        if start < len(run):
            self._deliver(feed, run[start:])

    def _show_last(self, feed: Feed, user: UserId, one: Entry) -> None:
        """Show who is removed that she is, also on connections that are not up to date: nothing comes after it."""
        member = feed.users.get(user)
        for connection in member.connections if member is not None else ():
            catch = connection.catching.get(feed.room)
            if catch is not None and not catch.added:
                connection.socket.write_prepared(one.wire)

    def _deliver(self, feed: Feed, entries: list[Entry]) -> None:
        if feed.holds is None:
            self._deliver_live(feed, entries)
        else:
            self._deliver_past_holds(feed, entries)
        for echoes in self._echoes:
            echoes.delivered(feed, entries)

    def _deliver_past_holds(self, feed: Feed, entries: list[Entry]) -> None:
        """Deliver where some are in a hold: an event that begins it splits the run."""
        start = 0
        for at, one in enumerate(entries):
            if at > start and self._past_holds.is_split_by(feed, one):
                self._deliver_live(feed, entries[start:at])
                start = at
            self._past_holds.deliver(feed, one)
        self._deliver_live(feed, entries[start:])

    def _deliver_live(self, feed: Feed, entries: list[Entry]) -> None:
        metrics.fan_out.inc(len(feed.listeners) * len(entries))
        if not feed.shows_all and any(one.event.flags & EDIT for one in entries):
            self._deliver_apart(feed, entries)
        else:
            self._deliver_alike(feed, entries)

    def _deliver_alike(self, feed: Feed, entries: list[Entry]) -> None:
        wire = entries[0].wire if len(entries) == 1 else b"".join([one.wire for one in entries])
        slow: list[Connection] | None = None
        for connection in feed.listeners:
            socket = connection.socket
            if socket.congested:
                slow = [connection] if slow is None else [*slow, connection]
            else:
                socket.write_prepared(wire)
        if slow is not None:
            self._lag(slow, feed, entries[0].seq - 1)

    def _deliver_apart(self, feed: Feed, entries: list[Entry]) -> None:
        """Deliver edits where some may not read what is edited; from where one may read is asked for first."""
        targets = [target_of(one.event.frame) or 0 for one in entries if one.event.flags & EDIT]
        wires: dict[tuple[bool, ...], bytes] = {}
        position = entries[0].seq - 1
        for connection in list(feed.listeners):
            floor = feed.floor(connection.user)
            if floor is None:
                self._resumer.begin(connection, feed.room, CatchUp(position))
            elif connection.socket.congested:
                self._lag([connection], feed, position)
            else:
                readable = tuple(target >= floor for target in targets)
                if readable not in wires:
                    wires[readable] = b"".join([one.seen_from(floor) for one in entries])
                connection.socket.write_prepared(wires[readable])

    def _lag(self, slow: list[Connection], feed: Feed, position: int) -> None:
        """Stop pushing to those who do not read; they catch up when they do."""
        now = asyncio.get_running_loop().time()
        for connection in slow:
            if connection.slow_since is None:
                connection.slow_since = now
                metrics.slow_readers.inc()
            self._resumer.begin(connection, feed.room, CatchUp(position))

    def _settled(self, feed: Feed) -> None:
        if feed.state is FeedState.LIVE:
            self._resumer.feed_live(feed)
        elif feed.state is FeedState.PULLING:
            self.pull(feed)

    # --- facts ---

    def _load_facts(self, rooms: list[RoomId]) -> None:
        task = asyncio.create_task(self._read_facts(rooms))
        self._loads.add(task)
        task.add_done_callback(self._loads.discard)

    async def _read_facts(self, rooms: list[RoomId]) -> None:
        """Learn what rooms are, and take them from users who left while nobody here heard their events.

        What events have said meanwhile is newer, and who is gone by an event on its way is to see it: such a room is
        asked again.
        """
        while rooms:
            try:
                found = await self._rooms.standing({room: list(self._hub.feeds[room].users) for room in rooms})
            except RedisError:
                found = {}
            for room, standing in found.items():
                feed = self._hub.feeds.get(room)
                if feed is None or standing.facts.head.applied_seq < feed.changed:
                    continue
                if not standing.strangers or standing.is_delivered(feed):
                    self._take_standing(feed, standing)
            rooms = [room for room in rooms if room in self._hub.feeds and not self._hub.feeds[room].facts_known]
            if rooms:
                await asyncio.sleep(_RETRY_S)

    def _take_standing(self, feed: Feed, standing: Standing) -> None:
        facts = standing.facts
        feed.archived, feed.history, feed.members = facts.archived, facts.history, facts.member_count
        feed.facts_known = True
        for user in standing.strangers:
            self._changes.removed(feed.room, user, "left")
        if feed.is_ready:
            self._resumer.feed_live(feed)
