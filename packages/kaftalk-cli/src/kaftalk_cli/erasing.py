"""`kaftalk admin erase`: take what is deleted out of Kafka, and what somebody wrote before that."""

import time
from collections.abc import AsyncIterator
from typing import Any

import orjson

from kaftalk_cli.deployment import Deployment
from kaftalk_protocol import redis_keys
from kaftalk_protocol.deliveries import ERASE_PATH, EraseRoom
from kaftalk_protocol.errors import Code, Refused
from kaftalk_protocol.ids import RoomId, UserId
from kaftalk_protocol.records import Delete, Message, parse
from kaftalk_runtime.internal_auth import InternalKeys
from kaftalk_runtime.internal_http import Answer, InternalHttp, InternalUnreachable

TIMEOUT_S = 600.0
ALIVE_MS = 10_000


async def erase(deployment: Deployment, room: RoomId, author: UserId | None) -> dict[str, Any]:
    """Delete all messages of `author` in a room, if given, then let the room's owner write its log again.

    Raises Refused: `not_found`, `conflict` if the room cannot be written again, `unavailable` if no owner answers.
    """
    deleted = 0 if author is None else await _delete_all(deployment, room, author)
    http = InternalHttp(
        InternalKeys(deployment.settings.internal_keys), tls=deployment.settings.internal_tls, timeout_s=TIMEOUT_S
    )
    try:
        async for answer in _answers(deployment, http, room):
            if answer.is_success:
                return {**orjson.loads(answer.body), "deleted": deleted}
            if answer.status == Code.CONFLICT.status:
                raise Refused(Code.CONFLICT, orjson.loads(answer.body)["detail"])
    finally:
        await http.close()
    raise Refused(Code.UNAVAILABLE, "no delivery instance owns the room now: try again")


async def _answers(deployment: Deployment, http: InternalHttp, room: RoomId) -> AsyncIterator[Answer]:
    """Ask every living delivery instance: all but the owner answer that the room is not theirs."""
    since = time.time_ns() // 1_000_000 - ALIVE_MS
    for entry in await deployment.redis.run("ZRANGEBYSCORE", redis_keys.DELIVERIES, since, "+inf"):
        try:
            yield await http.post(entry.partition("|")[2], ERASE_PATH, EraseRoom(room=room).model_dump_json().encode())
        except InternalUnreachable:
            continue


async def _delete_all(deployment: Deployment, room: RoomId, author: UserId) -> int:
    """Append a deletion for each message of a person; gives how many."""
    members = await deployment.views.members(room)
    owners = [user for user, member in members.items() if member.role == "owner"]
    by = author if author in members else next(iter(owners), None)
    if by is None:
        raise Refused(Code.CONFLICT, "nobody in this room may delete messages")
    placement = await deployment.changes.placement(room)
    end = await deployment.log.end_offset(placement.topic)
    start = (await deployment.log.bounds(placement.topic)).start
    seqs = [
        placement.seq(stored.offset)
        async for records in deployment.log.walk_forward(placement.topic, start, stop=end)
        for stored in records
        if isinstance(record := parse(stored.value), Message) and record.by == author
    ]
    voids = await deployment.changes.make_all(room, [Delete(by=by, target=seq, author=author) for seq in seqs])
    return sum(void is None for void in voids)
