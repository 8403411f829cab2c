"""The log of a room as its members see it: without void records, each with the seq of the shown one before it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from typing import NamedTuple

from kaftalk_protocol.records import is_item, parse
from kaftalk_protocol.topics import Placement
from kaftalk_roomlog.errors import OutOfRange
from kaftalk_roomlog.records import LogRecord
from kaftalk_views.errors import HistoryUnavailable
from kaftalk_views.log_range import LogRange, chunks, stretch
from kaftalk_views.projection import Shown
from kaftalk_views.room_views import RoomViews

WINDOW_MAX = 1_024
PROBE_WINDOW = 8


class Stretch(NamedTuple):
    """Shown records in order; `first` is the lowest seq that was looked at, `at_start` whether the log begins there.

    The `prev` of the first record is right only if `at_start`.
    """

    shown: list[Shown]
    first: int
    at_start: bool


class ShownLog:
    """Reads one epoch of one room's log; nothing above what its view has applied may be asked for."""

    def __init__(self, views: RoomViews, log: LogRange, placement: Placement) -> None:
        self._views = views
        self._log = log
        self.placement = placement

    async def back(self, last: int, enough: Callable[[Sequence[Shown]], bool], *, window: int) -> Stretch:
        """Read backward from `last` until what was found is enough, or the log begins.

        Raises HistoryUnavailable, RedisAway.
        """
        found: list[Shown] = []
        first, start = last + 1, self.placement.base
        while first > start and not enough(found):
            low = max(first - window, start)
            try:
                records = await stretch(self._log, self.placement, low, first - 1)
            except OutOfRange as error:
                start = min(self.retained(error, above=low), first)
                continue
            found = await self._shown(records) + found
            first, window = low, min(2 * window, WINDOW_MAX)
        return Stretch(_linked(found, None), first, first <= start)

    async def forward(
        self, first: int, last: int, *, prev: int | None, window: int = WINDOW_MAX
    ) -> AsyncIterator[list[Shown]]:
        """Yield what is shown of `[first, last]` in order; `prev` is the last shown seq below `first`.

        Raises OutOfRange if the log begins above `first`; HistoryUnavailable, RedisAway.
        """
        async for records in chunks(self._log, self.placement, first, last, window=window):
            shown = _linked(await self._shown(records), prev)
            prev = shown[-1].seq if shown else prev
            yield shown

    async def before(self, seq: int) -> int | None:
        """Give the last shown seq below `seq`; None if there is none in this epoch, or none retained."""
        found = await self.back(seq - 1, bool, window=PROBE_WINDOW)
        return found.shown[-1].seq if found.shown else None

    async def one(self, seq: int) -> Shown | None:
        """Read the record at `seq`; None if nobody sees it, or it is not retained. Its `prev` is not filled in."""
        if seq < self.placement.base:
            return None
        try:
            found = await self._shown(await stretch(self._log, self.placement, seq, seq))
        except OutOfRange:
            return None
        return found[0] if found else None

    async def _shown(self, records: Sequence[LogRecord]) -> list[Shown]:
        seqs = [self.placement.seq(record.offset) for record in records]
        voids = await self._views.voids(self.placement.room, seqs)
        return [
            Shown(seq, None, record.ts, record.value, parse(record.value))
            for seq, record in zip(seqs, records, strict=True)
            if seq not in voids
        ]

    def retained(self, error: OutOfRange, *, above: int) -> int:
        """Give the seq above `above` at which the log begins.

        Raises HistoryUnavailable if it begins no later: then it was its end that was met, which the view is past.
        """
        start = self.placement.seq(error.start)
        if start <= above:
            raise HistoryUnavailable(self.placement.room) from error
        return start


def items(shown: Sequence[Shown], floor: int) -> list[Shown]:
    """Choose what is an item of pages, from `floor` on."""
    return [one for one in shown if one.seq >= floor and is_item(one.record)]


def _linked(shown: list[Shown], prev: int | None) -> list[Shown]:
    linked = []
    for one in shown:
        linked.append(Shown(one.seq, prev, one.ts, one.value, one.record))
        prev = one.seq
    return linked
