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
from kaftalk_gateway.release_frames import BatchParts, Part, release_frames
from kaftalk_gateway.resume import Resumer
from kaftalk_protocol.ids import RoomId
from kaftalk_protocol.release_batch import BatchRoom, ReleaseBatch, UserRelease
from kaftalk_protocol.server_frames import Resumed

_AT_ONCE_BYTES = 256 * 1024
_USERS_A_ROUND = 20
_HAND_OVER_S = 10.0
_ARRIVAL_S = 0.3
_ARRIVAL_POLL_S = 0.02


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
        await self._arrived(batch.rooms)
        parts, slow = BatchParts(batch), list[asyncio.Task[None]]()
        for done, release in enumerate(batch.releases(), 1):
            member = self._hub.members.get(release.user)
            if member is not None and _is_on(member, release):
                slow += self._release(member, release, parts)
            self._hours.take(release.state)
            if done % _USERS_A_ROUND == 0:
                await asyncio.sleep(0)
        if slow:
            await asyncio.wait(slow, timeout=_HAND_OVER_S)

    def _release(self, member: Member, release: UserRelease, parts: BatchParts) -> list[asyncio.Task[None]]:
        holds = self._holding.let_go(member)
        slow = []
        for connection in member.connections:
            plan = self._plan(connection, release, parts, holds)
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
        self, connection: Connection, release: UserRelease, batch: BatchParts, holds: dict[RoomId, RoomHold]
    ) -> _Plan:
        """Say what a connection gets of the rooms that are kept from it; the others catch up or are live already."""
        parts = batch.of(release)
        plan = _Plan([], {})
        shown: list[bytes] = []
        # In the order of the payload: what is for her first, then what is newest.
        for room in [*parts, *(holds.keys() - parts.keys())]:
            if room in holds and is_kept_from(connection, room, holds[room]):
                self._plan_room(connection, parts.get(room), batch, self._hub.feeds[room], holds[room], shown, plan)
        if release.gone or any(part.has_items for part in parts.values()):
            plan.frames[:0] = release_frames(release, parts.values(), shown)
        return plan

    def _plan_room(  # noqa: PLR0913 - one room of one connection
        self,
        connection: Connection,
        part: Part | None,
        batch: BatchParts,
        feed: Feed,
        hold: RoomHold,
        shown: list[bytes],
        plan: _Plan,
    ) -> None:
        in_view = connection.focused == feed.room
        if part is None or not self._is_releasable(connection, part, feed, hold):
            if not in_view:
                plan.follow[feed.room] = CatchUp(hold.floor)
            return
        if part.has_items:
            shown += batch.write(part)
        else:
            plan.frames.append(_passed(part.room, hold))
        if not in_view or connection.focused_at > part.room.to:
            plan.follow[feed.room] = CatchUp(part.room.to)

    def _is_releasable(self, connection: Connection, part: Part, feed: Feed, hold: RoomHold) -> bool:
        """Tell whether a connection may jump over what is released; else the events come, one by one.

        It may not if corrections of what it has are still to come, or if nothing is released of what it has not: that
        has been read on another device.
        """
        here = min(part.room.to, feed.last if feed.last is not None else -1)
        catch = connection.catching.get(feed.room)
        is_behind = catch is not None and catch.position is not None and catch.position < here
        if here < part.room.to or is_behind:
            return False
        return part.share.from_ <= hold.floor or part.has_items

    async def _arrived(self, rooms: dict[RoomId, BatchRoom]) -> None:
        """Wait a moment for events on their way that a release is already about."""
        until = asyncio.get_running_loop().time() + _ARRIVAL_S
        while any(self._is_missing(room, batch.to) for room, batch in rooms.items()):
            if asyncio.get_running_loop().time() >= until:
                return
            await asyncio.sleep(_ARRIVAL_POLL_S)

    def _is_missing(self, room: RoomId, to: int) -> bool:
        feed = self._hub.feeds.get(room)
        return feed is not None and feed.holds is not None and feed.last is not None and feed.last < to

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


def _passed(room: BatchRoom, hold: RoomHold) -> bytes:
    """Say that nothing up to the release is left to be shown."""
    return Resumed(room=room.room, epoch=room.epoch, from_=hold.floor, to=max(hold.floor, room.to), count=0).encode()
