"""Records whose fate only the room's log tells: acked ones that turn out void, and ones of unknown fate."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from kaftalk_gateway import metrics
from kaftalk_gateway.connection import Connection
from kaftalk_gateway.feed import Entry, Feed
from kaftalk_protocol.deliveries import Voided
from kaftalk_protocol.ids import RoomId, UserId

_DUPLICATE = "duplicate"
_ACKED_KEPT = 20_000
_VOIDS_KEPT = 1_000
_EXPECTED_S = 300.0
_EXPECTED_A_ROOM = 1_000
_PATIENCE_S = 2.0
"""How long an answer waits for the place of a message that is stored; without it the message is found by its id."""


@dataclass(slots=True, eq=False)
class _Expected:
    user: UserId
    message_id: str
    seq: int | None
    stored: Callable[[tuple[int, int] | None], None]
    until: float

    @property
    def marks(self) -> tuple[bytes, bytes]:
        """What the message's event frame holds."""
        return f'"id":"{self.message_id}"'.encode(), f'"by":"{self.user}"'.encode()


class Verdicts:
    """Joins what was answered with what the owner says of it, whichever comes first."""

    def __init__(self) -> None:
        self._acked: dict[tuple[RoomId, int], tuple[Connection, str]] = {}
        self._early: dict[tuple[RoomId, int], str] = {}
        self._expected: dict[RoomId, list[_Expected]] = {}

    def acked(self, room: RoomId, seq: int, connection: Connection, frame_id: str) -> None:
        """Remember an ack for a while: an `error` may have to follow."""
        reason = self._early.pop((room, seq), None)
        if reason == _DUPLICATE:
            return
        if reason is not None:
            self._tell(connection, frame_id, reason)
            return
        self._acked[(room, seq)] = (connection, frame_id)
        if len(self._acked) > _ACKED_KEPT:
            del self._acked[next(iter(self._acked))]

    def expect(
        self,
        feed: Feed | None,
        room: RoomId,
        user: UserId,
        message_id: str,
        seq: int | None,
        stored: Callable[[tuple[int, int] | None], None],
    ) -> None:
        """Call `stored` with the message's place once its event is seen; `seq` is where a copy of it is known to be.

        Where a copy is, the message is stored: an event that does not come soon is not waited for.
        """
        found = feed.message_seq(user, message_id) if feed is not None else None
        if feed is not None and found is not None:
            stored((feed.epoch, found))
            return
        early = self._early.get((room, seq)) if seq is not None else None
        if early is not None:
            stored(None)
            return
        loop = asyncio.get_running_loop()
        one = _Expected(user, message_id, seq, stored, loop.time() + _EXPECTED_S)
        waiting = [other for other in self._expected.get(room, ()) if other.until > loop.time()]
        self._expected[room] = [*waiting[-_EXPECTED_A_ROOM:], one]
        if seq is not None:
            loop.call_later(_PATIENCE_S, self._settle_one, room, one, None)

    def delivered(self, feed: Feed, entries: Sequence[Entry]) -> None:
        """See whether an expected message is among those that were delivered."""
        expected = self._expected.get(feed.room)
        if not expected:
            return
        for entry in entries:
            for one in [one for one in expected if all(mark in entry.event.frame for mark in one.marks)]:
                self._settle_one(feed.room, one, (entry.event.epoch, entry.seq))

    def voided(self, notice: Voided, feed: Feed | None) -> None:
        """Take the owner's word that a record is void; it may come before Kafka's answer."""
        room, seq = notice.room, notice.seq
        asked = self._acked.pop((room, seq), None)
        if asked is not None and notice.reason != _DUPLICATE:
            self._tell(*asked, notice.reason)
        if asked is not None:
            return
        self._early[(room, seq)] = notice.reason
        if len(self._early) > _VOIDS_KEPT:
            del self._early[next(iter(self._early))]
        for one in [one for one in self._expected.get(room, ()) if one.seq == seq]:
            # Stored, so acked first; an `error` follows. Of a repeat the place is its original's.
            found = feed.message_seq(one.user, one.message_id) if feed is not None else None
            self._settle_one(room, one, None if feed is None or found is None else (feed.epoch, found))

    def _settle_one(self, room: RoomId, one: _Expected, place: tuple[int, int] | None) -> None:
        expected = self._expected.get(room, [])
        if one in expected:
            expected.remove(one)
            if not expected:
                del self._expected[room]
            one.stored(place)

    def _tell(self, connection: Connection, frame_id: str, reason: str) -> None:
        connection.refuse(reason, "the room did not take it", frame_id=frame_id)
        metrics.errors.labels(reason).inc()
