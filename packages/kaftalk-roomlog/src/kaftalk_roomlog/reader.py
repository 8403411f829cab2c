"""Following many room logs at once by small fetch sessions.

The broker looks at every partition of a session for each fetch, so many small sessions beat a large one: one per shard
and leading broker, with a long wait. A session cannot be told of a new room while its fetch waits, so a new room starts
in an intake session with a short wait, and its shard's session takes it over before its own next fetch.
"""

import asyncio
import logging
import time
from collections import deque
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

from kaftalk_roomlog import figures
from kaftalk_roomlog.cluster import Leaders, Wire
from kaftalk_roomlog.errors import BrokerUnreachable
from kaftalk_roomlog.fetch_session import FetchSession
from kaftalk_roomlog.offsets import EARLIEST, LATEST, list_offsets
from kaftalk_roomlog.placing import place_forever
from kaftalk_roomlog.records import LogRecord, Partition, Undecodable, decode
from kaftalk_runtime.kafka import Kafka

log = logging.getLogger(__name__)

INTAKE = "intake"
SHARD_WAIT_MS = 1_000
INTAKE_WAIT_MS = 20
BUFFER_BYTES_MAX = 32 << 20
RETRY_S = 0.1
UNKNOWN_AFTER_S = 10.0
CORRUPT_MAX = 3
BATCH_OVERHEAD_BYTES = 200

OFFSET_OUT_OF_RANGE = 1
CORRUPT_MESSAGE = 2


@dataclass(frozen=True, slots=True)
class LogBatch:
    """New records of one log, in order; `high_watermark` is the log's end as the broker knew it."""

    topic: str
    records: list[LogRecord]
    high_watermark: int
    partition: int = 0


class Trouble(StrEnum):
    """Why a log is not followed any more."""

    OUT_OF_RANGE = "out_of_range"
    UNKNOWN_TOPIC = "unknown_topic"
    CORRUPT = "corrupt"
    OVERSIZE = "oversize"


@dataclass(frozen=True, slots=True)
class LogTrouble:
    """A log that cannot be read on; it is left alone until it is removed and added again.

    `position` is where it stands, `log_start` and `high_watermark` what the broker holds (-1 if unknown).
    """

    topic: str
    kind: Trouble
    position: int
    log_start: int = -1
    high_watermark: int = -1
    partition: int = 0


@dataclass(slots=True, eq=False)
class _Track:
    """A followed log."""

    place: Partition
    position: int
    shard: int
    intake: bool
    session: "_Session | None" = None
    unknown_since: float | None = None
    corrupt: int = 0


class _Buffered(NamedTuple):
    track: _Track
    news: LogBatch | LogTrouble
    size: int


@dataclass(slots=True)
class ReaderCounts:
    """Counters since the start, for metrics."""

    fetches: int = 0
    full_fetches: int = 0
    records: int = 0
    sessions_lost: int = 0
    sessionless: int = 0
    unanswered: int = 0
    troubles: dict[str, int] = field(default_factory=dict)


