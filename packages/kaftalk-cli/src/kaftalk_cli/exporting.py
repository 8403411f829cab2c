"""`kaftalk export`: write one room into a folder."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from kaftalk_cli.archive import ArchivedRecord, ArchiveWriter
from kaftalk_cli.deployment import Deployment
from kaftalk_cli.media_files import MediaFiles
from kaftalk_protocol.ids import MediaId, RoomId, UserId
from kaftalk_protocol.records import AnyRecord, Message, parse
from kaftalk_protocol.topics import Placement

_NAMING = ("by", "user", "author")


async def export_room(deployment: Deployment, media: MediaFiles, room: RoomId, folder: Path) -> dict[str, Any]:
    """Write all that the log of the room's epoch holds, its people and its media; gives the manifest.

    Void records and deleted messages that Kafka still has are in it: what the log is, not what people see.

    Raises FileExistsError, ReadError, StoreAway.
    """
    placement = deployment.placements.get(room) or Placement(room)
    bounds = await deployment.log.bounds(placement.topic)
    archive, people, sent = ArchiveWriter(folder, room), set[UserId](), list[MediaId]()
    async for records in deployment.log.walk_forward(placement.topic, bounds.start, stop=bounds.end):
        for stored in records:
            archive.add(ArchivedRecord(placement.seq(stored.offset), stored.ts, stored.value.decode()))
            record = parse(stored.value)
            people |= _people(record)
            sent += _media(record)
    facts = await deployment.views.facts(room)
    files = [row for one in dict.fromkeys(sent) if (row := await media.save(one, archive)) is not None]
    told = {"name": facts.name, "kind": facts.kind, "exported_at": datetime.now(UTC).isoformat(timespec="seconds")}
    return archive.close([_person(deployment, user) for user in sorted(people)], files, told)


def _people(record: AnyRecord) -> set[UserId]:
    named = {getattr(record, name, None) for name in _NAMING} | set(getattr(record, "members", None) or ())
    return {user for user in named if user} | set(getattr(record, "mentions", None) or ())


def _media(record: AnyRecord) -> list[MediaId]:
    return [MediaId(part["id"]) for part in record.media if "id" in part] if isinstance(record, Message) else []


def _person(deployment: Deployment, user: UserId) -> dict[str, Any]:
    account = deployment.accounts.book.get(user)
    if account is None:
        return {"id": user, "username": None, "display_name": None, "kind": "person", "created_ms": 0}
    return {
        "id": user,
        "username": account.username,
        "display_name": account.display_name,
        "kind": account.kind,
        "created_ms": account.created_ms,
    }
