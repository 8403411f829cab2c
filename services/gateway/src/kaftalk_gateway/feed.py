"""A room's events at this gateway: what was delivered last, what is missing, who listens, and the tail. Pure.

unlinked ──asked──▶ subscribing ──answer──▶ live ◀──pulled── pulling
    ▲                                        └───────gap───────▲
    └── the link is gone, from any state
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from kaftalk_gateway.blanking import blanked, hidden, target_of, told_of
from kaftalk_gateway.connection import Connection, Member
from kaftalk_gateway.guarded_protocol import prepare
from kaftalk_gateway.holds import RoomHold, RoomHolds
from kaftalk_protocol.deliveries import DELETION, RoomEvent, RoomHead
from kaftalk_protocol.ids import RoomId, UserId
from kaftalk_protocol.server_frames import past_hold

TAIL_EVENTS = 1_000
TAIL_BYTES = 2 * 1024 * 1024
WAITING_MAX = 2_000


class FeedState(StrEnum):
    """How the room's events come."""

    UNLINKED = "unlinked"
    SUBSCRIBING = "subscribing"
    LIVE = "live"
    PULLING = "pulling"


@dataclass(slots=True)
class Entry:
    """One event as it goes to sockets: `wire` is the framed message, `event.frame` its JSON."""

    seq: int
    event: RoomEvent
    wire: bytes

    def seen_from(self, floor: int) -> bytes:
        """Give the wire for those who may read from `floor` on."""
        frame = hidden(self.event, floor)
        return self.wire if frame is None else prepare(frame)

    def past_hold(self, floor: int) -> bytes:
        """Give the wire for those who may read from `floor` on and are in a hold that it passes."""
        return prepare(past_hold(hidden(self.event, floor) or self.event.frame))


def entry(event: RoomEvent) -> Entry:
    """Frame an event once for all sockets."""
    return Entry(event.seq, event, prepare(event.frame))


