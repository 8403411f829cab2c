"""Who is connected here and which rooms that makes: members, their connections, the feeds of their rooms. Pure."""

from collections.abc import Callable

from kaftalk_gateway.connection import Connection, Member
from kaftalk_gateway.feed import Feed
from kaftalk_protocol.ids import RoomId, SessionId, UserId
from kaftalk_protocol.quiet_state import QuietState

LINGER_S = 10.0
"""A feed without members is kept for a moment: a reload finds its tail warm."""


class Hub:
    """All members and feeds of this gateway."""

    def __init__(self, shard_of: Callable[[RoomId], int]) -> None:
        self._shard_of = shard_of
        self.on_new_feed: Callable[[Feed], None] | None = None
        self.members: dict[UserId, Member] = {}
        self.feeds: dict[RoomId, Feed] = {}
        self.connections: dict[str, Connection] = {}
        self.admitting: dict[UserId, list[dict[RoomId, bool]]] = {}
        """Users with connections that are being admitted, and what changed meanwhile for each: True for joined."""
        self.admitting_quiet: dict[UserId, list[list[QuietState]]] = {}
        """The same for what is told of their quiet hours meanwhile."""
        self._by_sid: dict[SessionId, dict[Connection, None]] = {}
        self._empty: dict[RoomId, Feed] = {}

    def admit(self, connection: Connection, user: UserId, sid: SessionId) -> Member:
        """Put a connection under its user."""
        member = self.members.get(user)
        if member is None:
            member = self.members[user] = Member(user)
        member.connections[connection] = None
        connection.member = member
        connection.sid = sid
        self._by_sid.setdefault(sid, {})[connection] = None
        return member

    def leave(self, connection: Connection) -> Member | None:
        """Take a connection out; give its member if that was the last one."""
        self.connections.pop(connection.key, None)
        of_session = self._by_sid.get(connection.sid, {})
        of_session.pop(connection, None)
        if not of_session:
            self._by_sid.pop(connection.sid, None)
        member = connection.member
        if member is None:
            return None
        member.connections.pop(connection, None)
        for room in member.rooms:
            self.feeds[room].listeners.pop(connection, None)
        return None if member.connections else self._remove(member)

    def sessions(self) -> list[SessionId]:
        """Give the ids of all sessions that have a connection here."""
        return list(self._by_sid)

    def of_session(self, sid: SessionId) -> list[Connection]:
        """Give the connections of a session."""
        return list(self._by_sid.get(sid, ()))

    def add_room(self, member: Member, room: RoomId) -> Feed:
        """Make a room one of a member's; give its feed, which is new if nobody here had the room."""
        member.rooms[room] = None
        feed = self.feeds.get(room)
        if feed is None:
            feed = self.feeds[room] = Feed(room, self._shard_of(room))
            if self.on_new_feed is not None:
                self.on_new_feed(feed)
        feed.users[member.user] = member
        feed.empty_since = None
        self._empty.pop(room, None)
        return feed

    def remove_room(self, member: Member, room: RoomId, now: float) -> None:
        """Take a room from a member: none of her connections hears of it any more."""
        if room not in member.rooms:
            return
        del member.rooms[room]
        for connection in member.connections:
            self.feeds[room].listeners.pop(connection, None)
            connection.catching.pop(room, None)
        self._leave_feed(member, room, now)

    def expired(self, now: float) -> list[Feed]:
        """Forget the feeds that nobody has wanted for a while, and give them."""
        old = [f for f in self._empty.values() if f.empty_since is not None and now - f.empty_since >= LINGER_S]
        for feed in old:
            del self._empty[feed.room]
            del self.feeds[feed.room]
        return old

    def sweep(self, now: float) -> None:
        """Note since when feeds are empty, and cut the tails."""
        for feed in self.feeds.values():
            feed.trim(now)
        for feed in self._empty.values():
            if feed.empty_since is None:
                feed.empty_since = now

    def _remove(self, member: Member) -> Member:
        for room in member.rooms:
            self._leave_feed(member, room, None)
        del self.members[member.user]
        return member

    def _leave_feed(self, member: Member, room: RoomId, now: float | None) -> None:
        feed = self.feeds[room]
        feed.users.pop(member.user, None)
        feed.floors.pop(member.user, None)
        feed.drop_hold(member.user)
        if not feed.users:
            feed.empty_since = now
            self._empty[room] = feed
