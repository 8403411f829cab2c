"""What may sound in spite of a recipient's hold, and how often: her own policy, the organisation's switch, a budget.

The sender is told before the message is stored where it goes to one person (`UrgentSends`); in other rooms each
recipient's policy decides when it is delivered.
"""

from collections.abc import Callable

import orjson

from kaftalk_protocol import redis_keys
from kaftalk_protocol.errors import Code, Refused
from kaftalk_protocol.ids import RoomId, UserId
from kaftalk_protocol.instants import instant_text
from kaftalk_protocol.quiet_records import PierceReason
from kaftalk_protocol.quiet_state import QuietState
from kaftalk_protocol.records import Message
from kaftalk_runtime.redis_client import Redis, RedisRefused, Script
from kaftalk_views.cursors import muted_until
from kaftalk_views.errors import ViewsLost, ViewUnknown
from kaftalk_views.quiet_states import QuietReads
from kaftalk_views.room_views import facts_of, facts_read
from kaftalk_views.users import Users

URGENT_A_DAY = 3
"""Urgent messages from one sender to one recipient a day (UTC)."""
_DAY_MS = 86_400_000
_KEPT_S = 2 * 86_400

# A message that counts already counts once, also over midnight.
_TAKE = Script("""
for _, key in ipairs(KEYS) do
  if redis.call('SISMEMBER', key, ARGV[1]) == 1 then return 1 end
end
if redis.call('SCARD', KEYS[1]) >= tonumber(ARGV[2]) then return 0 end
redis.call('SADD', KEYS[1], ARGV[1])
redis.call('EXPIRE', KEYS[1], ARGV[3])
return 1
""")


def reason_to_pierce(state: QuietState, message: Message, *, direct: bool, bot: bool) -> PierceReason | None:
    """Say by what right a message sounds in its recipient's hold; None if it waits. The budget counts beside it.

    A VIP's messages sound unless they are silent; a bot's only if it is a VIP; a message to all never does.
    """
    if message.mention_all or message.notify == "silent" or message.by == state.user:
        return None
    if message.by in state.pierce.vip:
        return "vip"
    if message.notify != "urgent" or bot or not state.urgent_allowed:
        return None
    if direct:
        return "dm" if state.pierce.direct_send_anyway else None
    return "urgent" if state.pierce.urgent_rooms else None


def is_muted(until: str | None, now_ms: int) -> bool:
    """Read a field of a room's mutes: a room that is silent for its member has no alerts either."""
    muted = muted_until(until)
    return muted == "forever" or (muted is not None and muted > now_ms)


class UrgentBudget:
    """Counts urgent messages that pierce, each once."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def take(self, room: RoomId, message: Message, recipients: list[UserId], now_ms: int) -> dict[UserId, bool]:
        """Count a message against what its sender has left with each recipient; False where nothing is left.

        Raises RedisAway, RedisRefused.
        """
        days = [instant_text(ms)[:10] for ms in (now_ms, now_ms - _DAY_MS)]
        args = (f"{room} {message.id}", URGENT_A_DAY, _KEPT_S)
        calls = [_TAKE.call([redis_keys.urgent(one, message.by, day) for day in days], args) for one in recipients]
        replies = await self._redis.many(calls)
        for reply in replies:
            if isinstance(reply, RedisRefused):
                raise reply
        return {one: reply == 1 for one, reply in zip(recipients, replies, strict=True)}


class UrgentSends:
    """Judges `notify: "urgent"` before a message is stored."""

    def __init__(self, redis: Redis, now_ms: Callable[[], int]) -> None:
        self._redis = redis
        self._users = Users(redis)
        self._states = QuietReads(redis)
        self._budget = UrgentBudget(redis)
        self._now_ms = now_ms

    async def check(self, room: RoomId, message: Message) -> None:
        """Let an urgent message of a member go, and count it if it pierces the hold of a direct room's other member.

        Raises Refused: `forbidden` by policy, `rate_limited` if the day's are spent; RedisError, ViewUnavailable.
        """
        allowed, kind, members = await self._read(room)
        if not allowed:
            raise Refused(Code.FORBIDDEN, "urgent messages are switched off here", field="notify")
        others = [user for user in members if user != message.by]
        if kind == "direct" and others:
            await self._check_peer(room, message, UserId(others[0]))

    async def _check_peer(self, room: RoomId, message: Message, peer: UserId) -> None:
        now_ms = self._now_ms()
        state, mute = await self._state(room, peer)
        if state is None or not state.active_at(now_ms):
            return
        sender = await self._users.one(message.by)
        reason = reason_to_pierce(state, message, direct=True, bot=sender is None or sender["kind"] == "bot")
        if reason is None or is_muted(mute, now_ms):
            raise Refused(Code.FORBIDDEN, "nothing may sound in the other's quiet hours", field="notify")
        if reason == "dm" and not (await self._budget.take(room, message, [peer], now_ms))[peer]:
            wait_ms = _DAY_MS - now_ms % _DAY_MS
            raise Refused(Code.RATE_LIMITED, "no urgent messages are left for today", retry_after_ms=wait_ms)

    async def _read(self, room: RoomId) -> tuple[bool, str | None, list[str]]:
        """Give whether anything may be urgent, the room's kind, and up to three of its members: direct ones have two.

        Raises ViewUnknown.
        """
        org, found, members = await self._redis.transaction(
            [
                ("GET", redis_keys.QUIET_ORG),
                facts_read(room),
                ("HRANDFIELD", redis_keys.room_members(room), 3),
            ]
        )
        facts = facts_of(room, found)
        if facts is None:
            raise ViewUnknown(room)
        return org is None or orjson.loads(org)["urgent_allowed"], facts.kind, members

    async def _state(self, room: RoomId, user: UserId) -> tuple[QuietState | None, str | None]:
        """Give a user's quiet hours, None if she has none, and her mute of a room.

        Raises ViewsLost if it is not known.
        """
        states = await self._states.of([user])
        if user not in states:
            raise ViewsLost
        return states[user], await self._redis.run("HGET", redis_keys.room_mutes(room), user)
