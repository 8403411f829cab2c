"""What the gateway asks the views about rooms; every call may raise RedisError or ViewUnavailable."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from kaftalk_gateway.feed import Feed
from kaftalk_protocol import redis_keys
from kaftalk_protocol.errors import Refused
from kaftalk_protocol.ids import RoomId, UserId
from kaftalk_runtime.redis_client import Command, Redis
from kaftalk_views.errors import ViewUnknown
from kaftalk_views.listing import RoomListing
from kaftalk_views.placements import Placements
from kaftalk_views.room_views import Facts, RoomViews, access_reads, facts_of, unknown_room

_ROOMS_AT_ONCE = 100


class Standing(NamedTuple):
    """What a room is, and which of the users that were asked for are no members of it."""

    facts: Facts
    strangers: list[UserId]

    def is_delivered(self, feed: Feed) -> bool:
        """Tell whether all that the view shows has been delivered here: no event that explains it is on its way."""
        return feed.last is not None and feed.last >= self.facts.head.seq


class RoomReads:
    """Questions about rooms and memberships."""

    def __init__(self, redis: Redis, views: RoomViews, listing: RoomListing, placements: Placements) -> None:
        self._redis = redis
        self._views = views
        self._listing = listing
        self._placements = placements

    async def is_member(self, room: RoomId, user: UserId) -> bool:
        """Tell whether a user is a member of a room; no view of a room that exists is "unknown", never "no".

        Raises ViewUnknown.
        """
        try:
            access = await self._views.access(room, user)
        except ViewUnknown:
            placement = self._placements.get(room)
            if placement is not None and placement.status == "live":
                raise
            return False
        return access.member is not None and not access.facts.deleted

    async def refusal(self, room: RoomId, user: UserId) -> Refused | None:
        """Give what one who asks about a room is answered who is no member; None if she is one.

        Raises Refused for a room that does not exist.
        """
        try:
            access = await self._views.access(room, user)
            access.require_member()
        except ViewUnknown:
            if self._placements.get(room) is None:
                return unknown_room()
            raise
        except Refused as refused:
            return refused
        return None

    async def joined_seq(self, room: RoomId, user: UserId) -> int | None:
        """Give the seq at which a member joined; None if she is none."""
        member = await self._views.member(room, user)
        return member.joined_seq if member is not None else None

    async def reached(self, room: RoomId, seq: int) -> bool:
        """Tell whether a room's view has shown `seq`."""
        return (await self._views.head(room)).seq >= seq

    async def entry(self, room: RoomId, user: UserId, hold_ms: int | None = None) -> dict[str, Any] | None:
        """Give a room as in `GET /rooms`, in a hold that began at `hold_ms`; None if it is not the user's."""
        try:
            entry = await self._listing.entry(room, user, hold_ms)
        except Refused:
            return None
        return entry if entry.get("me") else None

    async def standing(self, rooms: Mapping[RoomId, Sequence[UserId]]) -> dict[RoomId, Standing]:
        """Tell what many rooms are and which of some users are no members; those without a view are missing."""
        found: dict[RoomId, Standing] = {}
        asked = list(rooms.items())
        for at in range(0, len(asked), _ROOMS_AT_ONCE):
            found |= await self._standing(asked[at : at + _ROOMS_AT_ONCE])
        return found

    async def _standing(self, asked: Sequence[tuple[RoomId, Sequence[UserId]]]) -> dict[RoomId, Standing]:
        """Read rooms and members as of one moment: who is no member is none as of the head."""
        commands: list[Command] = []
        for room, users in asked:
            commands.append(access_reads(room, UserId(""))[0])
            commands.append(("HMGET", redis_keys.room_members(room), "", *users))
        replies = await self._redis.transaction(commands)
        found = {}
        for (room, users), what, who in zip(asked, replies[::2], replies[1::2], strict=True):
            facts = facts_of(room, what)
            if facts is not None:
                strangers = [user for user, member in zip(users, who[1:], strict=True) if member is None]
                found[room] = Standing(facts, strangers)
        return found

    async def rooms_of(self, users: Iterable[UserId]) -> dict[UserId, set[RoomId]]:
        """Give the ids of the rooms of many users."""
        return await self._views.rooms_of_many(users)
