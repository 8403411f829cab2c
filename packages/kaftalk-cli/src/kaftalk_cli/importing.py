"""`kaftalk import`: make an exported room again, with its times, seqs, people and media."""

from collections.abc import AsyncIterator
from typing import Any

from kaftalk_cli.archive import Archive
from kaftalk_cli.deployment import Deployment
from kaftalk_cli.media_files import MediaFiles
from kaftalk_protocol.errors import Code, Refused
from kaftalk_protocol.ids import RoomId, UserId
from kaftalk_protocol.topics import Placement
from kaftalk_roomlog.restoring import LogRestorer
from kaftalk_roomlog.topics import Topics
from kaftalk_rooms.account_book import StoredAccount
from kaftalk_views.placements import publish

SUFFIX_CHARS = 6


async def import_room(deployment: Deployment, media: MediaFiles, archive: Archive) -> dict[str, Any]:
    """Make the room under its own id; gives what was made.

    People whom this deployment does not know become accounts that cannot sign in, so that what they wrote has an
    author. Everything is read and proven before anything is written.

    Raises Refused(conflict) if there is or was such a room, BrokenArchive, TopicsRefused, BrokerUnreachable, StoreAway.
    """
    archive.verify()
    room = RoomId(archive.manifest["room"])
    if deployment.placements.get(room) is not None:
        raise Refused(Code.CONFLICT, f"there is or was a room {room} here")
    made = [user for row in archive.users() if (user := await _person(deployment, row)) is not None]
    files = [await media.restore(row, archive) for row in archive.media()]
    placement = Placement(room, epoch=0, base=archive.manifest["first_seq"] or 0)
    kafka = deployment.settings.kafka()
    topics = Topics(kafka, replication=deployment.settings.replication)
    await topics.start()
    try:
        records = await LogRestorer(kafka, topics).restore(placement.topic, _values(archive))
    finally:
        await topics.stop()
    await publish(deployment.writer, placement)
    return {"room": room, "records": records, "accounts_made": len(made), "media": len(files)}


async def _values(archive: Archive) -> AsyncIterator[tuple[int, bytes]]:
    for record in archive.records():
        yield record.ts, record.value.encode()


async def _person(deployment: Deployment, row: dict[str, Any]) -> UserId | None:
    """Make an account for one whom nobody knows here; gives its id."""
    user = UserId(row["id"])
    if deployment.accounts.book.get(user) is not None:
        return None
    wanted = row["username"] or "gone"
    is_free = deployment.accounts.book.owner_of(wanted) is None
    username = wanted if is_free else f"{wanted[: 31 - SUFFIX_CHARS]}-{user[:SUFFIX_CHARS]}"
    name = row["display_name"] or username
    await deployment.accounts.restore(
        StoredAccount(user, username, name, "", row["created_ms"], kind=row["kind"], active=False)
    )
    return user
