"""What sounds in a hold: `alert` frames that point at a message, which itself stays held."""

import asyncio
from collections.abc import Callable, Sequence

import orjson

from kaftalk_gateway import metrics
from kaftalk_gateway.connection import Member
from kaftalk_gateway.feed import Entry, Feed
from kaftalk_gateway.hub import Hub
from kaftalk_gateway.pierced_notes import PiercedNotes
from kaftalk_protocol import redis_keys, server_frames
from kaftalk_protocol.ids import RoomId, UserId
from kaftalk_protocol.quiet_records import PierceReason
from kaftalk_protocol.quiet_state import PiercedNote, QuietState
from kaftalk_protocol.records import Message
from kaftalk_runtime.logs import get_logger
from kaftalk_runtime.redis_client import Redis, RedisError
from kaftalk_views.errors import ViewUnavailable, ViewUnknown
from kaftalk_views.pierce import UrgentBudget, is_muted, reason_to_pierce
from kaftalk_views.room_views import facts_of, facts_read
from kaftalk_views.users import Users

_URGENT = b'"notify":"urgent"'
_BY = b'"by":"'
_ID_CHARS = 36
_DIRECT_MEMBERS_MAX = 2
_AT_ONCE_MAX = 1_000
_TRIES_MAX = 60
_RETRY_S = 1.0

_log = get_logger(__name__)


class Alerts:
    """Finds among delivered messages those that pierce the holds of members who are connected here."""

    def __init__(self, hub: Hub, redis: Redis, notes: PiercedNotes, now_ms: Callable[[], int]) -> None:
        self._hub = hub
        self._redis = redis
        self._users = Users(redis)
        self._budget = UrgentBudget(redis)
        self._notes = notes
        self._now_ms = now_ms
        self._holds: dict[UserId, QuietState] = {}
        self._vips: dict[UserId, dict[UserId, None]] = {}
        """Who has a sender on her list, of those with a hold that is on or comes next."""
        self._tasks: set[asyncio.Task[None]] = set()

    def settle(self, member: Member) -> None:
        """Note that a member's quiet hours changed, or that she came or went."""
        before = self._holds.pop(member.user, None)
        for sender in before.pierce.vip if before is not None else ():
            waiting = self._vips[UserId(sender)]
            del waiting[member.user]
            if not waiting:
                del self._vips[UserId(sender)]
        state = member.quiet.state
        if not member.connections or state is None or state.hold is None:
            return
        self._holds[member.user] = state
        for sender in state.pierce.vip:
            self._vips.setdefault(UserId(sender), {})[member.user] = None

    def delivered(self, feed: Feed, entries: Sequence[Entry]) -> None:
        """See whether something that was delivered is to sound."""
        if not self._holds:
            return
        for one in entries:
            frame = one.event.frame
            if _URGENT in frame or (self._vips and _sender(frame) in self._vips):
                self._consider(feed, frame)

    def _consider(self, feed: Feed, frame: bytes) -> None:
        event = orjson.loads(frame)
        if event["e"].get("k") != "message":
            return
        message, ts = Message.model_validate(event["e"]), int(event["ts"])
        asked = message.notify == "urgent"
        users = feed.users if asked else self._vips.get(message.by, {})
        wanted = [user for user in users if user in feed.users and self._may_sound(feed, user, message, ts)]
        if not wanted:
            return
        if len(self._tasks) >= _AT_ONCE_MAX:
            _lose(feed.room, event["seq"], "too many at once")
            return
        task = asyncio.create_task(self._alert(feed.room, event["seq"], ts, message, wanted))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _may_sound(self, feed: Feed, user: UserId, message: Message, ts: int) -> bool:
        """Tell what is known without asking Redis: a room with more than two members here is not direct."""
        state = self._holds.get(user)
        if state is None or not state.active_at(ts):
            return False
        direct = len(feed.users) <= _DIRECT_MEMBERS_MAX
        return any(reason_to_pierce(state, message, direct=kind, bot=False) for kind in {direct, False})

    async def _alert(self, room: RoomId, seq: int, ts: int, message: Message, users: list[UserId]) -> None:
        """Send the alerts; while Redis is away they wait, since a mute, or an empty budget, is to be obeyed."""
        for _ in range(_TRIES_MAX):
            try:
                reasons = await self._reasons(room, ts, message, users)
            except (RedisError, ViewUnavailable):
                await asyncio.sleep(_RETRY_S)
            else:
                for user, reason in reasons.items():
                    self._send(user, PiercedNote(user=user, room=room, seq=seq, by=message.by, reason=reason, ts=ts))
                return
        _lose(room, seq, "Redis is away")

    async def _reasons(
        self, room: RoomId, ts: int, message: Message, users: list[UserId]
    ) -> dict[UserId, PierceReason]:
        """Tell whom a message pierces, and by what right.

        Raises RedisError, ViewUnavailable.
        """
        found, mutes = await self._redis.transaction([facts_read(room), ("HMGET", redis_keys.room_mutes(room), *users)])
        facts, sender = facts_of(room, found), await self._users.one(message.by)
        if facts is None:
            raise ViewUnknown(room)
        bot = sender is None or sender["kind"] == "bot"
        reasons: dict[UserId, PierceReason] = {}
        for user, mute in zip(users, mutes, strict=True):
            state = self._holds.get(user)
            if state is None or not state.active_at(ts) or is_muted(mute, self._now_ms()):
                continue
            reason = reason_to_pierce(state, message, direct=facts.kind == "direct", bot=bot)
            if reason is not None:
                reasons[user] = reason
        urgent = [user for user, reason in reasons.items() if reason != "vip"]
        left = await self._budget.take(room, message, urgent, ts) if urgent else {}
        return {user: reason for user, reason in reasons.items() if left.get(user, True)}

    def _send(self, user: UserId, note: PiercedNote) -> None:
        """Alert all devices but those that have the room open, where the message is seen anyway."""
        member, state = self._hub.members.get(user), self._holds.get(user)
        if member is None or note.room not in member.rooms or state is None or not state.active_at(note.ts):
            return
        frame = server_frames.Alert(room=note.room, seq=note.seq, by=note.by, reason=note.reason).encode()
        told = [connection for connection in member.connections if connection.focused != note.room]
        for connection in told:
            connection.write(frame)
        if told:
            metrics.pierced.labels(note.reason).inc()
            self._notes.note(note)


def _sender(frame: bytes) -> UserId | None:
    """Give whom an event is by without reading it whole: `by` stands before anything that a client wrote."""
    at = frame.find(_BY)
    return UserId(frame[at + len(_BY) : at + len(_BY) + _ID_CHARS].decode("ascii", "replace")) if at >= 0 else None


def _lose(room: RoomId, seq: int, reason: str) -> None:
    metrics.alerts_lost.inc()
    _log.warning("alert_lost", room=room, seq=seq, reason=reason)
