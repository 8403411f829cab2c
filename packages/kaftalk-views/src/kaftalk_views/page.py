"""Which items a page has and what it claims to cover. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from kaftalk_views.projection import Shown


class Cut(NamedTuple):
    """The items of a page: all that is visible in `(start, to]`."""

    items: list[Shown]
    start: int
    to: int
    has_before: bool
    has_after: bool


def ending(found: Sequence[Shown], to: int, limit: int, *, floor: int) -> Cut:
    """Cut a page that ends at `to`: the last `limit` items found; one more says that something is before.

    `floor` is the first seq that is visible at all.
    """
    items = list(found[-limit:])
    more = len(found) > limit
    start = items[0].seq - 1 if more else min(floor - 1, to)
    return Cut(items, start, to, more, has_after=False)


def beginning(found: Sequence[Shown], start: int, head: int, limit: int) -> Cut:
    """Cut a page that begins behind `start`: the first `limit` items found, up to the head if there are no more."""
    items = list(found[:limit])
    more = len(found) > limit
    to = items[-1].seq if more else max(start, head)
    return Cut(items, start, to, has_before=False, has_after=more)


def surrounding(before: Cut, after: Cut, limit: int) -> Cut:
    """Join a page that ends at a seq with the one that begins behind it, and keep `limit` items, half on each side
    where both sides have so many."""
    back = min(len(before.items), max(limit - limit // 2, limit - len(after.items)))
    ahead = limit - back
    early, late = before.items[len(before.items) - back :], after.items[:ahead]
    has_before = before.has_before or back < len(before.items)
    has_after = after.has_after or ahead < len(after.items)
    start = early[0].seq - 1 if has_before else before.start
    to = (late[-1].seq if late else after.start) if has_after else after.to
    return Cut([*early, *late], start, to, has_before, has_after)


def fit(cut: Cut, sizes: Sequence[int], bytes_max: int, *, anchor: int) -> Cut:
    """Shorten a page to `bytes_max` of items, one item at least: what is farthest from the seq `anchor` goes."""
    low, high, total = 0, len(sizes), sum(sizes)
    while total > bytes_max and high - low > 1:
        if anchor - cut.items[low].seq >= cut.items[high - 1].seq - anchor:
            total -= sizes[low]
            low += 1
        else:
            high -= 1
            total -= sizes[high]
    if high - low == len(sizes):
        return cut
    kept = cut.items[low:high]
    return Cut(
        kept,
        kept[0].seq - 1 if low else cut.start,
        kept[-1].seq if high < len(sizes) else cut.to,
        cut.has_before or low > 0,
        cut.has_after or high < len(sizes),
    )


def body(cut: Cut, epoch: int, as_of: int, events: list[dict[str, Any]]) -> dict[str, Any]:
    """Give the page as JSON has it."""
    return {
        "epoch": epoch, "from": cut.start, "to": cut.to, "as_of": as_of, "items": events,
        "has_before": cut.has_before, "has_after": cut.has_after,
    }  # fmt: skip
