"""The rules of a room: by the facts before a record, it is obeyed, or void for a reason.

Each rule takes `(state, seq, ts, record)`, changes the facts if the record holds and gives None, else gives the
reason and changes nothing. No I/O, no clock: time is the record's own `ts` (LogAppendTime). Where a rule is not
plain it is said at the rule; together they are the void rules that every folder of a log must share.
"""

from collections.abc import Callable
from typing import Any

from kaftalk_protocol import room_streams as streams
from kaftalk_protocol.ids import UserId
from kaftalk_protocol.records import (
    Ban,
    Delete,
    Edit,
    Invite,
    Join,
    Kick,
    Leave,
    Media,
    Message,
    Reaction,
    RoleChange,
    Room,
)
from kaftalk_protocol.room_facts import BANS_MAX, INVITES_MAX, MEMBERS_MAX, InviteState, Member, Reason, RoomFacts
from kaftalk_protocol.room_rights import is_last_owner, may_invite, may_moderate, may_own, rank

EMOJI_BYTES_MAX = 64


def message(state: RoomFacts, _seq: int, ts: int, record: Message) -> Reason | None:
    """Known identities first: a repeat stays a duplicate, though its sender has gone meanwhile."""
    identity = streams.split_id(record.id)
    if identity is None:
        return Reason.INVALID
    key = (record.by, identity[0])
    if streams.is_taken(state, key, identity[1], ts):
        return Reason.DUPLICATE
    if record.by not in state.members:
        return Reason.NOT_MEMBER
    if state.archived:
        return Reason.ARCHIVED
    streams.note(state, key, identity[1], ts)
    return None


def edit(state: RoomFacts, seq: int, _ts: int, record: Edit) -> Reason | None:
    """Authors only, in archived rooms too: archiving ends messages, not corrections."""
    if record.by not in state.members:
        return Reason.NOT_MEMBER
    if record.by != record.author:
        return Reason.FORBIDDEN
    return _target(record.target, seq)


def delete(state: RoomFacts, seq: int, _ts: int, record: Delete) -> Reason | None:
    """The author, or who moderates."""
    if record.by not in state.members:
        return Reason.NOT_MEMBER
    if record.by != record.author and not may_moderate(state, record.by):
        return Reason.FORBIDDEN
    return _target(record.target, seq)


def reaction(state: RoomFacts, seq: int, _ts: int, record: Reaction) -> Reason | None:
    """Any member; how many kinds a message has is the writer's check, since the state knows no messages."""
    if record.by not in state.members:
        return Reason.NOT_MEMBER
    if not 1 <= len(record.emoji.encode(errors="replace")) <= EMOJI_BYTES_MAX:
        return Reason.INVALID
    return _target(record.target, seq)


def _target(target: int, seq: int) -> Reason | None:
    return None if 0 <= target < seq else Reason.INVALID


def media(_state: RoomFacts, _seq: int, _ts: int, _record: Media) -> Reason | None:
    """Always passes: a service wrote it, nobody asked for it."""
    return None


def join(state: RoomFacts, seq: int, ts: int, record: Join) -> Reason | None:
    """By oneself into a public room, by invite, or added by a member who may; the latter lifts a ban if by rank."""
    if state.kind == "direct":
        return Reason.FORBIDDEN
    if record.user in state.members or len(state.members) >= MEMBERS_MAX:
        return Reason.CONFLICT
    void = _JOINS[record.how](state, ts, record)
    if void is not None:
        return void
    state.bans.discard(record.user)
    state.members[record.user] = Member(record.role, seq)
    return None


def _join_alone(state: RoomFacts, _ts: int, record: Join) -> Reason | None:
    plain = record.user == record.by and record.role == "member"
    welcome = state.kind == "public" and record.user not in state.bans
    return None if plain and welcome else Reason.FORBIDDEN


def _join_added(state: RoomFacts, _ts: int, record: Join) -> Reason | None:
    if record.by not in state.members:
        return Reason.NOT_MEMBER
    allowed = may_moderate if record.user in state.bans else may_invite
    if not allowed(state, record.by) or (record.role != "member" and not may_own(state, record.by)):
        return Reason.FORBIDDEN
    return None


def _join_invited(state: RoomFacts, ts: int, record: Join) -> Reason | None:
    if record.user != record.by or record.role != "member" or record.user in state.bans:
        return Reason.FORBIDDEN
    digest = record.invite or ""
    code = state.invites.get(digest)
    if code is None:
        return Reason.NOT_FOUND
    if code.is_dead(ts):
        return Reason.GONE
    state.invites[digest] = code._replace(uses=code.uses + 1)
    return None


_JOINS: dict[str, Callable[[RoomFacts, int, Join], Reason | None]] = {
    "join": _join_alone,
    "add": _join_added,
    "invite": _join_invited,
}


def leave(state: RoomFacts, _seq: int, _ts: int, record: Leave) -> Reason | None:
    """The last owner names a successor or deletes the room, even if alone; nobody below an owner can name one."""
    if record.user not in state.members:
        return Reason.NOT_MEMBER
    if state.kind == "direct":
        return Reason.FORBIDDEN
    if record.successor is None:
        if is_last_owner(state, record.user):
            return Reason.LAST_OWNER
    else:
        if not may_own(state, record.user) or record.successor == record.user:
            return Reason.FORBIDDEN
        heir = state.members.get(record.successor)
        if heir is None:
            return Reason.NOT_FOUND
        state.members[record.successor] = heir._replace(role="owner")
    del state.members[record.user]
    return None


