"""From where a room is held for a member: asked for where her connections come after the start of the hold."""

from collections.abc import Callable
from typing import Protocol

from kaftalk_gateway.connection import Member
from kaftalk_gateway.feed import Feed
from kaftalk_gateway.holds import first_held
from kaftalk_protocol.ids import RoomId, UserId

_CERTAINLY_AHEAD_MS = 1_000


class HeldRanges(Protocol):
    """Where holds begin, by the logs and views of rooms; raises ViewUnavailable or RedisError."""

    async def floor(self, room: RoomId, start_ms: int) -> int:
        """Give the last shown event before a hold that starts at `start_ms`; the head if nothing is held."""


class HoldFloors:
    """Finds out since which event of a room members are in a hold."""

    def __init__(self, ranges: HeldRanges, now_ms: Callable[[], int]) -> None:
        self._ranges = ranges
        self._now_ms = now_ms

    async def settle(self, feed: Feed, member: Member, lowest: int = -1) -> None:
        """Let the feed know the member's hold, if one is armed; below `lowest` nothing was ever hers.

        Until then none of her connections may hear of the room. Raises ViewUnavailable, RedisError.
        """
        while (plan := member.quiet.armed) is not None and not is_settled(feed, member) and member.user in feed.users:
            if self._now_ms() < plan.start_ms - _CERTAINLY_AHEAD_MS:
                feed.arm(member.user, plan.start_ms)
                return
            epoch, tail_after = feed.epoch, feed.tail_after
            floor = await self._ranges.floor(feed.room, plan.start_ms)
            if member.quiet.armed is plan and feed.epoch == epoch and member.user in feed.users:
                self._settle(feed, member.user, plan.start_ms, floor, tail_after, lowest)

    def _settle(self, feed: Feed, user: UserId, start_ms: int, floor: int, tail_after: int, lowest: int) -> None:
        """Take the answer; what came while it was asked for is compared here.

        The view is ahead of this gateway: a floor below what the gateway knew before it asked is no head.
        """
        if floor < tail_after:
            feed.hold(user, max(floor, lowest))
            return
        later = feed.since(floor)
        if later is None:
            return
        at = first_held((one.event.frame for one in later), start_ms)
        if at is None:
            feed.arm(user, start_ms)
        else:
            feed.hold(user, max(later[at - 1].seq if at else floor, lowest))


def is_settled(feed: Feed, member: Member) -> bool:
    """Tell whether a room may be pushed to a member: she is in no hold, or it is known where it begins there."""
    return member.quiet.armed is None or (feed.holds is not None and feed.holds.knows(member.user))
