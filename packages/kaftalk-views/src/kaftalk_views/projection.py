"""Fold a batch of a room's records: what becomes of its view in Redis, and what its members are shown.

Pure. `room_views` performs the commands, and only if the view still stands where the batch began.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple

from kaftalk_protocol import redis_keys
from kaftalk_protocol.deliveries import DELETION, EDIT, MEMBERSHIP, RoomEvent
from kaftalk_protocol.ids import RoomId, UserId
from kaftalk_protocol.media import Sending
from kaftalk_protocol.records import (
    AnyRecord,
    Ban,
    Delete,
    Edit,
    Invite,
    Join,
    Kick,
    Leave,
    Media,
    Message,
    Reaction,
    RoleChange,
    Room,
    is_item,
    parse,
)
from kaftalk_protocol.room_state import Reason, RoomState
from kaftalk_protocol.server_frames import event_frame
from kaftalk_protocol.topics import Placement
from kaftalk_roomlog.records import LogRecord
from kaftalk_views.annotations import delete_note, edit_note, media_note
from kaftalk_views.lost_rooms import Lost, lose, regain
from kaftalk_views.sendings import removed_by, sent_by
from kaftalk_views.view_fields import Command, Touched, clear, write_state

MISSING = ""
"""The `expected` of a view that must not exist yet."""

_MEMBERSHIP = (Join, Leave, Kick, Ban, RoleChange, Invite, Room)
_ABOUT_ONE = (Join, Leave, Kick, Ban, RoleChange)


@dataclass(frozen=True, slots=True)
class Shown:
    """A record that members see; `prev` is the seq of the room's shown event before it, null where an epoch begins."""

    seq: int
    prev: int | None
    ts: int
    value: bytes
    record: AnyRecord
    trace: bytes | None = None

    def event(self, placement: Placement) -> RoomEvent:
        """Build the event as it goes to gateways, its frame joined around the stored bytes."""
        frame = event_frame(placement.room, placement.epoch, self.seq, self.prev, self.ts, self.value)
        return RoomEvent(placement.room, placement.epoch, self.seq, self.prev, flags_of(self.record), frame, self.trace)


class Void(NamedTuple):
    """A record that nobody sees; `user` is its author if it names one."""

    seq: int
    user: UserId | None
    reason: str


class Moved(NamedTuple):
    """Somebody became a member, or is none any more, at `seq`."""

    user: UserId
    seq: int
    reason: Literal["joined", "left", "kicked", "deleted"]


@dataclass(slots=True)
class Projection:
    """What a batch makes of a room. `state` is after it; `expected` is the applied seq that Redis must still have.

    `sendings` are what `kaftalk.media` must have before the view moves.
    """

    room: RoomId
    expected: str
    state: RoomState
    commands: list[Command] = field(default_factory=list)
    events: list[Shown] = field(default_factory=list)
    voids: list[Void] = field(default_factory=list)
    joined: list[Moved] = field(default_factory=list)
    removed: list[Moved] = field(default_factory=list)
    sendings: list[Sending] = field(default_factory=list)
    applied_seq: int = -1
    shown_seq: int | None = None
    last_item: str | None = None
    activity_ms: int | None = None

    def __bool__(self) -> bool:
        return bool(self.commands)

    def then(self, later: Projection) -> Projection:
        """Join with the projection of the records that follow: one step of the view instead of two."""
        return replace(
            later,
            expected=self.expected,
            commands=self.commands + later.commands,
            events=self.events + later.events,
            voids=self.voids + later.voids,
            joined=self.joined + later.joined,
            removed=self.removed + later.removed,
            sendings=self.sendings + later.sendings,
            last_item=later.last_item or self.last_item,
            activity_ms=later.activity_ms or self.activity_ms,
        )


def fold(
    state: RoomState, placement: Placement, records: Sequence[LogRecord], *, shard: int, expected: int | None = None
) -> Projection:
    """Apply records of the placement's topic to `state`, in place; what it has applied already is skipped.

    `expected` is the applied seq of the view in Redis where it differs from the state's (a new epoch); -1 is none.
    """
    batch = _Batch(state, shard, state.applied_seq if expected is None else expected)
    for record in records:
        seq = placement.seq(record.offset)
        if seq > state.applied_seq:
            batch.take(seq, record)
    return batch.finish()


