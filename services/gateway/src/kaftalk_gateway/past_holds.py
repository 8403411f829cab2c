"""Events of rooms where somebody is in a hold: where it begins, what of them passes it."""

from collections.abc import Callable

from kaftalk_gateway import metrics
from kaftalk_gateway.connection import CatchUp, Connection, Member
from kaftalk_gateway.feed import Entry, Feed
from kaftalk_gateway.resume import Resumer
from kaftalk_protocol.ids import RoomId
from kaftalk_protocol.server_frames import event_ts
from kaftalk_views.errors import ResetReason


class PastHolds:
    """Delivers to those who are in a hold what passes it; the live fan-out never has to look for them."""

    def __init__(self, resumer: Resumer, held_more: Callable[[RoomId], None]) -> None:
        self._resumer = resumer
        self._held_more = held_more

    def is_split_by(self, feed: Feed, one: Entry) -> bool:
        """Tell whether holds begin with an event: what comes before it is to be delivered first."""
        return feed.holds is not None and feed.holds.is_begun_at(event_ts(one.event.frame))

    def deliver(self, feed: Feed, one: Entry) -> None:
        """Begin the holds that an event begins, and show it to those of its room whose holds it passes."""
        if feed.holds is None:
            return
        prev = one.event.prev
        for user in feed.holds.begin(event_ts(one.event.frame), one.seq - 1 if prev is None else prev):
            feed.mute(user)
        if not feed.holds.held:
            return
        self._held_more(feed.room)
        for user in feed.holds.passing(one.seq, one.event.frame, one.event.flags):
            self._show(feed, feed.users[user], one)

    def _show(self, feed: Feed, member: Member, one: Entry) -> None:
        readable = feed.floor(member.user)
        for connection in member.connections:
            if connection.focused == feed.room or feed.room in connection.catching:
                continue
            if readable is None or connection.socket.congested:
                self._resumer.begin(connection, feed.room, CatchUp(one.seq - 1))
            else:
                connection.socket.write_prepared(one.past_hold(readable))
                metrics.past_holds.inc()

    def reset(self, feed: Feed, reason: ResetReason) -> None:
        """Look anew for where holds begin in a log that was replaced, then tell of the reset."""
        for user in feed.holds.users() if feed.holds is not None else ():
            feed.drop_hold(user)
            for connection in feed.users[user].connections:
                feed.listeners.pop(connection, None)
                if _is_owed(connection, feed.room):
                    self._resumer.begin(connection, feed.room, CatchUp(None, reset=reason))


def _is_owed(connection: Connection, room: RoomId) -> bool:
    """Tell whether a connection has to hear of a reset; who has named a position of her own is answered anyway."""
    catch = connection.catching.get(room)
    return catch is None or (catch.given is None and not catch.added)
