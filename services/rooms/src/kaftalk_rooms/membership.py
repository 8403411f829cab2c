"""Who is in a room and as what: joins, additions, invites, roles, kicks, leaving, and the room's own settings."""

from collections.abc import Collection, Sequence
from typing import Any

from kaftalk_protocol.errors import Code, Refused
from kaftalk_protocol.ids import RoomId, UserId
from kaftalk_protocol.records import AnyRecord, Ban, Invite, Join, Kick, Leave, Role, RoleChange, Room
from kaftalk_protocol.room_state import InviteState, Member, Reason, RoomState
from kaftalk_rest.kept_answers import Place
from kaftalk_rooms.account_book import AccountBook
from kaftalk_rooms.changes import RoomChanges, refusal
from kaftalk_rooms.invite_codes import InviteCodes, digest_of, room_of
from kaftalk_rooms.shapes import NewInvite, RoomPatch
from kaftalk_runtime.clock import Clock
from kaftalk_views.errors import ViewUnknown
from kaftalk_views.placements import Placements
from kaftalk_views.room_views import Access, Facts, RoomViews, unknown_room


class Membership:
    """Checks who may, then changes the room by its log."""

    def __init__(
        self, views: RoomViews, placements: Placements, changes: RoomChanges, book: AccountBook, codes: InviteCodes,
        clock: Clock, *, user_rooms_max: int,
    ) -> None:  # fmt: skip
        self._views = views
        self._placements = placements
        self._changes = changes
        self._book = book
        self._codes = codes
        self._clock = clock
        self._user_rooms_max = user_rooms_max

    # --- who may see what ---

    async def access(self, room: RoomId, user: UserId) -> Access:
        """Tell what a room is and what the user is in it.

        Raises Refused(not_found) for rooms that do not exist, are deleted, or that the user must not know of.
        """
        try:
            access = await self._views.access(room, user)
        except ViewUnknown:
            placement = self._placements.get(room)
            if placement is None or placement.status == "deleted":
                raise unknown_room() from None
            raise
        if access.facts.deleted or (access.member is None and access.facts.kind != "public"):
            raise unknown_room()
        return access

    async def require_member(self, room: RoomId, user: UserId) -> Access:
        """Give the access of a member.

        Raises Refused: `not_member` in a public room, else `not_found`.
        """
        access = await self.access(room, user)
        access.require_member()
        return access

    async def facts(self, room: RoomId) -> Facts:
        """Tell what a room is, to one who has the right to know by an invite."""
        return await self._views.facts(room)

    async def member(self, room: RoomId, user: UserId) -> Member | None:
        """Tell what a user is in a room."""
        return await self._views.member(room, user)

    # --- becoming a member ---

    async def join(self, room: RoomId, user: UserId) -> None:
        """Join a public room; nothing happens if the user is a member."""
        if (await self.access(room, user)).member is None:
            await self.check_rooms_of([user])
            await self._join(room, Join(user=user, by=user))

    async def add(self, room: RoomId, by: UserId, users: Sequence[UserId]) -> None:
        """Add people, all or nobody; who is a member already stays as she is.

        Raises Refused(invalid) if there is no such person.
        """
        await self.require_member(room, by)
        state = await self._views.load(room)
        self.check_users(users, field="user_ids")
        joins = [Join(user=user, by=by, how="add") for user in dict.fromkeys(users) if user not in state.members]
        if not joins:
            await self._may_invite(room, by, state)
            return
        await self._changes.propose(room, *joins, state=state)
        await self.check_rooms_of([join.user for join in joins])
        for void in await self._changes.make_all(room, joins):
            if void not in (None, Reason.CONFLICT):
                raise refusal(str(void))

    async def accept(self, code: str, user: UserId) -> RoomId:
        """Join by an invite; nothing happens if the user is a member.

        Raises Refused: `not_found` for no invite, `gone` for a spent, expired or revoked one.
        """
        room, _ = await self.invited(code)
        if await self._views.member(room, user) is None:
            await self.check_rooms_of([user])
            await self._join(room, Join(user=user, by=user, how="invite", invite=digest_of(code)))
        return room

    async def _join(self, room: RoomId, join: Join) -> None:
        await self._changes.propose(room, join)
        _, void = await self._changes.make_judged(room, join)
        # She may have joined from another device meanwhile.
        if void is not None and await self._views.member(room, join.user) is None:
            raise refusal(void)

    # --- invites ---

    async def invited(self, code: str) -> tuple[RoomId, InviteState]:
        """Find the room and the state of an invite that still works.

        Raises Refused: `not_found`, `gone`.
        """
        room = room_of(code)
        invite = await self._views.invite(room, digest_of(code)) if room else None
        if room is None or invite is None:
            await self._known(room)
            raise Refused(Code.NOT_FOUND, "there is no such invite")
        if invite.is_dead(self._clock.now_ms()):
            raise refusal(Reason.GONE)
        return room, invite

    async def _known(self, room: RoomId | None) -> None:
        """See that a room whose invite was not found is not merely lost from Redis."""
        placement = self._placements.get(room) if room else None
        if room is not None and placement is not None and placement.status == "live":
            await self._views.facts(room)

    async def invites(self, room: RoomId, user: UserId) -> list[tuple[str | None, InviteState]]:
        """List the invites that still work, with their codes where they can be made again.

        Raises Refused(forbidden) if the user may not invite.
        """
        await self.require_member(room, user)
        state = await self._views.load(room)
        await self._may_invite(room, user, state.copy())
        codes = self._codes.by_digest(room)
        now = self._clock.now_ms()
        return [(codes.get(digest), invite) for digest, invite in state.invites.items() if not invite.is_dead(now)]

    async def invite(self, room: RoomId, by: UserId, asked: NewInvite, place: Place) -> tuple[str, InviteState]:
        """Make an invite and give its code; a repeat of the same request finds the one of its first try."""
        await self.require_member(room, by)
        state = await self._views.load(room)
        await self._may_invite(room, by, state.copy())
        expires_at = self._clock.now_ms() + asked.expires_in * 1000
        for candidate in self._codes.unused(room, state.invites):
            code = await place.claim(candidate)
            record = Invite(by=by, invite=digest_of(code), expires_at=expires_at, max_uses=asked.max_uses)
            _, void = await self._changes.make_judged(room, record)
            made = await self._views.invite(room, record.invite)
            if made is not None and (void is None or (made.by == by and code != candidate)):
                return code, made
            if void not in (None, Reason.CONFLICT):
                raise refusal(str(void))
        raise Refused(Code.CONFLICT, "the room has too many invites")

    async def revoke(self, room: RoomId, by: UserId, code: str) -> None:
        """Switch an invite off."""
        await self.require_member(room, by)
        invite = await self._views.invite(room, digest_of(code))
        if invite is None or room_of(code) != room:
            raise Refused(Code.NOT_FOUND, "there is no such invite")
        await self._change(room, Invite(by=by, invite=digest_of(code), off=True), needed=not invite.off)

    async def _may_invite(self, room: RoomId, user: UserId, state: RoomState) -> None:
        state.invites.clear()
        await self._changes.propose(room, Invite(by=user, invite="0" * 64), state=state)

    # --- roles, and going ---

    async def set_role(self, room: RoomId, by: UserId, user: UserId, role: Role) -> None:
        """Give a member another role."""
        await self.require_member(room, by)
        member = await self._views.member(room, user)
        needed = member is None or member.role != role
        await self._change(room, RoleChange(user=user, role=role, by=by), needed=needed)

    async def leave(self, room: RoomId, user: UserId, successor: UserId | None) -> None:
        """Go; the last owner names who comes after her. Answered when the gateways have it."""
        await self.require_member(room, user)
        if successor is not None and await self._views.member(room, successor) is None:
            raise Refused(Code.INVALID, "is not a member", field="successor")
        await self._change(room, Leave(user=user, successor=successor), everywhere=True)

    async def kick(self, room: RoomId, by: UserId, user: UserId, *, ban: bool) -> None:
        """Remove a member, and with `ban` see that she stays away. Answered when the gateways have it."""
        access = await self.require_member(room, by)
        if access.facts.kind == "direct":
            raise refusal(Reason.FORBIDDEN)
        member = await self._views.member(room, user)
        if member is None and not (ban and self._book.get(user)):
            raise refusal(Reason.NOT_FOUND)
        if ban:
            await self._change(room, Ban(user=user, by=by, on=True), everywhere=member is None)
        if member is not None:
            await self._change(room, Kick(user=user, by=by), everywhere=True)

    # --- the room itself ---

    async def patch(self, room: RoomId, by: UserId, patch: RoomPatch) -> None:
        """Change what the patch names; null takes the topic away and is no value for the rest."""
        await self.require_member(room, by)
        named: dict[str, Any] = patch.model_dump(include=patch.model_fields_set)
        for field, value in named.items():
            if value is None and field != "topic":
                raise Refused(Code.INVALID, "cannot be taken away", field=field)
        if "topic" in named:
            named["topic"] = named["topic"] or ""
        if named:
            await self._change(room, Room(by=by, **named))

    async def set_archived(self, room: RoomId, by: UserId, *, archived: bool) -> None:
        """Close a room for messages, or open it again. Answered when the gateways have it."""
        access = await self.require_member(room, by)
        needed = access.facts.archived != archived
        await self._change(room, Room(by=by, archived=archived), everywhere=True, needed=needed)

    async def delete(self, room: RoomId, by: UserId) -> None:
        """End a room for good. Answered when the gateways have it."""
        await self.require_member(room, by)
        await self._change(room, Room(by=by, deleted=True), everywhere=True)
        await self._changes.mark_deleted(room)

    async def _change(self, room: RoomId, record: AnyRecord, *, everywhere: bool = False, needed: bool = True) -> None:
        """Append a record if it is `needed`: who has no right to it is refused where nothing would change, too."""
        await self._changes.propose(room, record)
        if needed:
            await self._changes.make(room, record, everywhere=everywhere)

    # --- bounds ---

    def check_users(self, users: Collection[UserId], *, field: str) -> None:
        """See that all these people exist and are active.

        Raises Refused(invalid).
        """
        for user in users:
            account = self._book.get(user)
            if account is None or not account.active:
                raise Refused(Code.INVALID, f"there is no user {user}", field=field)

    async def check_rooms_of(self, users: Sequence[UserId]) -> None:
        """See that nobody gets into too many rooms.

        Raises Refused(conflict).
        """
        rooms = await self._views.rooms_of_many(users)
        if any(len(of_user) >= self._user_rooms_max for of_user in rooms.values()):
            raise Refused(Code.CONFLICT, f"nobody can be in over {self._user_rooms_max} rooms")
