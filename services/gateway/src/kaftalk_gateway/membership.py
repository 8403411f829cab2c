"""Who is in which room, as the connections here see it: rooms that come, change and go."""

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any

import orjson

from kaftalk_gateway.changes import Change, RemovedReason
from kaftalk_gateway.connection import CatchUp, Member
from kaftalk_gateway.feed import Feed
from kaftalk_gateway.hub import Hub
from kaftalk_gateway.resume import Resumer, room_frame
from kaftalk_gateway.rooms import RoomReads
from kaftalk_protocol import server_frames
from kaftalk_protocol.ids import RoomId, UserId
from kaftalk_runtime.redis_client import RedisError
from kaftalk_views.errors import ViewUnavailable

_USERS_A_ROUND = 200
_ENTRIES_AT_ONCE = 16
_RETRY_S = 1.0
_PAUSE_S = 0.01


class Memberships:
    """Applies changes of rooms to members, and repairs what no event told (level-triggered, from the views)."""

    def __init__(self, hub: Hub, rooms: RoomReads, resumer: Resumer) -> None:
        self._hub = hub
        self._rooms = rooms
        self._resumer = resumer
        self._updates: dict[RoomId, set[UserId]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self.repair_asked = asyncio.Event()

    def apply(self, feed: Feed, change: Change, seq: int) -> None:
        """Take a change of a room that has been delivered."""
        feed.archived = feed.archived if change.archived is None else change.archived
        feed.history = change.history or feed.history
        feed.members += (change.joined is not None) - (change.removed is not None)
        if change.deleted:
            for user in {*feed.users, *self._hub.admitting}:
                self.removed(feed.room, user, "deleted")
            return
        if change.joined is not None:
            self.joined(feed.room, change.joined, seq)
        if change.removed is not None:
            self.removed(feed.room, *change.removed)
        if change.everybody:
            self.update(feed.room, feed.users)
        elif change.updated is not None:
            self.update(feed.room, [change.updated])

    def joined(self, room: RoomId, user: UserId, seq: int) -> None:
        """Give a user a new room: `room added` on all her connections, then what comes after she joined."""
        self._note_admitting(room, user, joined=True)
        member = self._hub.members.get(user)
        if member is None or room in member.rooms:
            return
        self._hub.add_room(member, room)
        for connection in member.connections:
            self._resumer.begin(connection, room, CatchUp(seq, added=True))

    def removed(self, room: RoomId, user: UserId, reason: RemovedReason) -> None:
        """Take a room from a user: nothing of it comes after `room removed`."""
        self._note_admitting(room, user, joined=False)
        member = self._hub.members.get(user)
        if member is None or room not in member.rooms:
            return
        told = [one for one in member.connections if room not in one.catching or not one.catching[room].added]
        self._hub.remove_room(member, room, asyncio.get_running_loop().time())
        frame = orjson.dumps({"t": "room", "change": "removed", "room": {"id": room, "reason": reason}})
        for connection in told:
            connection.write(frame)

    def _note_admitting(self, room: RoomId, user: UserId, *, joined: bool) -> None:
        for changes in self._hub.admitting.get(user, ()):
            changes[room] = joined

    def user_changed(self, user: dict[str, Any]) -> None:
        """Tell all here who share a room with a user what she is called now."""
        self._start(self._tell_user(server_frames.User(**user)))

    async def _tell_user(self, user: server_frames.User) -> None:
        try:
            rooms = (await self._rooms.rooms_of([user.id]))[user.id]
        except (RedisError, ViewUnavailable):
            return
        told = {one for room in rooms if room in self._hub.feeds for one in self._hub.feeds[room].users}
        frame = server_frames.UserFrame(user=user).encode()
        for one in told | {user.id}:
            if one in self._hub.members:
                for connection in self._hub.members[one].connections:
                    connection.write(frame)

    # --- `room updated` ---

    def update(self, room: RoomId, users: Iterable[UserId]) -> None:
        """Tell users about a room's new state, soon; changes meanwhile are told once."""
        present = {user for user in users if user in self._hub.members}
        if not present:
            return
        if room in self._updates:
            self._updates[room] |= present
            return
        self._updates[room] = present
        self._start(self._tell(room))

    async def _tell(self, room: RoomId) -> None:
        await asyncio.sleep(0)
        users = list(self._updates.pop(room, ()))
        for at in range(0, len(users), _ENTRIES_AT_ONCE):
            await asyncio.gather(*(self._tell_one(room, user) for user in users[at : at + _ENTRIES_AT_ONCE]))

    async def _tell_one(self, room: RoomId, user: UserId) -> None:
        if (member := self._hub.members.get(user)) is None:
            return
        try:
            entry = await self._rooms.entry(room, user, member.quiet.hold_ms)
        except (RedisError, ViewUnavailable):
            return
        member = self._hub.members.get(user)
        if entry is None or member is None or room not in member.rooms:
            return
        frame = room_frame("updated", entry)
        for connection in member.connections:
            catch = connection.catching.get(room)
            if catch is None or not catch.added:
                connection.write(frame)

    # --- repair ---

    async def repair_forever(self) -> None:
        """Compare all members' rooms with the views whenever that was asked for."""
        while True:
            await self.repair_asked.wait()
            self.repair_asked.clear()
            users = list(self._hub.members)
            for at in range(0, len(users), _USERS_A_ROUND):
                try:
                    await self.repair(users[at : at + _USERS_A_ROUND])
                except (RedisError, ViewUnavailable):
                    self.repair_asked.set()
                    await asyncio.sleep(_RETRY_S)
                await asyncio.sleep(_PAUSE_S)

    async def repair(self, users: list[UserId]) -> None:
        """Give users the rooms that they should have, and take those that are no longer theirs.

        Raises RedisError, ViewUnavailable.
        """
        found = await self._rooms.rooms_of(users)
        for user, rooms in found.items():
            member = self._hub.members.get(user)
            if member is None:
                continue
            for room in rooms - member.rooms.keys():
                self.joined(room, user, 0)
            for room in list(member.rooms.keys() - rooms):
                await self._verify(member, room)

    async def _verify(self, member: Member, room: RoomId) -> None:
        """Take a room away only if the view says so: a missing view says nothing.

        What is not delivered here yet may hold the event that removes her, which she is to see; then it will.
        """
        try:
            standing = (await self._rooms.standing({room: [member.user]})).get(room)
        except RedisError:
            return
        feed = self._hub.feeds.get(room)
        if standing is not None and standing.strangers and feed is not None and standing.is_delivered(feed):
            self.removed(room, member.user, "left")

    def _start(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
