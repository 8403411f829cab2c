"""Messages over REST: the same records, checks and answers as over the WebSocket."""

import uuid
from dataclasses import dataclass
from typing import Any

from kaftalk_protocol.errors import Code, Refused
from kaftalk_protocol.ids import RoomId, StreamId, UserId, keyed_stream
from kaftalk_protocol.records import Delete, Edit, Message, Reaction, parse
from kaftalk_protocol.room_state import Reason
from kaftalk_rest.rate_limits import Limit, RateLimits
from kaftalk_roomlog.errors import OutOfRange
from kaftalk_roomlog.ranges import RoomLogRange
from kaftalk_rooms.changes import Made, RoomChanges, refusal
from kaftalk_rooms.membership import Membership
from kaftalk_rooms.shapes import MessagePatch, NewMessage
from kaftalk_views.cursors import ReadCursors
from kaftalk_views.history import RoomHistory, Target
from kaftalk_views.media_views import MediaSends
from kaftalk_views.pierce import UrgentSends
from kaftalk_views.room_views import Access, RoomViews

REACTION_KINDS_MAX = 20
REPEATS_LOOKED_BACK = 20_000


class Messages:
    """Sends, edits, deletes and reacts, and keeps read cursors."""

    def __init__(
        self, membership: Membership, changes: RoomChanges, views: RoomViews, history: RoomHistory,
        cursors: ReadCursors, log: RoomLogRange, sends: "SendRules",
    ) -> None:  # fmt: skip
        self._membership = membership
        self._changes = changes
        self._views = views
        self._history = history
        self._cursors = cursors
        self._log = log
        self._sends = sends

    async def send(self, room: RoomId, by: UserId, asked: NewMessage, key: str | None) -> Made:
        """Send a message; with a key a repeat gives the place of the first, for as long as the room knows the key."""
        access = await self._membership.require_member(room, by)
        await self._sends.count(room, by)
        if access.facts.archived:
            raise refusal(Reason.ARCHIVED)
        _check(asked, access)
        stream = keyed_stream(by, key) if key else StreamId(str(uuid.uuid4()))
        record = Message(
            id=f"{stream}:1", by=by, text=asked.text, reply_to=asked.reply_to, mention_all=asked.mention_all,
            mentions=[UserId(user) for user in dict.fromkeys(asked.mentions)], notify=asked.notify, ext=asked.ext,
        )  # fmt: skip
        record = await self._sends.checked(room, record, asked.media)
        made, void = await self._changes.make_judged(room, record)
        if void == Reason.DUPLICATE:
            return await self._original(room, record, made)
        if void is not None:
            raise refusal(void)
        return made

    async def edit(self, room: RoomId, by: UserId, seq: int, patch: MessagePatch) -> None:
        """Replace the text of an own message; nothing happens if it says so already."""
        target = await self._target(room, by, seq)
        if target.by != by:
            raise Refused(Code.FORBIDDEN, "only the author may edit a message")
        if target.deleted_seq is not None:
            raise Refused(Code.GONE, "the message is deleted")
        mentions = [UserId(user) for user in dict.fromkeys(patch.mentions)]
        if (patch.text, mentions) != (target.text, list(target.mentions)):
            if not patch.text.strip():
                raise Refused(Code.INVALID, "must say something", field="text")
            record = Edit(by=by, target=seq, author=target.by, text=patch.text, mentions=mentions)
            await self._changes.make(room, record)

    async def delete(self, room: RoomId, by: UserId, seq: int) -> None:
        """Take a message away: its author may, and who moderates; nothing happens if it is away already."""
        access = await self._membership.require_member(room, by)
        target = await self._target(room, by, seq)
        moderates = access.facts.kind != "direct" and access.require_member().role != "member"
        if target.by != by and not moderates:
            raise Refused(Code.FORBIDDEN, "only the author or a moderator may delete a message")
        if target.deleted_seq is None:
            await self._changes.make(room, Delete(by=by, target=seq, author=target.by, media=target.media or None))

    async def react(self, room: RoomId, by: UserId, seq: int, emoji: str, *, on: bool) -> None:
        """Put or take away an emoji; nothing happens if it is so already."""
        target = await self._target(room, by, seq)
        if target.deleted_seq is not None:
            raise Refused(Code.GONE, "the message is deleted")
        if ((emoji, by) in target.reactions) == on:
            return
        kinds = {kind for kind, _ in target.reactions}
        if on and emoji not in kinds and len(kinds) >= REACTION_KINDS_MAX:
            raise Refused(Code.CONFLICT, f"a message takes {REACTION_KINDS_MAX} kinds of emoji")
        await self._changes.make(room, Reaction(by=by, target=seq, emoji=emoji, on=on))

    async def read(self, room: RoomId, user: UserId, seq: int) -> bool:
        """Move the read cursor; tells whether it moved, since it never falls."""
        access = await self._membership.require_member(room, user)
        if seq > access.facts.head.seq:
            raise Refused(Code.INVALID, "is above the room's head", field="seq")
        return await self._cursors.advance(room, user, seq)

    async def readers(self, room: RoomId, user: UserId, seq: int) -> int:
        """Count who has read up to a message, its author left out."""
        target = await self._target(room, user, seq)
        return await self._cursors.readers(room, seq, but=target.by)

    async def page(self, room: RoomId, user: UserId, **where: Any) -> dict[str, Any]:
        """Give a page of the history."""
        await self._membership.require_member(room, user)
        return await self._history.page(room, user, **where)

    async def message(self, room: RoomId, user: UserId, seq: int) -> dict[str, Any]:
        """Give one message as of now."""
        await self._membership.require_member(room, user)
        return await self._history.message(room, user, seq)

    async def _target(self, room: RoomId, user: UserId, seq: int) -> Target:
        await self._membership.require_member(room, user)
        return await self._history.target(room, user, seq)

    async def _original(self, room: RoomId, record: Message, repeat: Made) -> Made:
        """Find where a message lies whose key was used before; another message under the same key is a conflict."""
        placement = await self._changes.placement(room)
        before = placement.offset(repeat.seq)
        try:
            async for chunk in self._log.walk_back(placement.topic, before, floor=max(0, before - REPEATS_LOOKED_BACK)):
                for stored in reversed(chunk):
                    earlier = parse(stored.value)
                    if not isinstance(earlier, Message) or (earlier.id, earlier.by) != (record.id, record.by):
                        continue
                    if await self._views.verdict(room, placement.seq(stored.offset)) is None:
                        return _same(earlier, record, Made(placement.epoch, placement.seq(stored.offset)))
        except OutOfRange:
            pass
        raise Refused(Code.CONFLICT, "this was sent before, too long ago to tell where it lies")


