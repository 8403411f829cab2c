"""Sends: written once, acknowledged when Kafka has them, in each sender's order.

`ack` means stored with acks=all. What became of a record is told by the writer; where the writer cannot tell the
place for sure, by the room's own events (`delivered`) or the owner's verdict (`voided`).
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from functools import partial
from typing import Protocol

from kaftalk_gateway import metrics
from kaftalk_gateway.connection import Connection
from kaftalk_gateway.feed import Entry, Feed, FeedState
from kaftalk_gateway.hub import Hub
from kaftalk_gateway.lane import AHEAD_MAX, Lane, Offer
from kaftalk_gateway.limits import SharedLimits
from kaftalk_gateway.send_checks import SendChecks, needs_checks
from kaftalk_gateway.send_times import SendTimes
from kaftalk_gateway.streams import StreamReads
from kaftalk_gateway.verdicts import Verdicts
from kaftalk_protocol import records, server_frames
from kaftalk_protocol.client_frames import Send
from kaftalk_protocol.errors import Code, Refused
from kaftalk_protocol.ids import RoomId, StreamId, UserId
from kaftalk_protocol.topics import RECORD_BYTES_MAX, Placement
from kaftalk_roomlog.errors import AppendError, AppendRefused, Reason
from kaftalk_roomlog.partition_queue import Appended, OnResult
from kaftalk_runtime.redis_client import RedisError
from kaftalk_views.errors import ViewUnavailable
from kaftalk_views.placements import Placements

QUEUED_MAX = 64
_RETRY_MS = 1_000
_FULL_RETRY_MS = 200
_REASONS = {Reason.TOO_LARGE: Code.TOO_LARGE, Reason.UNKNOWN_TOPIC: Code.NOT_FOUND}

LaneKey = tuple[UserId, StreamId, RoomId]


class LogWriter(Protocol):
    """Appends to topics, in order, bounded."""

    def submit(self, topic: str, value: bytes, on_result: OnResult) -> None:
        """Append; `on_result` is called once. Raises AppendRefused."""


class Sending:
    """One stream's sends in one room: its lane, what waits for a check, and who is to be answered."""

    __slots__ = (
        "asked", "checked", "checking", "key", "lane", "last_refusal", "queue", "repeats_to", "sender",
    )  # fmt: skip

    def __init__(self, key: LaneKey) -> None:
        self.key = key
        self.sender: Connection | None = None
        self.repeats_to = 0
        """Up to this `n` a copy that was sent before may be on its way: where this one is says nothing."""
        self.lane = Lane()
        self.queue: deque[tuple[Connection, Send]] = deque()
        self.asked: dict[int, list[tuple[Connection, str]]] = {}
        self.checked = False
        self.checking: asyncio.Task[None] | None = None
        self.last_refusal = Refused(Code.RATE_LIMITED, "one before this must come first", retry_after_ms=_FULL_RETRY_MS)

    def sent_by(self, connection: Connection, n: int) -> None:
        """Note who sends: what a stream's new socket sends first may be with the gateway it was at before."""
        known = self.sender is not None or connection.stream_known or n > 1
        if connection is not self.sender and known:
            self.doubt(n)
        self.sender = connection

    def doubt(self, n: int) -> None:
        """Note that from message `n` on, as far as a client runs ahead, copies may be on their way."""
        self.repeats_to = max(self.repeats_to, n + AHEAD_MAX)

    def answer(self, n: int, payload_of: "AnswerTo") -> None:
        """Answer all who asked for message `n`."""
        for connection, frame_id in self.asked.pop(n, ()):
            connection.write(payload_of(frame_id))


class AnswerTo(Protocol):
    """Makes the answer to a frame id."""

    def __call__(self, frame_id: str) -> bytes:
        """Give the frame."""