class RoomLogReader:
    """Follows logs from given offsets on. What it has fetched waits for `poll`, bounded: then fetching stops."""

    def __init__(self, kafka: Kafka, *, wait_ms: int = SHARD_WAIT_MS, unknown_after_s: float = UNKNOWN_AFTER_S) -> None:
        self._wire = Wire(kafka)
        self._leaders = Leaders(self._wire)
        self._wait_ms = wait_ms
        self._unknown_after_s = unknown_after_s
        self._tracks: dict[Partition, _Track] = {}
        self._unplaced: set[_Track] = set()
        self._sessions: dict[tuple[int | str, int], _Session] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._wake_placer = asyncio.Event()
        self._placer: asyncio.Task[None] | None = None
        self._buffer: deque[_Buffered] = deque()
        self._buffer_bytes = 0
        self._news = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self.counts = ReaderCounts()
        figures.readers.add(self)

    async def start(self) -> None:
        """Connect.

        Raises:
            KafkaUnreachable: no broker answered.
        """
        await self._wire.start()
        if self._placer is None:
            self._placer = asyncio.create_task(
                place_forever(self._unplaced, self._wake_placer, self._place_all), name="roomlog-reader"
            )

    async def stop(self) -> None:
        """Stop fetching and close the connections."""
        tasks = [*self._tasks, *([self._placer] if self._placer else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._wire.stop()

    @property
    def healthy(self) -> bool:
        """Whether all background tasks run; False is for good, so restart the process."""
        return self._placer is not None and not self._placer.done() and self._wire.alive

    @property
    def sessions(self) -> int:
        """Number of fetch sessions."""
        return len(self._sessions)

    def add(self, topic: str, offset: int, *, shard: int, intake: bool = False, partition: int = 0) -> None:
        """Follow a log from an offset on; nothing happens if it is followed already.

        `intake`: it must be heard at once, even while its shard's session waits.
        """
        place = Partition(topic, partition)
        if place not in self._tracks:
            track = self._tracks[place] = _Track(place, offset, shard, intake)
            self._place(track)

    def remove(self, topic: str, *, partition: int = 0) -> None:
        """Follow a log no more; what was fetched of it and not polled is dropped."""
        track = self._tracks.pop(Partition(topic, partition), None)
        if track is not None:
            self._detach(track)
            self._unplaced.discard(track)

    def position(self, topic: str, *, partition: int = 0) -> int | None:
        """Return the offset that is fetched next, None if the log is not followed."""
        track = self._tracks.get(Partition(topic, partition))
        return None if track is None else track.position

    async def poll(self, timeout_s: float = 1.0) -> list[LogBatch | LogTrouble]:
        """Return what is new as soon as something is; empty after `timeout_s`."""
        if not self._buffer:
            try:
                async with asyncio.timeout(timeout_s):
                    await self._news.wait()
            except TimeoutError:
                return []
        taken = [item.news for item in self._buffer if self._tracks.get(item.track.place) is item.track]
        self._buffer.clear()
        self._buffer_bytes = 0
        self._news.clear()
        self._room.set()
        return taken

    def _offer(self, track: _Track, news: LogBatch | LogTrouble, size: int = 0) -> None:
        self._buffer.append(_Buffered(track, news, size))
        self._buffer_bytes += size
        self._news.set()
        if self._buffer_bytes >= BUFFER_BYTES_MAX:
            self._room.clear()

    # Placing: every log belongs to at most one session, that of its shard or the intake, at its leader.

    def _place(self, track: _Track) -> None:
        node = self._leaders.of(track.place)
        if node is None:
            self._unplaced.add(track)
            self._wake_placer.set()
            return
        self._unplaced.discard(track)
        track.unknown_since = None
        waiting = self._sessions.get((track.shard, node))
        use_intake = track.intake and waiting is not None and waiting.fetching
        self._session(INTAKE if use_intake else track.shard, node).attach(track)

    def _session(self, key: int | str, node: int) -> "_Session":
        session = self._sessions.get((key, node))
        if session is None:
            wait_ms = INTAKE_WAIT_MS if key == INTAKE else self._wait_ms
            session = self._sessions[key, node] = _Session(self, key, node, wait_ms)
            self._spawn(session.run())
        return session

    def _spawn(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _detach(self, track: _Track) -> None:
        if track.session is not None:
            track.session.detach(track)

    def _replace(self, track: _Track) -> None:
        """Find the leader of a log again."""
        self._detach(track)
        self._leaders.forget([track.place.topic])
        if self._tracks.get(track.place) is track:
            self._unplaced.add(track)
            self._wake_placer.set()

    async def _place_all(self) -> None:
        unknown = await self._leaders.refresh({track.place.topic for track in self._unplaced})
        for track in list(self._unplaced):
            if track.place.topic in unknown:
                self._note_unknown(track)
            elif self._leaders.of(track.place) is not None:
                self._place(track)

    def _note_unknown(self, track: _Track) -> None:
        """A new topic becomes visible after seconds at worst; one that stays away is reported."""
        now = time.monotonic()
        if track.unknown_since is None:
            track.unknown_since = now
        if now - track.unknown_since >= self._unknown_after_s:
            self._unplaced.discard(track)
            self._report(track, Trouble.UNKNOWN_TOPIC)

    def _report(self, track: _Track, kind: Trouble, log_start: int = -1, high_watermark: int = -1) -> None:
        self.counts.troubles[kind] = self.counts.troubles.get(kind, 0) + 1
        topic, partition = track.place
        self._offer(track, LogTrouble(topic, kind, track.position, log_start, high_watermark, partition))

    async def _report_range(self, track: _Track) -> None:
        place = track.place
        try:
            starts = await list_offsets(self._wire, self._leaders, {place: EARLIEST}, group="offsets")
            ends = await list_offsets(self._wire, self._leaders, {place: LATEST}, group="offsets")
            start, end = starts[place], ends[place]
        except (BrokerUnreachable, KeyError):
            await asyncio.sleep(RETRY_S)
            self._replace(track)
            return
        if start <= track.position <= end:
            # The log has come back while we looked: a follower that was behind had become leader for a moment.
            self._replace(track)
        else:
            self._report(track, Trouble.OUT_OF_RANGE, start, end)


class _Session:
    """One fetch session with one broker, and the task that polls it."""

    def __init__(self, reader: RoomLogReader, key: int | str, node: int, wait_ms: int) -> None:
        self._reader = reader
        self._key = key
        self._node = node
        self._wait_ms = wait_ms
        self._fetch = FetchSession()
        self._tracks: dict[Partition, _Track] = {}
        self.fetching = False

    def attach(self, track: _Track) -> None:
        track.session = self
        self._tracks[track.place] = track
        self._fetch.want(track.place, track.position)

    def detach(self, track: _Track) -> None:
        track.session = None
        self._tracks.pop(track.place, None)
        self._fetch.drop(track.place)

    async def run(self) -> None:
        try:
            while self._tracks:
                await self._reader._room.wait()
                self._take_over_intake()
                await self._poll()
        except Exception:
            log.exception("fetch session %s failed", self._key)
            await asyncio.sleep(RETRY_S)
        finally:
            del self._reader._sessions[self._key, self._node]
            for track in list(self._tracks.values()):
                self._reader._replace(track)

    def _take_over_intake(self) -> None:
        """A shard's session takes its logs over; the intake gives away those whose shard has no session any more."""
        sessions = self._reader._sessions
        intake = sessions.get((INTAKE, self._node))
        if intake is None:
            return
        for track in list(intake._tracks.values()):
            if track.shard == self._key or (intake is self and (track.shard, self._node) not in sessions):
                intake.detach(track)
                self._reader._session(track.shard, self._node).attach(track)

    async def _poll(self) -> None:
        counts = self._reader.counts
        counts.fetches += 1
        counts.full_fetches += self._fetch.full_next
        request = self._fetch.request(self._wait_ms)
        self.fetching = True
        try:
            answer = await self._reader._wire.ask(self._node, request, group=("fetch", self._key))
        except BrokerUnreachable as error:
            await self._lost_broker(error)
            return
        finally:
            self.fetching = False
        if not self._fetch.accept(answer.error_code, answer.session_id):
            log.info("fetch session %s begins again: error %d", self._key, answer.error_code)
            counts.sessions_lost += 1
            await asyncio.sleep(RETRY_S if self._fetch.full_next and request.session[1] == 0 else 0)
            return
        counts.sessionless += answer.session_id == 0
        for topic, partitions in answer.topics:
            for number, error_code, high_watermark, *_, message_set in partitions:
                self._take(Partition(topic, number), error_code, high_watermark, message_set)

    async def _lost_broker(self, error: BrokerUnreachable) -> None:
        log.warning("no answer to a fetch: %s", error)
        self._reader.counts.unanswered += 1
        self._fetch.reset()
        await asyncio.sleep(RETRY_S)
        for track in list(self._tracks.values()):
            self._reader._replace(track)

    def _take(self, place: Partition, error_code: int, high_watermark: int, message_set: bytes | None) -> None:
        track = self._tracks.get(place)
        if track is None or not self._fetch.answers(place):
            return
        if error_code:
            self._take_error(track, error_code)
        elif message_set:
            self._take_records(track, high_watermark, message_set)

    def _take_records(self, track: _Track, high_watermark: int, message_set: bytes) -> None:
        try:
            records, position = decode(message_set, track.position)
        except Undecodable:
            self._take_error(track, CORRUPT_MESSAGE)
            return
        if position == track.position:
            self.detach(track)
            self._reader._report(track, Trouble.OVERSIZE, high_watermark=high_watermark)
            return
        track.corrupt = 0
        track.position = position
        self._fetch.want(track.place, position)
        if records:
            self._reader.counts.records += len(records)
            topic, partition = track.place
            batch = LogBatch(topic, records, high_watermark, partition)
            self._reader._offer(track, batch, len(message_set) + BATCH_OVERHEAD_BYTES * len(records))

    def _take_error(self, track: _Track, error_code: int) -> None:
        reader = self._reader
        if error_code == OFFSET_OUT_OF_RANGE:
            self.detach(track)
            reader._spawn(reader._report_range(track))
        elif error_code == CORRUPT_MESSAGE and track.corrupt >= CORRUPT_MAX:
            self.detach(track)
            reader._report(track, Trouble.CORRUPT)
        else:
            # Leader moved, topic gone, storage trouble, or hurt on the way: ask who leads it, then fetch again.
            track.corrupt += error_code == CORRUPT_MESSAGE
            reader._replace(track)
