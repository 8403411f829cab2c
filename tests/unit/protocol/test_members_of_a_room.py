"""Void rules of joins, leaves, kicks, bans, roles and invites."""

import pytest

from kaftalk_protocol.records import Ban, Invite, Join, Kick, Leave, RoleChange, Room
from kaftalk_protocol.room_state import BANS_MAX, INVITES_MAX, MEMBERS_MAX, Member, Reason, RoomState
from kaftalk_testing.room_logs import ANN, BOB, CYD, DAN, RoomScript


def added(user: str, by: str, role: str = "member") -> Join:
    return Join.model_validate({"user": user, "by": by, "how": "add", "role": role})


def invited(user: str, digest: str = "aa") -> Join:
    return Join.model_validate({"user": user, "by": user, "how": "invite", "invite": digest})


def alone(user: str) -> Join:
    return Join.model_validate({"user": user, "by": user})


def test_a_public_room_is_joined_by_oneself_and_membership_starts_at_the_join() -> None:
    room = RoomScript()
    assert room.add(alone(BOB)) is None
    assert room.state.members[BOB] == Member("member", 1)


@pytest.mark.parametrize(
    "record", [Join(user=BOB, by=CYD), Join(user=BOB, by=ANN), Join(user=BOB, by=BOB, role="owner")]
)
def test_joining_is_for_oneself_and_gives_no_rank(record: Join) -> None:
    assert RoomScript().add(record) == Reason.FORBIDDEN


def test_a_private_room_is_not_joined_by_oneself() -> None:
    assert RoomScript("private").add(alone(BOB)) == Reason.FORBIDDEN


def test_a_join_of_a_member_is_void() -> None:
    room = RoomScript().enter(BOB)
    assert [room.add(record) for record in (alone(BOB), added(BOB, ANN))] == [Reason.CONFLICT] * 2


def test_a_join_over_the_limit_is_void() -> None:
    stored = RoomScript().state.to_json()
    crowd = [f"20000000-0000-4000-8000-{i:012x}" for i in range(MEMBERS_MAX - 2)]
    stored["members"].update({user: ["member", 0] for user in crowd})
    state = RoomState.from_json(stored)
    assert state.apply(1, 0, alone(BOB)).taken
    assert state.apply(2, 0, alone(CYD)).reason == Reason.CONFLICT
    assert state.apply(3, 0, Leave(user=BOB)).taken
    assert state.apply(4, 0, alone(CYD)).taken


def test_a_banned_one_cannot_join_by_herself_nor_by_invite() -> None:
    room = RoomScript()
    room.add(Invite(by=ANN, invite="aa"))
    assert room.add(Ban(user=BOB, by=ANN, on=True)) is None
    assert [room.add(record) for record in (alone(BOB), invited(BOB))] == [Reason.FORBIDDEN] * 2


def test_being_added_by_who_moderates_lifts_a_ban_but_not_by_a_member() -> None:
    room = RoomScript().enter(CYD).enter(DAN, role="moderator")
    room.add(Ban(user=BOB, by=ANN, on=True))
    assert room.add(added(BOB, CYD)) == Reason.FORBIDDEN
    assert room.add(added(BOB, DAN)) is None
    assert room.state.bans == set()


def test_a_lifted_ban_lets_join_again() -> None:
    room = RoomScript()
    room.add(Ban(user=BOB, by=ANN, on=True))
    room.add(Ban(user=BOB, by=ANN, on=False))
    assert room.add(alone(BOB)) is None


@pytest.mark.parametrize(("kind", "members_invite", "void"), [
    ("public", True, None), ("public", False, None), ("private", True, None), ("private", False, Reason.FORBIDDEN),
])  # fmt: skip
def test_a_member_adds_and_invites_in_a_private_room_only_if_it_lets_her(
    kind: str, members_invite: bool, void: Reason | None
) -> None:
    room = RoomScript(kind, members_invite=members_invite).enter(BOB)  # type: ignore[arg-type]
    assert room.add(added(CYD, BOB)) == void
    assert room.add(Invite(by=BOB, invite="aa")) == void


def test_a_stranger_adds_nobody() -> None:
    assert RoomScript("private").add(added(BOB, CYD)) == Reason.NOT_MEMBER


def test_rank_at_joining_is_given_by_owners_only() -> None:
    room = RoomScript().enter(BOB, role="moderator")
    assert room.add(added(CYD, BOB, "moderator")) == Reason.FORBIDDEN
    assert room.add(added(CYD, ANN, "moderator")) is None


