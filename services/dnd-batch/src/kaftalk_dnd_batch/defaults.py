"""The organisation's defaults, followed by every instance wherever their shard is owned."""

from kaftalk_dnd_batch.book import Book
from kaftalk_protocol.quiet_records import CLAIM_KEY, ORG_KEY, OrgRecord, parse
from kaftalk_roomlog.tail import TailReader, TailRecord


class Defaults:
    """Tells the book of each record of the organisation that counts."""

    def __init__(self, tail: TailReader, book: Book) -> None:
        self._tail = tail
        self._book = book
        self._newest_claim = -1

    async def run(self) -> None:
        """Follow the shard, for ever."""
        while True:
            newest = None
            for record in await self._tail.poll():
                newest = self._read(record) or newest
            if newest is not None:
                await self._book.follow_org(newest)

    def _read(self, record: TailRecord) -> OrgRecord | None:
        if record.key == CLAIM_KEY.encode():
            self._newest_claim = record.offset
        if record.key != ORG_KEY.encode() or record.value is None:
            return None
        org = parse(record.value)
        return org if isinstance(org, OrgRecord) and org.fence >= self._newest_claim else None
