"""A deleted account leaves its rooms, in the background: there may be a thousand of them."""

from functools import partial

from kaftalk_protocol.errors import Code, Refused
from kaftalk_protocol.ids import RoomId, UserId
from kaftalk_protocol.room_rights import RANKS
from kaftalk_protocol.room_state import Member
from kaftalk_rooms.membership import Membership
from kaftalk_runtime.tasks import Tasks
from kaftalk_views.room_views import RoomViews

PASSING = (Code.UNAVAILABLE, Code.UNKNOWN_OUTCOME)


class Farewells:
    """Takes people out of their rooms; what fails for now is tried again while this process runs."""

    def __init__(self, membership: Membership, views: RoomViews, tasks: Tasks) -> None:
        self._membership = membership
        self._views = views
        self._tasks = tasks

    def begin(self, user: UserId) -> None:
        """Begin to take somebody out of all rooms but direct ones."""
        self._tasks.run(f"farewell of {user}", partial(self._leave_all, user))

    async def _leave_all(self, user: UserId) -> None:
        for room in sorted(await self._views.rooms_of(user)):
            try:
                await self._leave(room, user)
            except Refused as refused:
                # Whoever changed the room meanwhile has settled it.
                if refused.code in PASSING:
                    raise

    async def _leave(self, room: RoomId, user: UserId) -> None:
        access = await self._membership.require_member(room, user)
        if access.facts.kind == "direct":
            return
        members = await self._views.members(room)
        if len(members) == 1:
            await self._membership.delete(room, user)
        else:
            await self._membership.leave(room, user, successor_of(user, members))


def successor_of(user: UserId, members: dict[UserId, Member]) -> UserId | None:
    """Choose who comes after the last owner: by role, then by the time in the room; None if none is needed."""
    others = {other: member for other, member in members.items() if other != user}
    if members[user].role != "owner" or any(member.role == "owner" for member in others.values()):
        return None
    return min(others, key=lambda other: (-RANKS[others[other].role], others[other].joined_seq, other))