class Feed:
    """One room. `users` are its members that are connected here, `listeners` their connections that are up to date.

    `last` is the seq up to which it was delivered, None before the first answer of an owner.

    The tail holds all shown events of `(tail_after, last]`. `floors` are the first seqs that users may read, as far as
    they were asked for. `holds` are those of its members, None while there are none.
    """

    # archived, history and members are the room's own facts as of `changed`, once they are known.
    __slots__ = (
        "_tail_bytes", "archived", "changed", "empty_since", "epoch", "facts_known", "floors", "history", "holds",
        "keep_until", "last", "listeners", "members", "room", "seen", "shard", "state", "tail", "tail_after",
        "users", "waiting",
    )  # fmt: skip

    def __init__(self, room: RoomId, shard: int) -> None:
        self.room = room
        self.shard = shard
        self.state = FeedState.UNLINKED
        self.epoch = 0
        self.last: int | None = None
        self.seen = -1
        self.tail: deque[Entry] = deque()
        self.tail_after = -1
        self.keep_until = 0.0
        self.waiting: list[RoomEvent] = []
        self.listeners: dict[Connection, None] = {}
        self.users: dict[UserId, Member] = {}
        self.empty_since: float | None = None
        self.archived = False
        self.history = "all"
        self.members = 0
        self.changed = -1
        self.facts_known = False
        self.floors: dict[UserId, int] = {}
        self.holds: RoomHolds | None = None
        self._tail_bytes = 0

    @property
    def is_ready(self) -> bool:
        """Tell whether connections may become live: the owner vouches for the room, the view for its members."""
        return self.state is FeedState.LIVE and self.facts_known

    @property
    def shows_all(self) -> bool:
        """Tell whether every member may read all of the room."""
        return self.facts_known and self.history == "all"

    def floor(self, user: UserId) -> int | None:
        """Give the first seq that a member may read; None if it must be asked for."""
        return 0 if self.shows_all else self.floors.get(user)

    # --- holds ---

    def hold_over(self, connection: Connection) -> RoomHold | None:
        """Give the hold that keeps the room from a connection; what is in view is not held."""
        if self.holds is None or connection.focused == self.room:
            return None
        return self.holds.held.get(connection.user)

    def listen(self, connection: Connection) -> None:
        """Push the room to a connection from here on, unless it is held for it."""
        if self.hold_over(connection) is None:
            self.listeners[connection] = None

    def arm(self, user: UserId, start_ms: int) -> None:
        """Hold what comes for a user from the first event on that is not before the start."""
        self.holds = self.holds or RoomHolds()
        self.holds.arm(user, start_ms)

    def hold(self, user: UserId, floor: int) -> None:
        """Hold all after `floor` for a user; her connections that do not have the room in view hear no more."""
        self.holds = self.holds or RoomHolds()
        self.holds.hold(user, floor)
        self.mute(user)

    def mute(self, user: UserId) -> None:
        """Take those connections of a user out of the fan-out for which the room is held."""
        member = self.users.get(user)
        for connection in member.connections if member is not None else ():
            if connection.focused != self.room:
                self.listeners.pop(connection, None)

    def drop_hold(self, user: UserId) -> RoomHold | None:
        """End a user's hold here; give what it was, None if nothing had been held."""
        if self.holds is None:
            return None
        hold = self.holds.drop(user)
        if not self.holds:
            self.holds = None
        return hold

    # --- the link ---

    def asked(self) -> None:
        """Note that an owner was asked for the room."""
        self._go(FeedState.SUBSCRIBING)

    def unlink(self) -> None:
        """Note that nobody sends the room's events any more: nothing is delivered until asked again."""
        self._go(FeedState.UNLINKED)
        self.waiting.clear()

    def subscribed(self, head: RoomHead) -> bool:
        """Take an owner's answer; False if the log was replaced, and what was delivered says nothing any more."""
        shown = head.base if head.shown_seq is None else head.shown_seq
        if self.last is None:
            self.start(head.epoch, shown)
            return True
        if head.epoch > self.epoch:
            return False
        self.seen = max(self.seen, shown)
        self.waiting.clear()
        self._settle()
        return True

    def start(self, epoch: int, last: int) -> None:
        """Begin at `last`, with nothing before it."""
        self.epoch = epoch
        self.last = self.seen = self.tail_after = last
        self.tail.clear()
        self.floors.clear()
        self._tail_bytes = 0
        self.waiting.clear()
        self._go(FeedState.LIVE)

    def head(self, shown: int) -> None:
        """Take the owner's word for the last shown seq: all up to there should have come."""
        self.seen = max(self.seen, shown)
        if self.state is FeedState.LIVE:
            self._settle()

    # --- events ---

    def offer(self, event: RoomEvent) -> Entry | None:
        """Take an event of the link: give it back to be delivered, or drop it, or keep it behind a gap."""
        if self.last is None or event.seq <= self.last or event.epoch < self.epoch:
            return None
        self.seen = max(self.seen, event.seq)
        if self.state in (FeedState.UNLINKED, FeedState.SUBSCRIBING):
            # The owner's answer tells how far the log is by then; this is pulled with the rest.
            return None
        if self.state is FeedState.LIVE and self._follows(event):
            return self._append(event)
        if len(self.waiting) < WAITING_MAX:
            self.waiting.append(event)
        else:
            # What is lost here is pulled: `seen` remembers how far.
            self.waiting.clear()
        if self.state is FeedState.LIVE:
            self._go(FeedState.PULLING)
        return None

    @property
    def gap(self) -> tuple[int, int]:
        """The `(from, to]` to pull from the log."""
        first = self.waiting[0].prev if self.waiting else None
        return (self.last if self.last is not None else -1, self.seen if first is None else first)

    def pulled(self, events: Iterable[RoomEvent], to: int) -> list[Entry]:
        """Take what the log holds up to `to`, then what waited behind it: give what is to be delivered, in order."""
        delivered = [self._append(event) for event in events if self.last is None or event.seq > self.last]
        self.last = max(self.last if self.last is not None else -1, to)
        waiting, self.waiting = self.waiting, []
        for event in waiting:
            if event.seq <= self.last:
                continue
            if self.waiting or not self._follows(event):
                self.waiting.append(event)
            else:
                delivered.append(self._append(event))
        self._settle()
        return delivered

    def _follows(self, event: RoomEvent) -> bool:
        return event.epoch == self.epoch and (event.prev is None or self.last is None or event.prev <= self.last)

    def _settle(self) -> None:
        """Be live if nothing is missing, else pull."""
        missing = self.waiting or (self.last is not None and self.seen > self.last)
        self._go(FeedState.PULLING if missing else FeedState.LIVE)

    def _go(self, state: FeedState) -> None:
        self.state = state

    # --- the tail ---

    def since(self, seq: int) -> list[Entry] | None:
        """Give the events after `seq`; None if the tail does not reach back so far."""
        if seq < self.tail_after:
            return None
        found: list[Entry] = []
        for one in reversed(self.tail):
            if one.seq <= seq:
                break
            found.append(one)
        found.reverse()
        return found

    def extend_back(self, events: Iterable[RoomEvent], after: int, keep_until: float) -> None:
        """Put the events of `(after, tail_after]`, read from the log, before the tail for a while."""
        older = [entry(event) for event in events if after < event.seq <= self.tail_after]
        self.tail.extendleft(reversed(older))
        self._tail_bytes += sum(len(one.wire) for one in older)
        self.tail_after = min(self.tail_after, after)
        self.keep_until = max(self.keep_until, keep_until)

    def trim(self, now: float) -> None:
        """Cut the tail down to its bounds, unless it is being read."""
        if now < self.keep_until:
            return
        while len(self.tail) > TAIL_EVENTS or self._tail_bytes > TAIL_BYTES:
            self._drop_oldest()

    def message_seq(self, by: str, message_id: str) -> int | None:
        """Find a message of the tail by its identity; None if it is not there."""
        marks = (f'"id":"{message_id}"'.encode(), f'"by":"{by}"'.encode())
        for one in reversed(self.tail):
            if all(mark in one.event.frame for mark in marks):
                return one.seq
        return None

    def _append(self, event: RoomEvent) -> Entry:
        if event.flags & DELETION:
            self._blank(target_of(event.frame))
        one = entry(event)
        kept = self._without_late_words(one)
        self.tail.append(kept)
        self._tail_bytes += len(kept.wire)
        self.last = event.seq
        self.seen = max(self.seen, event.seq)
        if len(self.tail) > 2 * TAIL_EVENTS and not self.keep_until:
            self.trim(0.0)
        return one

    def _blank(self, target: int | None) -> None:
        """Take the words of a deleted message, and of its edits, out of the tail."""
        for at, one in enumerate(self.tail):
            without = self._without_words(one, target)
            self.tail[at] = without
            self._tail_bytes += len(without.wire) - len(one.wire)

    def _without_late_words(self, one: Entry) -> Entry:
        """Take the words out of what crossed the deletion of its message."""
        target = told_of(one.event)
        deletions = (past.event.frame for past in self.tail if past.event.flags & DELETION)
        late = target is not None and any(target_of(frame) == target for frame in deletions)
        return self._without_words(one, target) if late else one

    def _without_words(self, one: Entry, target: int | None) -> Entry:
        frame = blanked(one.event, target)
        if frame is None:
            return one
        return entry(RoomEvent(self.room, one.event.epoch, one.seq, one.event.prev, one.event.flags, frame))

    def _drop_oldest(self) -> None:
        oldest = self.tail.popleft()
        self._tail_bytes -= len(oldest.wire)
        self.tail_after = oldest.seq