def kick(state: RoomFacts, _seq: int, _ts: int, record: Kick) -> Reason | None:
    """Owners kick anybody else, moderators kick plain members, nobody kicks herself."""
    if record.by not in state.members:
        return Reason.NOT_MEMBER
    if not _outranks(state, record.by, record.user):
        return Reason.FORBIDDEN
    if record.user not in state.members:
        return Reason.NOT_FOUND
    del state.members[record.user]
    return None


def ban(state: RoomFacts, _seq: int, _ts: int, record: Ban) -> Reason | None:
    """As far as one may kick; a ban says who may not join, the kick is a record of its own."""
    if record.by not in state.members:
        return Reason.NOT_MEMBER
    if not _outranks(state, record.by, record.user):
        return Reason.FORBIDDEN
    if not record.on:
        state.bans.discard(record.user)
        return None
    if len(state.bans) >= BANS_MAX and record.user not in state.bans:
        return Reason.CONFLICT
    state.bans.add(record.user)
    return None


def _outranks(state: RoomFacts, by: UserId, user: UserId) -> bool:
    if by == user or not may_moderate(state, by):
        return False
    return may_own(state, by) or rank(state, user) < rank(state, by)


def role(state: RoomFacts, _seq: int, _ts: int, record: RoleChange) -> Reason | None:
    """Owners change roles, their own too while another owner stays."""
    if record.by not in state.members:
        return Reason.NOT_MEMBER
    if not may_own(state, record.by):
        return Reason.FORBIDDEN
    member = state.members.get(record.user)
    if member is None:
        return Reason.NOT_FOUND
    if record.role != "owner" and is_last_owner(state, record.user):
        return Reason.LAST_OWNER
    state.members[record.user] = member._replace(role=record.role)
    return None


def invite(state: RoomFacts, _seq: int, ts: int, record: Invite) -> Reason | None:
    """Made by who may add people; switched off by its maker or who moderates."""
    if record.by not in state.members:
        return Reason.NOT_MEMBER
    known = state.invites.get(record.invite)
    if record.off:
        return _revoke(state, record, known)
    if not may_invite(state, record.by):
        return Reason.FORBIDDEN
    if not record.invite or (record.max_uses is not None and record.max_uses < 1):
        return Reason.INVALID
    if known is not None or not _has_room_for_invite(state, ts):
        return Reason.CONFLICT
    state.invites[record.invite] = InviteState(record.by, record.expires_at, record.max_uses, 0, False)
    return None


def _revoke(state: RoomFacts, record: Invite, known: InviteState | None) -> Reason | None:
    if known is None:
        return Reason.NOT_FOUND
    if record.by != known.by and not may_moderate(state, record.by):
        return Reason.FORBIDDEN
    state.invites[record.invite] = known._replace(off=True)
    return None


def _has_room_for_invite(state: RoomFacts, ts: int) -> bool:
    if len(state.invites) >= INVITES_MAX:
        dead = [digest for digest, code in state.invites.items() if code.is_dead(ts)]
        for digest in dead:
            del state.invites[digest]
        state.forgotten.invites.extend(dead)
    return len(state.invites) < INVITES_MAX


def room(state: RoomFacts, _seq: int, _ts: int, record: Room) -> Reason | None:
    """Name and topic by who moderates, the rest by an owner; nothing of it in a direct room, and no second creation."""
    if any(part is not None for part in (record.kind, record.members, record.base, record.state)):
        return Reason.CONFLICT
    if record.by not in state.members:
        return Reason.NOT_MEMBER
    owned = (record.history, record.members_invite, record.archived, record.deleted)
    allowed = may_moderate if all(part is None for part in owned) else may_own
    if not allowed(state, record.by):
        return Reason.FORBIDDEN
    if record.deleted is False or record.name == "":
        return Reason.INVALID
    if record.deleted:
        close(state)
    else:
        change(state, record)
    return None


def change(state: RoomFacts, record: Room) -> None:
    """Take over what a room record names; an empty topic is none."""
    if record.name is not None:
        state.name = record.name
    if record.topic is not None:
        state.topic = record.topic or None
    if record.history is not None:
        state.history = record.history
    if record.members_invite is not None:
        state.members_invite = record.members_invite
    if record.archived is not None:
        state.archived = record.archived


def close(state: RoomFacts) -> None:
    """End a room: it has no members any more, and every later record is void."""
    state.deleted = True
    state.members, state.bans, state.invites, state.streams, state.stream_counts = {}, set(), {}, {}, {}


RULES: dict[type[Any], Callable[[Any, int, int, Any], Reason | None]] = {
    Message: message,
    Edit: edit,
    Delete: delete,
    Reaction: reaction,
    Media: media,
    Join: join,
    Leave: leave,
    Kick: kick,
    Ban: ban,
    RoleChange: role,
    Invite: invite,
    Room: room,
}