def test_an_invite_opens_a_private_room_until_it_is_spent() -> None:
    room = RoomScript("private")
    room.add(Invite(by=ANN, invite="aa", max_uses=1))
    assert room.add(invited(BOB)) is None
    assert room.state.invites["aa"].uses == 1
    assert room.add(invited(CYD)) == Reason.GONE


def test_an_expired_invite_is_void_by_log_time() -> None:
    room = RoomScript("private")
    room.add(Invite(by=ANN, invite="aa", expires_at=room.now_ms + 100))
    assert room.add(invited(BOB), later_ms=90) is None
    assert room.add(invited(CYD), later_ms=10) == Reason.GONE


def test_a_revoked_invite_is_void_and_an_unknown_one_not_found() -> None:
    room = RoomScript("private")
    room.add(Invite(by=ANN, invite="aa"))
    room.add(Invite(by=ANN, invite="aa", off=True))
    assert room.add(invited(BOB)) == Reason.GONE
    assert room.add(invited(BOB, "zz")) == Reason.NOT_FOUND


def test_an_invite_is_used_for_oneself_and_gives_no_rank() -> None:
    room = RoomScript("private")
    room.add(Invite(by=ANN, invite="aa"))
    assert room.add(Join(user=BOB, by=CYD, how="invite", invite="aa")) == Reason.FORBIDDEN
    assert room.add(Join(user=BOB, by=BOB, how="invite", invite="aa", role="owner")) == Reason.FORBIDDEN
    assert room.state.invites["aa"].uses == 0


def test_an_invite_is_revoked_by_its_maker_or_who_moderates() -> None:
    room = RoomScript().enter(BOB, CYD)
    room.add(Invite(by=BOB, invite="aa"))
    assert room.add(Invite(by=CYD, invite="aa", off=True)) == Reason.FORBIDDEN
    assert room.add(Invite(by=BOB, invite="aa", off=True)) is None
    assert room.add(Invite(by=ANN, invite="aa", off=True)) is None
    assert room.add(Invite(by=ANN, invite="zz", off=True)) == Reason.NOT_FOUND


@pytest.mark.parametrize(("record", "void"), [
    (Invite(by=ANN, invite="aa"), Reason.CONFLICT), (Invite(by=ANN, invite=""), Reason.INVALID),
    (Invite(by=ANN, invite="bb", max_uses=0), Reason.INVALID),
])  # fmt: skip
def test_an_invite_is_made_once_and_for_at_least_one_use(record: Invite, void: Reason) -> None:
    room = RoomScript()
    room.add(Invite(by=ANN, invite="aa"))
    assert room.add(record) == void


def test_invites_are_bounded_and_dead_ones_make_room() -> None:
    room = RoomScript()
    for i in range(INVITES_MAX):
        room.add(Invite(by=ANN, invite=f"d{i}"))
    assert room.add(Invite(by=ANN, invite="more")) == Reason.CONFLICT
    room.add(Invite(by=ANN, invite="d7", off=True))
    assert room.add(Invite(by=ANN, invite="more")) is None
    assert room.state.take_forgotten().invites == ["d7"]


def test_who_leaves_is_no_member_any_more() -> None:
    room = RoomScript().enter(BOB)
    assert room.add(Leave(user=BOB)) is None
    assert room.add(Leave(user=BOB)) == Reason.NOT_MEMBER


def test_the_last_owner_leaves_only_with_a_successor_who_is_a_member() -> None:
    room = RoomScript().enter(BOB)
    assert room.add(Leave(user=ANN)) == Reason.LAST_OWNER
    assert room.add(Leave(user=ANN, successor=CYD)) == Reason.NOT_FOUND
    assert room.add(Leave(user=ANN, successor=ANN)) == Reason.FORBIDDEN
    assert room.add(Leave(user=ANN, successor=BOB)) is None
    assert room.state.members[BOB].role == "owner"


def test_the_last_owner_cannot_leave_even_alone() -> None:
    assert RoomScript().add(Leave(user=ANN)) == Reason.LAST_OWNER


def test_an_owner_among_owners_leaves_freely() -> None:
    assert RoomScript().enter(BOB, role="owner").add(Leave(user=ANN)) is None


