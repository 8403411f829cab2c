"""Where a hold begins in a room: asked of the log once a room and instant, not once a person."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, TypeVar

from kaftalk_protocol.topics import Placement
from kaftalk_roomlog.errors import ReadError
from kaftalk_views.errors import HistoryUnavailable
from kaftalk_views.log_range import LogRange
from kaftalk_views.notes import Notes
from kaftalk_views.room_views import Facts, RoomViews
from kaftalk_views.shown_log import PROBE_WINDOW, ShownLog, Stretch

KEPT_MAX = 100_000

_Value = TypeVar("_Value")


class Floor(NamedTuple):
    """Where a room stood when a hold began.

    `prev` is the last shown seq before it, None if the epoch or what is retained of it has none; `seq` is the position
    of that. `cut` says that retention took all that was before, so some of what was held may be gone too.
    """

    seq: int
    prev: int | None
    cut: bool


class _First(NamedTuple):
    """What the time index said when the view stood at `applied_seq` at least; None: nothing so late was in the log."""

    seq: int | None
    applied_seq: int


class Kept(dict[tuple[str, int], _Value]):
    """What logs said for ever, by topic and a number; at the bound the oldest goes and is asked again."""

    def __setitem__(self, key: tuple[str, int], value: _Value) -> None:
        super().__setitem__(key, value)
        if len(self) > KEPT_MAX:
            del self[next(iter(self))]


class HoldStarts:
    """Finds and remembers the first seq whose record is not older than an instant, and the floor below it.

    The facts that are passed in must be read before the time index is asked: what the index does not know of by
    then lies above their head.
    """

    def __init__(self, views: RoomViews, log: LogRange, notes: Notes) -> None:
        self._views = views
        self._log = log
        self._notes = notes
        self._firsts: Kept[_First] = Kept()
        self._floors: Kept[Floor] = Kept()

    async def ask(self, rooms: Iterable[Facts], start_ms: int) -> None:
        """Ask the time index for many rooms at once; those whose log cannot be asked now are left for `first`."""
        unknown = {placement_of(facts).topic: facts for facts in rooms if not self._is_known(facts, start_ms)}
        if not unknown:
            return
        try:
            offsets = await self._log.offsets_at(dict.fromkeys(unknown, start_ms))
        except ReadError:
            return
        for topic, offset in offsets.items():
            self._note(unknown[topic], start_ms, offset)

    async def first(self, facts: Facts, start_ms: int) -> int | None:
        """Give the first seq of the epoch that is not older than an instant; it may lie above the facts' head.

        Raises HistoryUnavailable.
        """
        topic = placement_of(facts).topic
        if not self._is_known(facts, start_ms):
            try:
                self._note(facts, start_ms, (await self._log.offsets_at({topic: start_ms}))[topic])
            except ReadError as error:
                raise HistoryUnavailable(facts.room) from error
        return self._firsts[topic, start_ms].seq

    async def floor(self, facts: Facts, start_ms: int, first: int) -> Floor:
        """Give the last shown seq before a hold that begins at `first`; the epoch's base where nothing was shown.

        Raises ViewUnavailable, RedisAway.
        """
        placement = placement_of(facts)
        key = (placement.topic, start_ms)
        if key not in self._floors:
            await self._notes.complete(facts)
            before = await ShownLog(self._views, self._log, placement).back(first - 1, bool, window=PROBE_WINDOW)
            self._floors[key] = _floor(before, first, placement.base)
        return self._floors[key]

    def _is_known(self, facts: Facts, start_ms: int) -> bool:
        known = self._firsts.get((placement_of(facts).topic, start_ms))
        return known is not None and (known.seq is not None or known.applied_seq >= facts.head.applied_seq)

    def _note(self, facts: Facts, start_ms: int, offset: int | None) -> None:
        placement = placement_of(facts)
        first = None if offset is None else placement.seq(offset)
        self._firsts[placement.topic, start_ms] = _First(first, facts.head.applied_seq)


def placement_of(facts: Facts) -> Placement:
    """Tell where the log is that a view was made of."""
    return Placement(facts.room, epoch=facts.head.epoch, base=facts.head.base)


def _floor(before: Stretch, first: int, base: int) -> Floor:
    if before.shown:
        return Floor(before.shown[-1].seq, before.shown[-1].seq, cut=False)
    if before.first > base:
        return Floor(first - 1, None, cut=before.first == first)
    return Floor(base, None, cut=False)
