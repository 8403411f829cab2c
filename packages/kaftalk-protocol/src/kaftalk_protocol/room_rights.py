"""Who may do what in a room: questions about roles, without a side effect."""

from kaftalk_protocol.ids import UserId
from kaftalk_protocol.records import Role
from kaftalk_protocol.room_facts import RoomFacts

RANKS: dict[Role, int] = {"member": 0, "moderator": 1, "owner": 2}


def rank(state: RoomFacts, user: UserId) -> int:
    """Give 2 for an owner, 1 for a moderator, 0 for a member, -1 for all others; in a direct room nobody has rank."""
    member = state.members.get(user)
    if member is None:
        return -1
    return 0 if state.kind == "direct" else RANKS[member.role]


def may_moderate(state: RoomFacts, user: UserId) -> bool:
    """Rename, kick members, ban, delete others' messages."""
    return rank(state, user) >= RANKS["moderator"]


def may_own(state: RoomFacts, user: UserId) -> bool:
    """Archive, delete, change settings and roles."""
    return rank(state, user) >= RANKS["owner"]


def may_invite(state: RoomFacts, user: UserId) -> bool:
    """Add people and make invites: members too, but in private rooms only if the room lets them."""
    return may_moderate(state, user) or (
        user in state.members and state.kind != "direct" and (state.kind == "public" or state.members_invite)
    )


def is_last_owner(state: RoomFacts, user: UserId) -> bool:
    """Tell whether the room has no owner without `user`."""
    owners = (other for other, member in state.members.items() if member.role == "owner")
    return may_own(state, user) and next((other for other in owners if other != user), None) is None
