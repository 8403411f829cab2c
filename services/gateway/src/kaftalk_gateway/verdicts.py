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


@dataclass(slots=True)
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
        """Call `stored` with the message's place once its event is seen; `seq` is where a copy of it is known to be."""
        found = feed.message_seq(user, message_id) if feed is not None else None
        if feed is not None and found is not None:
            stored((feed.epoch, found))
            return
        now = asyncio.get_running_loop().time()
        waiting = [one for one in self._expected.get(room, ()) if one.until > now]
        self._expected[room] = [
            *waiting[-_EXPECTED_A_ROOM:],
            _Expected(user, message_id, seq, stored, now + _EXPECTED_S),
        ]

    def delivered(self, feed: Feed, entries: Sequence[Entry]) -> None:
        """See whether an expected message is among those that were delivered."""
        expected = self._expected.get(feed.room)
        if not expected:
            return
        for entry in entries:
            for one in [one for one in expected if all(mark in entry.event.frame for mark in one.marks)]:
                expected.remove(one)
                one.stored((entry.event.epoch, entry.seq))
        if not expected:
            del self._expected[feed.room]

    def voided(self, notice: Voided, feed: Feed | None) -> None:
        """Take the owner's word that a record is void."""
        if notice.reason == _DUPLICATE:
            self._original(notice, feed)
            return
        asked = self._acked.pop((notice.room, notice.seq), None)
        if asked is not None:
            self._tell(*asked, notice.reason)
            return
        self._early[(notice.room, notice.seq)] = notice.reason
        if len(self._early) > _VOIDS_KEPT:
            del self._early[next(iter(self._early))]
        if feed is not None:
            # Stored, so acked first; the `error` follows it.
            self._settle(notice, (feed.epoch, notice.seq))

    def _original(self, notice: Voided, feed: Feed | None) -> None:
        """Answer who waits for a record that turned out a repeat, with its original's place if that is at hand."""
        for one in self._expected.get(notice.room, ()):
            if one.seq == notice.seq and feed is not None:
                seq = feed.message_seq(one.user, one.message_id)
                self._settle(notice, None if seq is None else (feed.epoch, seq))
                return

    def _settle(self, notice: Voided, place: tuple[int, int] | None) -> None:
        expected = self._expected.get(notice.room, [])
        for one in [one for one in expected if one.seq == notice.seq]:
            expected.remove(one)
            one.stored(place)

    def _tell(self, connection: Connection, frame_id: str, reason: str) -> None:
        connection.refuse(reason, "the room did not take it", frame_id=frame_id)
        metrics.errors.labels(reason).inc()