@dataclass(frozen=True, slots=True)
class SendRules:
    """What a send must pass besides the rules of its room."""

    limits: RateLimits
    user: Limit
    room: Limit
    media: MediaSends
    urgent: UrgentSends

    async def count(self, to: RoomId, by: UserId) -> None:
        """Count a send against its user and its room."""
        await self.limits.take(self.user, by)
        await self.limits.take(self.room, to)

    async def checked(self, to: RoomId, message: Message, media: list[str]) -> Message:
        """Give the message with its media; refuse an urgent one that the recipient's quiet hours do not let through."""
        message = await self.media.attach(to, message, media)
        if message.notify == "urgent":
            await self.urgent.check(to, message)
        return message


def _same(earlier: Message, record: Message, made: Made) -> Made:
    """Compare what was asked for; what was known of its media then may have changed."""
    objects = [[part.get("id") for part in message.media] for message in (earlier, record)]
    if objects[0] != objects[1] or earlier.model_copy(update={"media": record.media}) != record:
        raise Refused(Code.CONFLICT, "this Idempotency-Key was used with another body")
    return made


def _check(asked: NewMessage, access: Access) -> None:
    if asked.reply_to is not None and asked.reply_to > access.facts.head.seq:
        raise Refused(Code.INVALID, "is above the room's head", field="reply_to")
