"""Edits, deletes and reactions: checked against the message as of now, one after the other a connection."""

import asyncio
from dataclasses import dataclass
from typing import Protocol

from kaftalk_gateway import metrics
from kaftalk_gateway.connection import Connection
from kaftalk_gateway.publisher import ack, refusal_of
from kaftalk_gateway.verdicts import Verdicts
from kaftalk_protocol import records
from kaftalk_protocol.client_frames import Delete, Edit, React
from kaftalk_protocol.errors import Code, Refused
from kaftalk_protocol.ids import RoomId, UserId
from kaftalk_protocol.records import Role
from kaftalk_roomlog.errors import AppendRefused, AppendUnknown
from kaftalk_roomlog.partition_queue import Appended
from kaftalk_runtime.logs import get_logger
from kaftalk_runtime.redis_client import RedisError
from kaftalk_views.errors import ViewUnavailable
from kaftalk_views.history import RoomHistory, Target
from kaftalk_views.placements import Placements
from kaftalk_views.room_views import RoomViews

QUEUED_MAX = 32
EMOJI_KINDS_MAX = 20
_APPEND_TIMEOUT_S = 10.0
_RETRY_MS = 1_000

_log = get_logger(__name__)

AnnotationFrame = Edit | Delete | React


class AwaitingWriter(Protocol):
    """Appends and waits for the place."""

    async def append(self, topic: str, value: bytes, *, timeout_s: float = 10.0) -> Appended:
        """Append. Raises AppendUnknown, AppendRefused."""


@dataclass(frozen=True, slots=True)
class InForce:
    """What is asked for holds already, since `seq`."""

    seq: int


class Annotations:
    """Takes `edit`, `delete` and `react` frames."""

    def __init__(
        self, writer: AwaitingWriter, history: RoomHistory, views: RoomViews, placements: Placements, verdicts: Verdicts
    ) -> None:
        self._writer = writer
        self._history = history
        self._views = views
        self._placements = placements
        self._verdicts = verdicts

    def take(self, connection: Connection, frame: AnnotationFrame) -> None:
        """Queue one frame of a member; never awaits."""
        if len(connection.annotations) >= QUEUED_MAX:
            connection.refuse(Code.RATE_LIMITED, "too many unanswered", frame_id=frame.id, retry_after_ms=_RETRY_MS)
            return
        connection.annotations.append(frame)
        if connection.annotating is None:
            connection.annotating = asyncio.create_task(self._work(connection))

    async def _work(self, connection: Connection) -> None:
        try:
            while connection.annotations:
                await self._answer(connection, connection.annotations.popleft())
        finally:
            connection.annotating = None

    async def _answer(self, connection: Connection, frame: AnnotationFrame) -> None:
        try:
            await self._perform(connection, frame)
        except Refused as refused:
            self._refuse(connection, frame, refused)
        except AppendRefused as error:
            self._refuse(connection, frame, refusal_of(error))
        except AppendUnknown:
            unknown = Refused(Code.UNKNOWN_OUTCOME, "it may be stored: ask again", retry_after_ms=_RETRY_MS)
            self._refuse(connection, frame, unknown)
        except (RedisError, ViewUnavailable):
            unavailable = Refused(Code.UNAVAILABLE, "the room is not reachable now", retry_after_ms=_RETRY_MS)
            self._refuse(connection, frame, unavailable)
        except Exception as error:  # noqa: BLE001 - the edge of a task loop
            _log.error("annotation_failed", user=connection.user, exc_info=error)
            self._refuse(connection, frame, Refused(Code.UNAVAILABLE, "not done", retry_after_ms=_RETRY_MS))

    async def _perform(self, connection: Connection, frame: AnnotationFrame) -> None:
        room, user = RoomId(frame.room), connection.user
        written = connection.appended.get(room)
        if written is not None:
            # One's own ack is seen by one's own next request.
            await self._views.wait_applied(room, written)
        access = await self._views.access(room, user)
        role = access.require_member().role
        decided = decide(frame, user, role, await self._history.target(room, user, frame.seq))
        placement = self._placements.get(room)
        if isinstance(decided, InForce):
            connection.write(ack(frame.id, room, (access.facts.head.epoch, decided.seq)))
            return
        if placement is None:
            raise Refused(Code.UNAVAILABLE, "the room is not reachable now", retry_after_ms=_RETRY_MS)
        appended = await self._writer.append(placement.topic, records.encode(decided), timeout_s=_APPEND_TIMEOUT_S)
        seq = placement.seq(appended.offset)
        connection.appended[room] = max(connection.appended.get(room, -1), seq)
        connection.write(ack(frame.id, room, (placement.epoch, seq)))
        self._verdicts.acked(room, seq, connection, frame.id)
        metrics.acks.labels(frame.t).inc()

    def _refuse(self, connection: Connection, frame: AnnotationFrame, refused: Refused) -> None:
        connection.refuse(refused.code, refused.detail, frame_id=frame.id, retry_after_ms=refused.retry_after_ms)
        metrics.errors.labels(refused.code).inc()


def decide(
    frame: AnnotationFrame, user: UserId, role: Role, target: Target
) -> records.Edit | records.Delete | records.Reaction | InForce:
    """Give the record to write, or where what is asked for is in force already.

    Raises Refused.
    """
    if isinstance(frame, Delete):
        return _delete(user, role, target)
    if target.deleted_seq is not None:
        raise Refused(Code.GONE, "the message is deleted")
    return _edit(frame, user, target) if isinstance(frame, Edit) else _react(frame, user, target)


def _edit(frame: Edit, user: UserId, target: Target) -> records.Edit | InForce:
    if target.by != user:
        raise Refused(Code.FORBIDDEN, "only its author may edit a message")
    mentions = [UserId(one) for one in frame.mentions]
    if target.edited_seq is not None and (frame.text, mentions) == (target.text, list(target.mentions)):
        return InForce(target.edited_seq)
    return records.Edit(by=user, target=target.seq, author=target.by, text=frame.text, mentions=mentions)


def _delete(user: UserId, role: Role, target: Target) -> records.Delete | InForce:
    if target.by != user and role == "member":
        raise Refused(Code.FORBIDDEN, "only its author or a moderator may delete a message")
    if target.deleted_seq is not None:
        return InForce(target.deleted_seq)
    return records.Delete(by=user, target=target.seq, author=target.by, media=target.media or None)


def _react(frame: React, user: UserId, target: Target) -> records.Reaction | InForce:
    key = (frame.emoji, user)
    if frame.on == (key in target.reactions):
        # Taking away what was never there changes nothing; the message itself is then the last thing in force.
        return InForce((target.reactions if frame.on else target.taken_back).get(key, target.seq))
    kinds = {emoji for emoji, _ in target.reactions}
    if frame.on and frame.emoji not in kinds and len(kinds) >= EMOJI_KINDS_MAX:
        raise Refused(Code.CONFLICT, f"a message has at most {EMOJI_KINDS_MAX} kinds of reactions")
    return records.Reaction(by=user, target=target.seq, emoji=frame.emoji, on=frame.on)
