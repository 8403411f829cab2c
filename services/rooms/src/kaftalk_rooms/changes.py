"""Change a room: append what is proposed, wait until it is applied, and tell how it was judged."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

from kaftalk_protocol.errors import Code, Refused
from kaftalk_protocol.ids import RoomId
from kaftalk_protocol.records import AnyRecord, encode
from kaftalk_protocol.room_state import Reason, RoomState
from kaftalk_protocol.topics import Placement
from kaftalk_roomlog.errors import RoomLogError
from kaftalk_roomlog.partition_queue import Appended
from kaftalk_roomlog.ranges import RoomLogRange
from kaftalk_roomlog.writer import RoomLogWriter
from kaftalk_runtime.clock import Clock
from kaftalk_runtime.redis_client import RedisError
from kaftalk_views.catch_up import CatchUp
from kaftalk_views.errors import ViewError
from kaftalk_views.placements import Placements, publish
from kaftalk_views.room_views import RoomViews

APPEND_TIMEOUT_S = 5.0
RESENT_LOOK_BACK = 200

_DETAILS = {
    Reason.NOT_MEMBER: "only members may do this",
    Reason.FORBIDDEN: "you have no right to do this here",
    Reason.ARCHIVED: "the room is archived",
    Reason.CONFLICT: "this does not fit the state of the room",
    Reason.GONE: "the invite is spent or expired",
    Reason.LAST_OWNER: "name another owner first, or delete the room",
    Reason.NOT_FOUND: "there is no such thing here",
    Reason.INVALID: "the room does not take this",
}


@dataclass(frozen=True, slots=True)
class Made:
    """Where a change lies in the room's log."""

    epoch: int
    seq: int


class RoomChanges:
    """Appends records to room logs on behalf of requests."""

    def __init__(
        self, writer: RoomLogWriter, log: RoomLogRange, placements: Placements, views: RoomViews, catch_up: CatchUp,
        clock: Clock, *, patience_s: float,
    ) -> None:  # fmt: skip
        self._writer = writer
        self._log = log
        self._placements = placements
        self._views = views
        self._catch_up = catch_up
        self._clock = clock
        self._patience_s = patience_s

    async def placement(self, room: RoomId) -> Placement:
        """Find where a room's log is.

        Raises Refused(not_found).
        """
        placement = self._placements.get(room) or await self._placements.wait_for(room, 0.5)
        if placement is None or placement.status == "deleted":
            raise Refused(Code.NOT_FOUND, "there is no such room")
        return placement

    async def propose(self, room: RoomId, *records: AnyRecord, state: RoomState | None = None) -> None:
        """Judge records as the reducer will, by the view as it is now, so that hardly anything is appended in vain.

        Raises Refused by the first that would be void, ViewUnknown.
        """
        state = state or await self._views.load(room)
        for record in records:
            verdict = state.apply(state.applied_seq + 1, self._clock.now_ms(), record)
            if verdict.reason is not None:
                raise refusal(verdict.reason)

    async def make(self, room: RoomId, record: AnyRecord, *, everywhere: bool = False) -> Made:
        """Append one record; returns when every reader sees it, and with `everywhere` when the gateways have it.

        Raises Refused if it is void, Refused(unknown_outcome) if nobody knows yet.
        """
        made, void = (await self._append(room, [record], everywhere=everywhere))[0]
        if void is not None:
            raise refusal(void)
        return made

    async def make_all(self, room: RoomId, records: Sequence[AnyRecord]) -> list[str | None]:
        """Append records in order; gives for each the reason why it is void, or None."""
        return [void for _, void in await self._append(room, records)]

    async def make_judged(self, room: RoomId, record: AnyRecord) -> tuple[Made, str | None]:
        """Append one record; gives its place and the reason why it is void, or None."""
        return (await self._append(room, [record]))[0]

    async def mark_deleted(self, room: RoomId) -> None:
        """Write into `kaftalk.rooms` that a room is deleted, so that its topic goes a day later."""
        placement = replace(await self.placement(room), status="deleted", deleted_ms=self._clock.now_ms())
        await publish(self._writer, placement, timeout_s=APPEND_TIMEOUT_S)
        self._placements.note(placement)

    async def _append(
        self, room: RoomId, records: Sequence[AnyRecord], *, everywhere: bool = False
    ) -> list[tuple[Made, str | None]]:
        placement = await self.placement(room)
        values = [encode(record) for record in records]
        appended = await self._append_values(placement, values)
        try:
            judged = [await self._judge(placement, *pair) for pair in zip(appended, values, strict=True)]
            if everywhere:
                await self._views.wait_position(room, max(made.seq for made, _ in judged), self._patience_s)
        except (RedisError, RoomLogError, ViewError) as error:
            raise Refused(Code.UNKNOWN_OUTCOME, "stored, but not applied yet") from error
        return judged

    async def _append_values(self, placement: Placement, values: list[bytes]) -> list[Appended]:
        appends = (self._writer.append(placement.topic, value, timeout_s=APPEND_TIMEOUT_S) for value in values)
        results = await asyncio.gather(*appends, return_exceptions=True)
        failed = [result for result in results if isinstance(result, BaseException)]
        if failed and len(values) > 1 and len(failed) < len(results):
            raise Refused(Code.UNKNOWN_OUTCOME, "some of it is stored") from failed[0]
        for result in failed:
            raise result
        return [result for result in results if isinstance(result, Appended)]

    async def _judge(self, placement: Placement, appended: Appended, value: bytes) -> tuple[Made, str | None]:
        seq = placement.seq(appended.offset)
        void = await self._catch_up.settle(placement, seq, patience_s=self._patience_s)
        if void is not None and appended.resent:
            earlier = await self._earlier_copy(placement, appended.offset, value)
            if earlier is not None:
                return Made(placement.epoch, earlier), None
        return Made(placement.epoch, seq), void

    async def _earlier_copy(self, placement: Placement, before: int, value: bytes) -> int | None:
        """Find the first copy of a record that was sent twice: it counts, and the second is void because of it."""
        start = max(0, before - RESENT_LOOK_BACK)
        for stored in await self._log.read(placement.topic, start, before):
            seq = placement.seq(stored.offset)
            if stored.value == value and await self._views.verdict(placement.room, seq) is None:
                return seq
        return None


def refusal(reason: str) -> Refused:
    """Tell a client why the reducer would not take its record."""
    if reason == Reason.DUPLICATE:
        return Refused(Code.CONFLICT, "this was said before")
    return Refused(Code(reason), _DETAILS[Reason(reason)])