def restore(state: RoomState, *, shard: int) -> Projection:
    """Write the view of a whole state where Redis has none; annotations are known from the next seq on."""
    batch = _Batch(state, shard, -1)
    batch.whole(notes_from=state.applied_seq + 1, activity_ms=max(state.log_ms, state.created_ms))
    return batch.finish()


def flags_of(record: AnyRecord) -> int:
    """Give the flags that a gateway reads before it opens an event."""
    if isinstance(record, _MEMBERSHIP):
        return MEMBERSHIP
    if isinstance(record, Edit | Media):
        return EDIT
    return DELETION if isinstance(record, Delete) else 0


class _Batch:
    """One batch being folded: commands in the order of the log where order matters, the rest once at the end."""

    __slots__ = ("_cursors", "_indexed", "_last", "_mentions", "_shard", "_touched", "out", "state")

    def __init__(self, state: RoomState, shard: int, expected: int) -> None:
        self.state = state
        self.out = Projection(state.room, MISSING if expected < 0 else str(expected), state)
        self._shard = shard
        self._touched = Touched()
        self._indexed: list[str] = []
        self._mentions: list[str] = []
        self._cursors: dict[UserId, int] = {}
        self._last: Shown | None = None
        if state.applied_seq < 0:
            self._touched.notes_from = 0

    def take(self, seq: int, stored: LogRecord) -> None:
        """Fold one record."""
        state = self.state
        record = parse(stored.value)
        prev = state.shown_seq if state.shown_seq is not None and state.shown_seq >= state.base else None
        before = set(state.members) if isinstance(record, Room) else None
        was_member = isinstance(record, _ABOUT_ONE) and record.user in state.members
        verdict = state.apply(seq, stored.ts, record)
        if verdict.reason is not None:
            self._void(seq, record, verdict.reason)
            return
        shown = Shown(seq, prev, stored.ts, stored.value, record, stored.trace)
        self.out.events.append(shown)
        if is_item(record):
            self._last, self.out.activity_ms = shown, stored.ts
        if isinstance(record, Message):
            self._message(seq, record)
        elif isinstance(record, _ABOUT_ONE):
            self._about_one(shown, record, was_member)
        elif before is not None:
            self._room(shown, before)
        else:
            self._annotate(seq, stored, record)

    def whole(self, *, notes_from: int, activity_ms: int | None = None) -> None:
        """Write every fact of the state, whatever the batch changes."""
        self._touched.everything(self.state)
        self._touched.notes_from = notes_from
        self.out.activity_ms = activity_ms
        for user in self.state.members:
            self.out.commands.append(("SADD", redis_keys.user_rooms(user), self.state.room))

    def finish(self) -> Projection:
        """Give what became of the batch."""
        out, state = self.out, self.state
        if state.applied_seq < 0 or (not out.events and not out.voids and not self._touched.whole):
            return out
        self._flush_index()
        for user, seq in self._cursors.items():
            self._cursor(user, seq)
        forgotten = state.take_forgotten()
        self._touched.streams.update(forgotten.streams)
        self._touched.invites.update(forgotten.invites)
        out.last_item = self._last_item()
        out.commands += write_state(state, self._touched, last_item=out.last_item, activity_ms=out.activity_ms)
        out.applied_seq, out.shown_seq = state.applied_seq, state.shown_seq
        return out

    def _void(self, seq: int, record: AnyRecord, reason: str) -> None:
        if reason == Reason.EPOCH:
            self._epoch()
        author = getattr(record, "by", None) or getattr(record, "user", None)
        self.out.voids.append(Void(seq, UserId(author) if isinstance(author, str) else None, str(reason)))
        self.out.commands.append(("HSET", redis_keys.room_voids(self.state.room), str(seq), str(reason)))

    def _epoch(self) -> None:
        self.out.commands += clear(self.state.room)
        self._last = None
        self._indexed, self._mentions, self._cursors = [], [], {}
        self.whole(notes_from=0)

    def _message(self, seq: int, record: Message) -> None:
        if record.media:
            self.out.sendings += sent_by(self.state.room, seq, record)
        self._indexed.append(str(seq))
        self._mentions += [f"{seq}:{user}" for user in record.mentions]
        if record.mention_all:
            self._mentions.append(f"{seq}:*")
        self._touched.streams.add((record.by, record.stream))
        self._cursors[record.by] = seq

    def _about_one(self, shown: Shown, record: Join | Leave | Kick | Ban | RoleChange, was_member: bool) -> None:
        user, is_member = record.user, record.user in self.state.members
        self._touched.members.add(user)
        self._touched.bans.add(user)
        if isinstance(record, Leave) and record.successor:
            self._touched.members.add(record.successor)
        if isinstance(record, Join) and record.invite:
            self._touched.invites.add(record.invite)
        if is_member and not was_member:
            self._enter(user, shown.seq)
        elif was_member and not is_member:
            self._exit(Moved(user, shown.seq, "left" if isinstance(record, Leave) else "kicked"), shown.ts)

    def _room(self, shown: Shown, before: set[UserId]) -> None:
        self._touched.meta = True
        if self.state.deleted:
            self._touched.everything(self.state)
        after = self.state.members.keys()
        self._touched.members.update(before ^ after)
        for user in sorted(after - before):
            self._enter(user, shown.seq)
        for user in sorted(before - after):
            self._exit(Moved(user, shown.seq, "deleted"), shown.ts)

    def _enter(self, user: UserId, seq: int) -> None:
        self.out.joined.append(Moved(user, seq, "joined"))
        self.out.commands.append(("SADD", redis_keys.user_rooms(user), self.state.room))
        self.out.commands.append(regain(user, self.state.room, seq))
        self._cursors[user] = seq

    def _exit(self, moved: Moved, ts: int) -> None:
        room, user = self.state.room, moved.user
        match moved.reason:
            case "kicked" | "deleted" as reason:
                self.out.commands.append(lose(user, Lost(room, moved.seq, ts, reason, self.state.name)))
        self.out.removed.append(moved)
        self._cursors.pop(user, None)
        self.out.commands += (
            ("SREM", redis_keys.user_rooms(user), room),
            ("HDEL", redis_keys.room_cursors(room), user),
            ("HDEL", redis_keys.room_mutes(room), user),
            ("SADD", redis_keys.dirty_cursors(self._shard), f"{room} {user}"),
        )

    def _annotate(self, seq: int, stored: LogRecord, record: AnyRecord) -> None:
        room, commands = self.state.room, self.out.commands
        if isinstance(record, Edit):
            self._flush_index()
            commands += edit_note(room, seq, stored.ts, record)
        elif isinstance(record, Delete):
            self._flush_index()
            self.out.sendings += removed_by(room, record)
            commands += delete_note(room, seq, stored.ts, record)
        elif isinstance(record, Reaction):
            sign = 1 if record.on else -1
            reactions = redis_keys.room_reactions(room, record.target)
            field_name = f"{record.emoji} {record.by}"
            notes = redis_keys.room_notes(room)
            commands.append(("REACT", notes, reactions, str(record.target), field_name, str(sign * seq)))
        elif isinstance(record, Media):
            commands += media_note(room, seq, record.media, stored.value)
        elif isinstance(record, Invite):
            self._touched.invites.add(record.invite)

    def _flush_index(self) -> None:
        """Index what came so far: whoever deletes next meets an index that was cut to size after every message."""
        if self._indexed:
            room = self.state.room
            keys = (redis_keys.room_index(room), redis_keys.room_mentions(room))
            self.out.commands.append(("INDEX", *keys, str(len(self._indexed)), *self._indexed, *self._mentions))
            self._indexed, self._mentions = [], []

    def _cursor(self, user: UserId, seq: int) -> None:
        room = self.state.room
        dirty = redis_keys.dirty_cursors(self._shard)
        self.out.commands.append(("CURSOR", redis_keys.room_cursors(room), user, str(seq), dirty, f"{room} {user}"))

    def _last_item(self) -> str | None:
        last, state = self._last, self.state
        if last is None:
            return None
        prev = "null" if last.prev is None else last.prev
        head = f'{{"epoch":{state.epoch},"seq":{last.seq},"prev":{prev},"ts":{last.ts},"e":'
        return head + last.value.decode() + "}"
