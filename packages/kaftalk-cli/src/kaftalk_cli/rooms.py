"""`kaftalk admin`: rooms, and how far delivery is behind."""

from collections import Counter
from typing import Any

from kaftalk_cli.deployment import Deployment
from kaftalk_protocol.errors import Code, Refused
from kaftalk_protocol.ids import UserId
from kaftalk_protocol.records import Ban, Kick
from kaftalk_protocol.topics import Placement
from kaftalk_views.errors import ViewUnknown

ROOMS_A_ROUND = 200


async def listed(deployment: Deployment, text: str) -> list[dict[str, Any]]:
    """List rooms that are not deleted, with `text` in their name or id."""
    rows = [await _shown(deployment, placement) for placement in _live(deployment)]
    return [row for row in rows if text.casefold() in f"{row['name'] or ''} {row['id']}".casefold()]


async def members(deployment: Deployment, text: str) -> list[dict[str, Any]]:
    """List the members of a room. Raises Refused(not_found), ViewUnknown."""
    found = await deployment.views.members(deployment.room(text))
    rows = [{"user": _name(deployment, user), "id": user, "role": member.role, "joined_seq": member.joined_seq}
            for user, member in found.items()]  # fmt: skip
    return sorted(rows, key=lambda row: str(row["user"]))


async def kick(deployment: Deployment, text: str, name: str, *, ban: bool) -> dict[str, Any]:
    """Remove somebody from a room, in the name of its owner, since the log knows no other right.

    Raises Refused: `not_found`, `not_member`, `last_owner` for the only owner.
    """
    room, user = deployment.room(text), deployment.account(name).id
    found = await deployment.views.members(room)
    if user not in found:
        raise Refused(Code.NOT_MEMBER, f"{name} is not a member of this room")
    owners = [other for other, member in found.items() if member.role == "owner" and other != user]
    if not owners:
        raise Refused(Code.LAST_OWNER, f"{name} is the only owner: nobody could act in this room any more")
    made = await deployment.changes.make(room, Kick(user=user, by=owners[0]), everywhere=True)
    if ban:
        made = await deployment.changes.make(room, Ban(user=user, by=owners[0], on=True))
    return {"room": room, "user": user, "seq": made.seq, "banned": ban}


async def lag(deployment: Deployment) -> list[dict[str, Any]]:
    """Count, by shard, the records that are in the logs of live rooms and not yet applied. Raises ReadError."""
    behind: Counter[int] = Counter()
    rooms: Counter[int] = Counter()
    live = _live(deployment)
    for first in range(0, len(live), ROOMS_A_ROUND):
        some = live[first : first + ROOMS_A_ROUND]
        ends = await deployment.log.end_offsets([placement.topic for placement in some])
        heads = await deployment.views.heads(placement.room for placement in some)
        for placement in some:
            shard, head = deployment.views.shard(placement.room), heads.get(placement.room)
            applied = placement.offset(head.applied_seq) + 1 if head and head.epoch == placement.epoch else 0
            behind[shard] += max(0, ends.get(placement.topic, 0) - applied)
            rooms[shard] += 1
    return [{"shard": shard, "rooms": rooms[shard], "records_behind": behind[shard]} for shard in sorted(rooms)]


def _live(deployment: Deployment) -> list[Placement]:
    return [placement for placement in deployment.placements.all() if placement.status == "live"]


async def _shown(deployment: Deployment, placement: Placement) -> dict[str, Any]:
    row: dict[str, Any] = {"id": placement.room, "name": None, "kind": None, "members": None, "archived": None}
    row |= {"epoch": placement.epoch, "head": None}
    try:
        facts = await deployment.views.facts(placement.room)
    except ViewUnknown:
        return row
    return row | {
        "name": facts.name,
        "kind": facts.kind,
        "members": facts.member_count,
        "archived": facts.archived,
        "head": facts.head.seq,
    }


def _name(deployment: Deployment, user: UserId) -> str:
    account = deployment.accounts.book.get(user)
    return account.username if account else "?"
