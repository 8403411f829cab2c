"""The end of a hold: what it held goes out as one release, then what came since, then rooms are live again."""

import asyncio
from typing import NamedTuple

from kaftalk_gateway import metrics
from kaftalk_gateway.connection import CatchUp, Connection, Member
from kaftalk_gateway.feed import Feed
from kaftalk_gateway.held_counts import NOTHING_HELD
from kaftalk_gateway.holding import Holding, is_kept_from
from kaftalk_gateway.holds import RoomHold
from kaftalk_gateway.hub import Hub
from kaftalk_gateway.quiet_states import QuietHours
from kaftalk_gateway.release_frames import BatchRooms, release_frames
from kaftalk_gateway.resume import Resumer
from kaftalk_protocol.ids import RoomId
from kaftalk_protocol.quiet_state import ReleaseBatch, UserRelease, UserRoom
from kaftalk_protocol.server_frames import Resumed

_AT_ONCE_BYTES = 256 * 1024
_USERS_A_ROUND = 20
_HAND_OVER_S = 10.0
_PATIENCE = 40
"""How often a room is waited for whose events up to the release have not come here yet."""


class _Plan(NamedTuple):
    """What one connection is sent, and from where each of its rooms goes on."""

    frames: list[bytes]
    follow: dict[RoomId, CatchUp]


class Releases:
    """Takes releases; one that came before, or is of a hold that is not on here, changes nothing."""

    def __init__(self, hub: Hub, hours: QuietHours, holding: Holding, resumer: Resumer) -> None:
        self._hub = hub
        self._hours = hours
        self._holding = holding
        self._resumer = resumer

    async def take(self, batch: ReleaseBatch) -> None:
        """Hand a batch over to the sockets of its users; those that read slowly are waited for, which slows the sender.

        Live traffic goes between them.
        """
        rooms, slow = BatchRooms(batch.rooms), list[asyncio.Task[None]]()
        for done, release in enumerate(batch.releases, 1):
            member = self._hub.members.get(release.user)
            if member is not None and _is_on(member, release):
                slow += self._release(member, release, rooms)
            self._hours.take(release.state)
            if done % _USERS_A_ROUND == 0:
                await asyncio.sleep(0)
        if slow:
            await asyncio.wait(slow, timeout=_HAND_OVER_S)

    def _release(self, member: Member, release: UserRelease, rooms: BatchRooms) -> list[asyncio.Task[None]]:
        holds = self._holding.let_go(member)
        slow = []
        for connection in member.connections:
            plan = self._plan(connection, release, rooms, holds)
            for room, catch in plan.follow.items():
                self._hub.feeds[room].listeners.pop(connection, None)
                connection.catching[room] = catch
            if connection.socket.congested or sum(map(len, plan.frames)) > _AT_ONCE_BYTES:
                connection.releasing = True
                slow.append(asyncio.create_task(self._hand_over(connection, plan.frames)))
                continue
            for frame in plan.frames:
                connection.write(frame)
            self._resumer.go_on(connection)
        member.write(NOTHING_HELD)
        metrics.releases.inc()
        return slow

    def _plan(
        self, connection: Connection, release: UserRelease, rooms: BatchRooms, holds: dict[RoomId, RoomHold]
    ) -> _Plan:
        """Say what a connection gets of the rooms that are kept from it; the others catch up or are live already."""
        parts = {part.room: part for part in release.rooms if part.room in rooms}
        plan = _Plan([], {})
        shown: list[bytes] = []
        # In the order of the payload: what is for her first, then what is newest.
        for room in [*parts, *(holds.keys() - parts.keys())]:
            if room in holds and is_kept_from(connection, room, holds[room]):
                self._plan_room(connection, parts.get(room), rooms, self._hub.feeds[room], holds[room], shown, plan)
        if any(rooms.has_items(part) for part in parts.values()):
            plan.frames[:0] = release_frames(release, shown)
        return plan

    def _plan_room(  # noqa: PLR0913 - one room of one connection
        self,
        connection: Connection,
        part: UserRoom | None,
        rooms: BatchRooms,
        feed: Feed,
        hold: RoomHold,
        shown: list[bytes],
        plan: _Plan,
    ) -> None:
        in_view = connection.focused == feed.room
        if part is None or (part.from_ > hold.floor and not rooms.has_items(part)):
            # Nothing is released: she has read it, perhaps on another device.
            if not in_view:
                plan.follow[feed.room] = CatchUp(hold.floor)
            return
        to = rooms[part.room].to
        last = min(to, feed.last if feed.last is not None else -1)
        if in_view and last < to:
            return
        if rooms.has_items(part):
            shown += rooms.write(part)
        else:
            plan.frames.append(_passed(part, rooms, hold))
        if not in_view or connection.focused_at > to:
            plan.follow[feed.room] = CatchUp(last, ended=(hold, to), patience=_PATIENCE)

    async def _hand_over(self, connection: Connection, frames: list[bytes]) -> None:
        """Write frame by frame as the socket takes them; what is live waits behind."""
        try:
            for frame in frames:
                await connection.drained()
                connection.write(frame)
                connection.socket.flush()
        finally:
            connection.releasing = False
            if connection.is_open:
                self._resumer.go_on(connection)


def _is_on(member: Member, release: UserRelease) -> bool:
    return member.quiet.armed is not None and member.quiet.armed.release_id == release.release_id


def _passed(part: UserRoom, rooms: BatchRooms, hold: RoomHold) -> bytes:
    """Say that nothing up to the release is left to be shown."""
    room = rooms[part.room]
    return Resumed(room=part.room, epoch=room.epoch, from_=hold.floor, to=max(hold.floor, room.to), count=0).encode()
