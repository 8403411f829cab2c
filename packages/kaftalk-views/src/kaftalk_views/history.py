"""What a member may read of a room: pages and single messages as of now, and raw what she missed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import orjson

from kaftalk_protocol.deliveries import RoomEvent
from kaftalk_protocol.errors import Code, Refused
from kaftalk_protocol.ids import MediaId, RoomId, UserId
from kaftalk_protocol.records import Edit, Media, Message
from kaftalk_protocol.topics import Placement
from kaftalk_roomlog.errors import OutOfRange
from kaftalk_views.annotations import blank, hide
from kaftalk_views.errors import HistoryUnavailable, Reset
from kaftalk_views.log_range import LogRange
from kaftalk_views.notes import Notes
from kaftalk_views.overlays import Overlays, read_deleted, read_overlays
from kaftalk_views.page import Cut, beginning, body, ending, fit, surrounding
from kaftalk_views.projection import Shown
from kaftalk_views.room_views import Facts, RoomViews
from kaftalk_views.shown_log import PROBE_WINDOW, ShownLog, items

MISSED_MAX = 5_000
EXTENSIONS_MAX = 20


@dataclass(frozen=True, slots=True)
class Missed:
    """The raw events of `(start, to]`, in order."""

    epoch: int
    start: int
    to: int
    events: list[RoomEvent]


@dataclass(frozen=True, slots=True)
class Target:
    """A message that somebody wants to change, as of now.

    `reactions` maps (emoji, user) to the seq in force, `taken_back` to where the reaction was taken back.
    """

    seq: int
    by: UserId
    message: Message
    text: str
    mentions: list[UserId]
    edited_seq: int | None
    deleted_seq: int | None
    reactions: dict[tuple[str, UserId], int]
    taken_back: dict[tuple[str, UserId], int]

    @property
    def media(self) -> list[MediaId]:
        """The ids of the media objects it sent."""
        return [MediaId(part["id"]) for part in self.message.media if "id" in part]

    @property
    def deleted(self) -> bool:
        """Whether it is deleted."""
        return self.deleted_seq is not None


class RoomHistory:
    """Reads rooms for members: view and log together, nothing above what the view has applied.

    Methods that take a viewer raise Refused (`not_member`, `not_found`) where the viewer may not read; all raise
    ViewUnavailable and RedisAway where it cannot be told now.
    """

    def __init__(self, views: RoomViews, log: LogRange, notes: Notes) -> None:
        self._views = views
        self._log = log
        self._notes = notes

    async def page(
        self,
        room: RoomId,
        viewer: UserId,
        *,
        before: int | None = None,
        after: int | None = None,
        around: int | None = None,
        limit: int = 50,
        bytes_max: int | None = None,
    ) -> dict[str, Any]:
        """Give a page as JSON has it: the newest items, or those before, after or around a seq.

        It has `limit` items unless what is visible ends, or `bytes_max` of them is reached.
        """
        facts, floor = await self._open(room, viewer)
        reader = _PageReader(self._views, self._shown_log(facts), facts.head.seq, floor, limit)
        if before is not None:
            cut, anchor = await reader.before(min(before - 1, facts.head.seq)), before
        elif after is not None:
            cut, anchor = await reader.after(min(after, facts.head.seq)), after
        elif around is not None:
            cut, anchor = await reader.around(min(around, facts.head.seq)), around
        else:
            cut, overlays = await reader.newest()
            return _finish(cut, overlays, viewer, bytes_max, anchor=cut.to)
        overlays = await read_overlays(self._views, room, cut.items, epoch=facts.head.epoch)
        return _finish(cut, overlays, viewer, bytes_max, anchor=anchor)

    async def message(self, room: RoomId, viewer: UserId, seq: int) -> dict[str, Any]:
        """Give one item as of now; a deleted message is one of kind `deleted`."""
        found = (await self.page(room, viewer, around=seq, limit=1))["items"]
        if not found or found[0]["seq"] != seq:
            raise _no_message()
        return dict(found[0])

    async def target(self, room: RoomId, viewer: UserId, seq: int) -> Target:
        """Give a message as of now with all that its changing depends on.

        Raises Refused `not_found` if there is no such message, or none that the viewer may read.
        """
        facts, floor = await self._open(room, viewer)
        one = await self._shown_log(facts).one(seq) if floor <= seq <= facts.head.seq else None
        if one is None or not isinstance(one.record, Message):
            raise _no_message()
        overlay = (await read_overlays(self._views, room, [one], epoch=facts.head.epoch)).by_seq[seq]
        edited = overlay.edited or {"text": one.record.text, "mentions": one.record.mentions, "seq": None}
        deleted_seq = overlay.deleted["seq"] if overlay.deleted else None
        return Target(
            seq, one.record.by, one.record, edited["text"], edited["mentions"], edited["seq"], deleted_seq,
            dict(overlay.reactions), dict(overlay.taken_back),
        )  # fmt: skip

    async def missed(
        self, room: RoomId, viewer: UserId | None, position: tuple[int, int], head: int | None = None
    ) -> Missed:
        """Give all events that are visible in `(position, head]`, raw; what is deleted by now is blank.

        So are edits of messages that the viewer may not read, and what their media look like.

        Without a viewer nothing is left out for membership's sake (a gateway that repairs a gap). The head is the
        view's, unless a higher one is asked for, which is then waited for.
        Raises Reset if the position cannot be resumed.
        """
        facts, floor = await self._open_missed(room, viewer, head)
        epoch, seq = position
        to = facts.head.seq if head is None else min(head, facts.head.seq)
        if epoch != facts.head.epoch:
            raise Reset("epoch", facts.head.epoch, facts.head.seq)
        if viewer is not None and seq + 1 < floor:
            raise Reset("retention", facts.head.epoch, facts.head.seq)
        shown = await self._read_missed(facts, max(seq + 1, facts.head.base), to)
        if viewer is not None:
            shown = [_readable(one, floor) for one in shown]
        placement = self._shown_log(facts).placement
        return Missed(epoch, seq, to, [one.event(placement) for one in await self._blanked(room, shown)])

    async def _open(self, room: RoomId, viewer: UserId) -> tuple[Facts, int]:
        access = await self._views.access(room, viewer)
        floor = access.facts.floor(access.require_member())
        await self._notes.complete(access.facts)
        return access.facts, floor

    async def _open_missed(self, room: RoomId, viewer: UserId | None, head: int | None) -> tuple[Facts, int]:
        if head is not None and not await self._views.wait_applied(room, head):
            raise HistoryUnavailable(room)
        if viewer is None:
            facts = await self._views.facts(room)
            await self._notes.complete(facts)
            return facts, facts.head.base
        try:
            return await self._open(room, viewer)
        except Refused as error:
            raise Reset("not_member") from error

    async def _read_missed(self, facts: Facts, first: int, to: int) -> list[Shown]:
        shown: list[Shown] = []
        if first > to:
            return shown
        log = self._shown_log(facts)
        try:
            async for chunk in log.forward(first, to, prev=await log.before(first)):
                shown += chunk
                if len(shown) > MISSED_MAX:
                    raise Reset("too_far", facts.head.epoch, facts.head.seq)
        except OutOfRange as error:
            log.retained(error, above=first)
            raise Reset("retention", facts.head.epoch, facts.head.seq) from error
        return shown

    async def _blanked(self, room: RoomId, shown: list[Shown]) -> list[Shown]:
        targets = {one.seq: target for one in shown if (target := _text_of(one)) is not None}
        deleted = await read_deleted(self._views, room, sorted(set(targets.values())))
        return [replace(one, value=blank(one.value)) if targets.get(one.seq) in deleted else one for one in shown]

    def _shown_log(self, facts: Facts) -> ShownLog:
        placement = Placement(facts.room, epoch=facts.head.epoch, base=facts.head.base)
        return ShownLog(self._views, self._log, placement)


class _PageReader:
    """Collects the items of one page; `floor` is the first seq that the viewer may read."""

    def __init__(self, views: RoomViews, log: ShownLog, head: int, floor: int, limit: int) -> None:
        self._views = views
        self._log = log
        self._head = head
        self._floor = floor
        self._limit = limit

    async def before(self, to: int) -> Cut:
        """Collect what ends at `to`."""
        cut, _ = await self._ending(to)
        return cut._replace(has_after=await self._any_after(to))

    async def after(self, start: int) -> Cut:
        """Collect what begins behind `start`; where the log begins above it, behind that."""
        try:
            return await self._beginning(start)
        except OutOfRange as error:
            start = self._log.retained(error, above=start) - 1
        try:
            return await self._beginning(start)
        except OutOfRange as error:
            raise HistoryUnavailable(self._log.placement.room) from error

    async def around(self, seq: int) -> Cut:
        """Collect what lies around `seq`, itself included."""
        early, _ = await self._ending(seq)
        return surrounding(early, await self.after(seq), self._limit)

    async def newest(self) -> tuple[Cut, Overlays]:
        """Collect what ends at the head, and what lies over it as of exactly that head."""
        log, head = self._log, self._head
        cut, shown = await self._ending(head)
        for _ in range(EXTENSIONS_MAX):
            overlays = await read_overlays(self._views, log.placement.room, cut.items, epoch=log.placement.epoch)
            if overlays.facts.head.seq == head:
                return cut, overlays
            prev = shown[-1].seq if shown else None
            async for chunk in log.forward(head + 1, overlays.facts.head.seq, prev=prev, window=PROBE_WINDOW):
                shown += chunk
            head = overlays.facts.head.seq
            cut = ending(items(shown, self._floor), head, self._limit, floor=cut.start + 1)
        raise HistoryUnavailable(log.placement.room)

    async def _ending(self, to: int) -> tuple[Cut, list[Shown]]:
        found = await self._log.back(to, self._enough, window=self._limit + self._limit // 4 + 2)
        floor = max(self._floor, found.first) if found.at_start else self._floor
        return ending(items(found.shown, self._floor), to, self._limit, floor=floor), found.shown

    def _enough(self, shown: Sequence[Shown]) -> bool:
        return bool(shown) and (shown[0].seq < self._floor or len(items(shown, self._floor)) > self._limit)

    def _probed(self, shown: Sequence[Shown]) -> bool:
        return bool(shown) and (shown[0].seq < self._floor or bool(items(shown, self._floor)))

    async def _beginning(self, start: int) -> Cut:
        anchor = await self._log.back(start, self._probed, window=PROBE_WINDOW)
        prev = anchor.shown[-1].seq if anchor.shown else None
        first, found = max(start + 1, self._log.placement.base), list[Shown]()
        async for chunk in self._log.forward(first, self._head, prev=prev, window=self._limit + 2):
            found += items(chunk, self._floor)
            if len(found) > self._limit:
                break
        cut = beginning(found, start, self._head, self._limit)
        return cut._replace(has_before=bool(items(anchor.shown, self._floor)))

    async def _any_after(self, seq: int) -> bool:
        first = max(seq + 1, self._floor)
        try:
            async for chunk in self._log.forward(first, self._head, prev=None, window=PROBE_WINDOW):
                if items(chunk, self._floor):
                    return True
        except OutOfRange as error:
            return self._log.retained(error, above=first) <= self._head
        return False


def _finish(cut: Cut, overlays: Overlays, viewer: UserId, bytes_max: int | None, *, anchor: int) -> dict[str, Any]:
    events = {one.seq: overlays.event(one, viewer) for one in cut.items}
    if bytes_max is not None:
        cut = fit(cut, [len(orjson.dumps(event)) + 1 for event in events.values()], bytes_max, anchor=anchor)
    head = overlays.facts.head
    return body(cut, head.epoch, head.seq, [events[one.seq] for one in cut.items])


def _text_of(one: Shown) -> int | None:
    """Give the seq of the message whose text or media an event carries."""
    match one.record:
        case Message():
            return one.seq
        case Edit() | Media():
            return one.record.target
    return None


def _readable(one: Shown, floor: int) -> Shown:
    """Give an event as those may see it who may read from `floor` on."""
    if isinstance(one.record, Edit | Media) and (one.record.target or 0) < floor:
        return replace(one, value=hide(one.value))
    return one


def _no_message() -> Refused:
    return Refused(Code.NOT_FOUND, "there is no such message")