class Publisher:
    """Takes `send` frames of open sessions."""

    def __init__(  # noqa: PLR0913 - the one place where all that a send touches comes together
        self,
        *,
        hub: Hub,
        writer: LogWriter,
        placements: Placements,
        streams: StreamReads,
        limits: SharedLimits,
        checks: SendChecks,
        verdicts: Verdicts,
        times: SendTimes,
    ) -> None:
        self._hub = hub
        self._writer = writer
        self._placements = placements
        self._streams = streams
        self._limits = limits
        self._checks = checks
        self._verdicts = verdicts
        self._times = times
        self._lanes: dict[LaneKey, Sending] = {}

    def send(self, connection: Connection, frame: Send) -> None:
        """Take one message of a member; never awaits."""
        room = RoomId(frame.room)
        sending = self._sending(connection, room)
        sending.sent_by(connection, frame.n)
        if len(sending.queue) >= QUEUED_MAX:
            self._refuse(sending, connection, frame, _full())
            return
        sending.queue.append((connection, frame))
        if sending.checking is not None:
            return
        feed = self._hub.feeds[room]
        if sending.checked and feed.state is FeedState.LIVE:
            self._flush(sending, feed)
        else:
            sending.checking = asyncio.create_task(self._check(sending, feed))

    def turned_away(self, connection: Connection, frame: Send) -> None:
        """Note that a message was refused before it came here: it keeps its turn."""
        self._sending(connection, RoomId(frame.room)).lane.turned_away(frame.n)

    def _sending(self, connection: Connection, room: RoomId) -> Sending:
        key = (connection.user, connection.stream, room)
        sending = self._lanes.get(key)
        if sending is None:
            sending = self._lanes[key] = Sending(key)
        return sending

    def left(self, connection: Connection) -> None:
        """Forget the lanes of a stream whose socket is gone, but what is being written."""
        for room in connection.rooms:
            sending = self._lanes.get((connection.user, connection.stream, room))
            if sending is not None and not sending.lane.unanswered and sending.checking is None:
                del self._lanes[sending.key]

    def delivered(self, feed: Feed, entries: Sequence[Entry]) -> None:
        """See whether a record whose fate is not known has been delivered."""
        self._verdicts.delivered(feed, entries)

    # --- before the first send of a stream, and while the room's events do not come ---

    async def _check(self, sending: Sending, feed: Feed) -> None:
        user, stream, room = sending.key
        refused: Refused | None = None
        try:
            async with asyncio.timeout(5):
                if feed.state is not FeedState.LIVE:
                    refused = await self._streams.refusal(room, user)
                if refused is None and not sending.checked:
                    sending.lane.window = await self._streams.window(room, user, stream)
                    sending.checked = True
        except (RedisError, ViewUnavailable, TimeoutError):
            # Who is a member cannot be confirmed: fail closed. With the room live, its reducer voids repeats.
            if feed.state is not FeedState.LIVE:
                refused = Refused(Code.UNAVAILABLE, "the room is not reachable now", retry_after_ms=_RETRY_MS)
        finally:
            sending.checking = None
        if refused is None:
            self._flush(sending, feed)
        else:
            self._refuse_queued(sending, refused)

    def _refuse_queued(self, sending: Sending, refused: Refused) -> None:
        while sending.queue:
            self._refuse(sending, *sending.queue.popleft(), refused)

    def _flush(self, sending: Sending, feed: Feed) -> None:
        while sending.queue and sending.checking is None:
            connection, frame = sending.queue.popleft()
            if not connection.is_open and frame.n not in sending.asked:
                # Nobody waits for it; the client sends it again where it is.
                continue
            self._offer(sending, feed, connection, frame)

    # --- one message ---

    def _offer(self, sending: Sending, feed: Feed, connection: Connection, frame: Send) -> None:
        match sending.lane.offer(frame.n):
            case Offer.WRITE if needs_checks(frame):
                sending.checking = asyncio.create_task(self._write_checked(sending, feed, connection, frame))
            case Offer.WRITE:
                self._write(sending, feed, connection, frame, message_of(frame, sending.key))
            case Offer.AWAIT:
                sending.asked.setdefault(frame.n, []).append((connection, frame.id))
            case Offer.STORED:
                place = sending.lane.place(frame.n) or self._find(feed, sending, frame.n)
                connection.write(ack(frame.id, feed.room, place, dup=True))
                metrics.acks.labels("dup").inc()
            case Offer.TOO_FAR:
                connection.refuse(Code.INVALID, "n: runs too far ahead", frame_id=frame.id)
            case Offer.FULL:
                self._refuse(sending, connection, frame, _full())
            case Offer.OUT_OF_TURN:
                self._refuse(sending, connection, frame, sending.last_refusal)

    async def _write_checked(self, sending: Sending, feed: Feed, connection: Connection, frame: Send) -> None:
        """Write a message if it passes; what comes after it waits here, and what was spent is spent for good."""
        message, refused = message_of(frame, sending.key), None
        try:
            async with asyncio.timeout(5):
                message = await self._checks.passed(sending.key[2], message, frame)
        except Refused as error:
            refused = error
        except (RedisError, ViewUnavailable, TimeoutError):
            refused = Refused(Code.UNAVAILABLE, "what it needs cannot be looked up now", retry_after_ms=_RETRY_MS)
        finally:
            sending.checking = None
        if refused is None:
            self._write(sending, feed, connection, frame, message)
        else:
            self._refuse(sending, connection, frame, refused, spent=refused.code is Code.RATE_LIMITED)
        self._flush(sending, feed)
        self._drop_idle(sending)

    def _find(self, feed: Feed, sending: Sending, n: int) -> tuple[int, int] | None:
        user, stream, _ = sending.key
        seq = feed.message_seq(user, f"{stream}:{n}")
        return None if seq is None else (feed.epoch, seq)

    def _write(
        self, sending: Sending, feed: Feed, connection: Connection, frame: Send, message: records.Message
    ) -> None:
        user, _, room = sending.key
        now = asyncio.get_running_loop().time()
        placement = self._placements.get(room)
        try:
            self._allow(feed, frame, user, now)
            if placement is None:
                raise Refused(Code.UNAVAILABLE, "the room is not reachable now", retry_after_ms=_RETRY_MS)
            value = records.encode(message)
            if len(value) > RECORD_BYTES_MAX:
                raise Refused(Code.TOO_LARGE, f"a record is over {RECORD_BYTES_MAX} bytes")
            on_result = partial(self._result, sending, frame.n, placement, now)
            self._writer.submit(placement.topic, value, on_result)
        except AppendRefused as error:
            self._refuse(sending, connection, frame, refusal_of(error))
        except Refused as refused:
            self._refuse(sending, connection, frame, refused)
        else:
            sending.asked.setdefault(frame.n, []).append((connection, frame.id))

    def _allow(self, feed: Feed, frame: Send, user: UserId, now: float) -> None:
        if feed.archived:
            raise Refused(Code.ARCHIVED, "the room is archived")
        if frame.reply_to is not None and feed.last is not None and frame.reply_to > feed.last:
            raise Refused(Code.INVALID, "reply_to: is above the room's head", field="reply_to")
        wait_ms = self._limits.take(user, feed.room, now)
        if wait_ms:
            raise Refused(Code.RATE_LIMITED, "too many messages", retry_after_ms=wait_ms)

    def _refuse(
        self, sending: Sending, connection: Connection, frame: Send, refused: Refused, *, spent: bool = False
    ) -> None:
        """Answer an error; one that may pass keeps the message's turn, but not for hours (`spent`)."""
        if spent or refused.retry_after_ms is None:
            sending.lane.given_up(frame.n)
        else:
            sending.lane.refused(frame.n)
            sending.last_refusal = refused
        connection.refuse(refused.code, refused.detail, frame_id=frame.id, retry_after_ms=refused.retry_after_ms)
        metrics.errors.labels(refused.code).inc()

    # --- what became of it ---

    def _result(
        self, sending: Sending, n: int, placement: Placement, since: float, result: Appended | AppendError
    ) -> None:
        if isinstance(result, AppendRefused):
            self._refused(sending, n, refusal_of(result))
        elif isinstance(result, AppendError) or result.resent or n <= sending.repeats_to:
            self._await_verdict(sending, n, placement, result)
        else:
            self._stored(sending, n, (placement.epoch, placement.seq(result.offset)), since)
        self._drop_idle(sending)

    def _stored(
        self, sending: Sending, n: int, place: tuple[int, int] | None, since: float | None, copy: int | None = None
    ) -> None:
        """Answer all who asked for a message that is stored, if not in sight then as a repeat; `copy` is one's seq."""
        sending.lane.answered(n, place)
        room = sending.key[2]
        asked = sending.asked.get(n, ())
        sending.answer(n, lambda frame_id: ack(frame_id, room, place, dup=place is None))
        stored_at = copy if place is None else place[1]
        if stored_at is not None:
            for connection, frame_id in asked:
                connection.appended[room] = max(connection.appended.get(room, -1), stored_at)
                self._verdicts.acked(room, stored_at, connection, frame_id)
        metrics.acks.labels("send").inc()
        if since is not None and place is not None:
            self._times.acked(self._hub.feeds.get(room), room, place[1], since)

    def _refused(self, sending: Sending, n: int, refused: Refused) -> None:
        if refused.retry_after_ms is None:
            sending.lane.given_up(n)
        else:
            sending.lane.refused(n)
            sending.last_refusal = refused
        for connection, frame_id in sending.asked.pop(n, ()):
            connection.refuse(refused.code, refused.detail, frame_id=frame_id, retry_after_ms=refused.retry_after_ms)
        metrics.errors.labels(refused.code).inc()

    def _await_verdict(self, sending: Sending, n: int, placement: Placement, result: Appended | AppendError) -> None:
        """Leave the answer to the room's own events: the offset may be a repeat's, or the record may not be there.

        A record of unknown fate keeps its turn, and is written again when the client sends it again; the room shows
        it once.
        """
        user, stream, room = sending.key
        seq = placement.seq(result.offset) if isinstance(result, Appended) else None
        if seq is None:
            sending.lane.refused(n)
            sending.doubt(n)
        stored = partial(self._stored, sending, n, since=None, copy=seq)
        self._verdicts.expect(self._hub.feeds.get(room), room, user, f"{stream}:{n}", seq, stored)

    def _drop_idle(self, sending: Sending) -> None:
        """Forget the lane if its socket is gone and nothing is being written."""
        user, stream, _ = sending.key
        member = self._hub.members.get(user)
        if sending.lane.unanswered or sending.queue or sending.asked:
            return
        if member is None or all(connection.stream != stream for connection in member.connections):
            self._lanes.pop(sending.key, None)


def message_of(frame: Send, key: LaneKey) -> records.Message:
    """Make the record of a `send`, but for its media."""
    user, stream, _ = key
    return records.Message(
        id=f"{stream}:{frame.n}",
        by=user,
        text=frame.text,
        reply_to=frame.reply_to,
        mentions=[UserId(one) for one in frame.mentions],
        mention_all=frame.mention_all,
        notify=frame.notify,
        ext=frame.ext,
    )


def ack(frame_id: str, room: RoomId, place: tuple[int, int] | None, *, dup: bool = False) -> bytes:
    """Write an `ack` frame."""
    epoch, seq = place if place is not None else (None, None)
    return server_frames.Ack(id=frame_id, room=room, epoch=epoch, seq=seq, dup=True if dup else None).encode()


def refusal_of(error: AppendRefused) -> Refused:
    """Translate why the writer refused a record."""
    code = _REASONS.get(error.reason)
    if code is not None:
        return Refused(code, "the record cannot be stored")
    return Refused(Code.UNAVAILABLE, "the room cannot be written now", retry_after_ms=_RETRY_MS)


def _full() -> Refused:
    return Refused(Code.RATE_LIMITED, "too many unanswered", retry_after_ms=_FULL_RETRY_MS)
