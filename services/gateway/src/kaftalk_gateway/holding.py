"""What holds do to connections: rooms are armed, come into view and go, and are let go of at the end."""

from collections.abc import Callable

from kaftalk_gateway.connection import CatchUp, Connection, Member
from kaftalk_gateway.feed import Feed
from kaftalk_gateway.holds import RoomHold
from kaftalk_gateway.hub import Hub
from kaftalk_gateway.resume import Resumer
from kaftalk_protocol.ids import RoomId, UserId
from kaftalk_protocol.quiet_state import HoldPlan
from kaftalk_protocol.server_frames import event_ts

_CERTAINLY_AHEAD_MS = 1_000


class Holding:
    """Arms, shows and ends holds."""

    def __init__(
        self, hub: Hub, resumer: Resumer, held_more: Callable[[RoomId], None], now_ms: Callable[[], int]
    ) -> None:
        self._hub = hub
        self._resumer = resumer
        self._held_more = held_more
        self._now_ms = now_ms

    def arm(self, member: Member, plan: HoldPlan) -> None:
        """Let all rooms of a member watch for the start of a hold, which may have come already."""
        member.quiet.armed = plan
        for room in member.rooms:
            self._arm_room(self._hub.feeds[room], member, plan.start_ms)

    def _arm_room(self, feed: Feed, member: Member, start_ms: int) -> None:
        """Hold what comes; what has been delivered of the hold before this gateway knew of it stays delivered."""
        if feed.last is None:
            return
        last_ts = event_ts(feed.tail[-1].event.frame) if feed.tail else None
        if last_ts is not None and last_ts >= start_ms:
            feed.hold(member.user, feed.last)
            self._held_more(feed.room)
        elif last_ts is not None or self._now_ms() < start_ms - _CERTAINLY_AHEAD_MS:
            feed.arm(member.user, start_ms)
        else:
            for connection in member.connections:
                if connection in feed.listeners:
                    self._resumer.begin(connection, feed.room, CatchUp(feed.last))

    def let_go(self, member: Member) -> dict[RoomId, RoomHold]:
        """End a member's hold; give the rooms that were held, which none of her connections hears of yet."""
        member.quiet.armed = None
        member.quiet.counts.clear()
        dropped = {room: self._hub.feeds[room].drop_hold(member.user) for room in member.rooms}
        return {room: hold for room, hold in dropped.items() if hold is not None}

    def end(self, member: Member) -> None:
        """End a member's hold that was ended elsewhere: what was held comes as what it is."""
        for room, hold in self.let_go(member).items():
            for connection in member.connections:
                if is_kept_from(connection, room, hold):
                    self._resumer.begin(connection, room, CatchUp(hold.floor))

    def focus(self, connection: Connection, room: RoomId | None) -> None:
        """Take the room that is in view: it is live in a hold, and the one before it is held again."""
        before, connection.focused, connection.focused_at = connection.focused, room, -1
        if before is not None and before != room:
            self._out_of_view(connection, self._hub.feeds.get(before))
        feed = self._hub.feeds.get(room) if room is not None else None
        hold = feed.holds.held.get(connection.user) if feed is not None and feed.holds is not None else None
        if feed is not None and hold is not None and feed.room not in connection.catching:
            connection.focused_at = feed.last if feed.last is not None else -1
            feed.listeners[connection] = None

    def _out_of_view(self, connection: Connection, feed: Feed | None) -> None:
        if feed is not None and feed.hold_over(connection) is not None:
            feed.listeners.pop(connection, None)
            self.saw(connection.user, feed.room, feed.last if feed.last is not None else -1)

    def saw(self, user: UserId, room: RoomId, seq: int) -> None:
        """Note that a user has looked further by herself than what she was shown before her hold."""
        feed = self._hub.feeds.get(room)
        if feed is not None and feed.holds is not None:
            feed.holds.see(user, seq)


def is_kept_from(connection: Connection, room: RoomId, hold: RoomHold) -> bool:
    """Tell whether a connection has all up to a hold's floor and waits for the rest; else it catches up by itself."""
    catch = connection.catching.get(room)
    if catch is None:
        return True
    if connection.focused == room or catch.given is not None or catch.added or catch.reset is not None:
        return False
    return catch.position is None or catch.position >= hold.floor
