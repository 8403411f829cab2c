"""What never touches Kafka: who types, who has read how far. From member to member, through the room's owner.

Typing goes to all members of a room that are connected, read cursors to one's own devices, and in small rooms to
the others, at most one a second a member.
"""

import asyncio
from collections.abc import Callable, Iterator
from typing import Protocol

from kaftalk_gateway.connection import Connection, Member
from kaftalk_gateway.feed import Feed
from kaftalk_gateway.hub import Hub
from kaftalk_protocol import server_frames
from kaftalk_protocol.client_frames import Typing
from kaftalk_protocol.deliveries import Signal
from kaftalk_protocol.ids import RoomId, UserId

SMALL_ROOM_MEMBERS = 50
TYPING_EXPIRES_S = 6.0
_READ_EVERY_S = 1.0
_TRACKED_MAX = 50_000


class Owners(Protocol):
    """The way to the owners of rooms."""

    def signal(self, feed: Feed, signal: Signal) -> None:
        """Hand a signal to the room's owner, if there is one now."""


class Signalling:
    """Takes signals of connections and of links."""

    def __init__(
        self,
        hub: Hub,
        owners: Owners,
        tell_devices: Callable[[UserId, RoomId, int], None],
        read_more: Callable[[RoomId], None],
    ) -> None:
        self._hub = hub
        self._owners = owners
        self._tell_devices = tell_devices
        self._read_more = read_more
        self._typing: dict[tuple[RoomId, UserId], tuple[float, bool]] = {}
        self._reads: dict[tuple[RoomId, UserId], int] = {}
        self._read_at: dict[tuple[RoomId, UserId], float] = {}

    # --- from connections ---

    def typing(self, connection: Connection, frame: Typing) -> None:
        """Tell the other members that one types, or no longer."""
        room = RoomId(frame.room)
        self._note_typing(room, connection.user, frame.kind, own=True)

    def read(self, connection: Connection, room: RoomId, seq: int) -> None:
        """Tell the user's other devices, and the members of a small room, how far she has read."""
        payload = _read_frame(room, connection.user, seq)
        for other in connection.admitted.connections:
            if other is not connection:
                other.write(payload)
        self._tell_devices(connection.user, room, seq)
        self._read_more(room)
        feed = self._hub.feeds.get(room)
        if feed is not None and feed.facts_known and feed.members <= SMALL_ROOM_MEMBERS:
            self._reads[(room, connection.user)] = seq
            self._send_reads()

    def presence(self, member: Member, state: str) -> None:
        """Tell the members of one's small rooms that one is there, or no longer."""
        payload = presence_frame(member.user, state)
        told: set[UserId] = {member.user}
        for room in member.rooms:
            feed = self._hub.feeds.get(room)
            if feed is None or not feed.facts_known or feed.members > SMALL_ROOM_MEMBERS:
                continue
            self._owners.signal(feed, Signal(kind="presence", room=room, user=member.user, value=state))
            for user, other in feed.users.items():
                if user not in told:
                    told.add(user)
                    if not other.quiet.holding:
                        _write_all(other, payload)

    # --- from links ---

    def take(self, signal: Signal) -> None:
        """Pass on a signal of a member at another gateway."""
        feed = self._hub.feeds.get(signal.room)
        if feed is None:
            return
        if signal.kind == "typing":
            self._note_typing(signal.room, signal.user, str(signal.value), own=False)
        elif signal.kind == "read":
            self._write_kept(feed, signal.user, _read_frame(signal.room, signal.user, int(signal.value)))
        else:
            self._write_others(feed, signal.user, presence_frame(signal.user, str(signal.value)), in_view=None)

    def own_read(self, user: UserId, room: RoomId, seq: int) -> None:
        """Tell the devices of a user who has read on at another gateway."""
        member = self._hub.members.get(user)
        if member is not None and room in member.rooms:
            _write_all(member, _read_frame(room, user, seq))
            self._read_more(room)

    def rest_read(self, user: UserId, room: RoomId, seq: int) -> None:
        """Tell the devices of a user who has read on by REST, and the others in a small room; all gateways hear it."""
        self.own_read(user, room, seq)
        feed = self._hub.feeds.get(room)
        if feed is not None and feed.facts_known and feed.members <= SMALL_ROOM_MEMBERS:
            self._write_kept(feed, user, _read_frame(room, user, seq))

    # --- by the clock ---

    def tick(self, now: float) -> None:
        """End what was not repeated, and send the cursors that had to wait."""
        for (room, user), (until, own) in list(self._typing.items()):
            if now >= until:
                self._note_typing(room, user, "none", own=own)
        self._send_reads()

    def _note_typing(self, room: RoomId, user: UserId, kind: str, *, own: bool) -> None:
        feed = self._hub.feeds.get(room)
        if kind == "none" or feed is None:
            if self._typing.pop((room, user), None) is None and not own:
                return
        elif len(self._typing) < _TRACKED_MAX:
            self._typing[(room, user)] = (asyncio.get_running_loop().time() + TYPING_EXPIRES_S, own)
        if feed is None:
            return
        if own:
            self._owners.signal(feed, Signal(kind="typing", room=room, user=user, value=kind))
        frame = server_frames.Typing(room=room, user=user, kind=kind)
        self._write_others(feed, user, frame.encode(), in_view=room)

    def _send_reads(self) -> None:
        now = asyncio.get_running_loop().time()
        for key, seq in list(self._reads.items()):
            if now - self._read_at.get(key, -_READ_EVERY_S) < _READ_EVERY_S:
                continue
            del self._reads[key]
            self._read_at[key] = now
            room, user = key
            feed = self._hub.feeds.get(room)
            if feed is not None:
                self._owners.signal(feed, Signal(kind="read", room=room, user=user, value=seq))
                self._write_kept(feed, user, _read_frame(room, user, seq))
        if len(self._read_at) > _TRACKED_MAX:
            self._read_at = {key: at for key, at in self._read_at.items() if now - at < _READ_EVERY_S}

    def _write_kept(self, feed: Feed, user: UserId, payload: bytes) -> None:
        """Write to the connections of the other members who are up to date."""
        for connection in _up_to_date(feed, user):
            connection.write(payload)

    def _write_others(self, feed: Feed, user: UserId, payload: bytes, *, in_view: RoomId | None) -> None:
        """Write what a hold drops: with it on, only to connections that have the room in view."""
        for connection in _up_to_date(feed, user):
            if connection.hears(in_view):
                connection.write(payload)


def _up_to_date(feed: Feed, but: UserId) -> Iterator[Connection]:
    for user, member in feed.users.items():
        if user != but:
            for connection in member.connections:
                if feed.room not in connection.catching and not connection.socket.congested:
                    yield connection


def presence_frame(user: UserId, presence: str) -> bytes:
    """Write a `presence` frame from `<state>` or `quiet:<until in ms>`."""
    state, _, until = presence.partition(":")
    return server_frames.Presence(user=user, state=state, until=int(until) if until else None).encode()


def _read_frame(room: RoomId, user: UserId, seq: int) -> bytes:
    return server_frames.Read(room=room, user=user, seq=seq).encode()


def _write_all(member: Member, payload: bytes) -> None:
    for connection in member.connections:
        connection.write(payload)