def test_nobody_below_an_owner_names_a_successor() -> None:
    room = RoomScript().enter(CYD).enter(BOB, role="moderator")
    assert room.add(Leave(user=BOB, successor=CYD)) == Reason.FORBIDDEN


@pytest.mark.parametrize(("by", "user", "void"), [
    (ANN, BOB, None), (ANN, CYD, None), (BOB, CYD, None), (BOB, ANN, Reason.FORBIDDEN), (CYD, BOB, Reason.FORBIDDEN),
    (ANN, ANN, Reason.FORBIDDEN), (CYD, CYD, Reason.FORBIDDEN), (ANN, DAN, Reason.NOT_FOUND),
    (CYD, DAN, Reason.FORBIDDEN), (DAN, CYD, Reason.NOT_MEMBER),
])  # fmt: skip
def test_a_kick_needs_a_higher_rank(by: str, user: str, void: Reason | None) -> None:
    room = RoomScript().enter(BOB, role="moderator").enter(CYD)
    assert room.add(Kick.model_validate({"user": user, "by": by})) == void


def test_a_moderator_kicks_no_moderator_but_an_owner_kicks_an_owner() -> None:
    room = RoomScript().enter(BOB, CYD, role="moderator").enter(DAN, role="owner")
    assert room.add(Kick(user=CYD, by=BOB)) == Reason.FORBIDDEN
    assert room.add(Kick(user=ANN, by=DAN)) is None


@pytest.mark.parametrize(("by", "user", "void"), [
    (ANN, BOB, None), (BOB, CYD, None), (BOB, DAN, None), (BOB, ANN, Reason.FORBIDDEN), (CYD, DAN, Reason.FORBIDDEN),
    (ANN, ANN, Reason.FORBIDDEN), (DAN, CYD, Reason.NOT_MEMBER),
])  # fmt: skip
def test_a_ban_needs_what_a_kick_needs(by: str, user: str, void: Reason | None) -> None:
    room = RoomScript().enter(BOB, role="moderator").enter(CYD)
    assert room.add(Ban.model_validate({"user": user, "by": by, "on": True})) == void
    assert (user in room.state.bans) == (void is None)


def test_bans_are_bounded() -> None:
    stored = RoomScript().state.to_json()
    stored["bans"] = [f"30000000-0000-4000-8000-{i:012x}" for i in range(BANS_MAX)]
    state = RoomState.from_json(stored)
    assert state.apply(1, 0, Ban(user=BOB, by=ANN, on=True)).reason == Reason.CONFLICT


@pytest.mark.parametrize(("by", "user", "role", "void"), [
    (ANN, CYD, "moderator", None), (ANN, CYD, "owner", None), (ANN, BOB, "member", None),
    (BOB, CYD, "moderator", Reason.FORBIDDEN), (CYD, CYD, "owner", Reason.FORBIDDEN),
    (ANN, DAN, "member", Reason.NOT_FOUND), (ANN, ANN, "member", Reason.LAST_OWNER), (ANN, ANN, "owner", None),
])  # fmt: skip
def test_roles_are_given_by_owners_and_one_owner_stays(by: str, user: str, role: str, void: Reason | None) -> None:
    room = RoomScript().enter(BOB, role="moderator").enter(CYD)
    assert room.add(RoleChange.model_validate({"user": user, "by": by, "role": role})) == void


def test_an_owner_steps_down_while_another_stays() -> None:
    room = RoomScript().enter(BOB, role="owner")
    assert room.add(RoleChange(user=ANN, role="member", by=ANN)) is None
    assert room.add(RoleChange(user=BOB, role="member", by=BOB)) == Reason.LAST_OWNER


@pytest.mark.parametrize("record", [
    alone(CYD), added(CYD, ANN), invited(CYD), Leave(user=ANN), Kick(user=BOB, by=ANN),
    Ban(user=BOB, by=ANN, on=True), RoleChange(user=BOB, role="owner", by=ANN), Invite(by=ANN, invite="aa"),
    Room(by=ANN, name="x"), Room(by=ANN, archived=True), Room(by=ANN, deleted=True),
])  # fmt: skip
@pytest.mark.parametrize("rank", ["member", "owner"])
def test_a_direct_room_has_two_people_for_ever(record: Join, rank: str) -> None:
    room = RoomScript("direct", members={ANN: rank, BOB: rank})
    assert room.add(record) == Reason.FORBIDDEN
