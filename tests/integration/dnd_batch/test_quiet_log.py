"""The log fences itself: the newest claim wins, and what an older owner wrote after it does not count."""

import uuid
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from kaftalk_dnd_batch.janitor import Janitor
from kaftalk_dnd_batch.owned_users import OwnedUser, OwnedUsers
from kaftalk_dnd_batch.quiet_log import QuietLog, StoredRelease, Write
from kaftalk_dnd_batch.store import Store
from kaftalk_protocol.ids import UserId
from kaftalk_protocol.quiet_records import RELEASES_KEPT_MS, UserQuiet
from kaftalk_protocol.topics import QUIET_HOURS
from kaftalk_roomlog.partition_queue import Appended
from kaftalk_roomlog.ranges import RoomLogRange
from kaftalk_roomlog.topics import Topics, TopicSpec
from kaftalk_roomlog.writer import RoomLogWriter
from kaftalk_runtime.clock import ManualClock
from kaftalk_runtime.kafka import Kafka

pytestmark = pytest.mark.slow

SHARD = 1


class Owner:
    """One instance: its log, and the users of the shard."""

    def __init__(self, writer: RoomLogWriter, ranges: RoomLogRange, name: str) -> None:
        self.log = QuietLog(writer, ranges, instance=name)
        self.users = OwnedUsers(lambda quiet: quiet)
        self.store = Store(self.log, verify=self.verify, doubt=lambda _shard: None)

    async def claim(self) -> None:
        self.users.take_shard(SHARD, await self.log.claim(SHARD))

    async def verify(self) -> None:
        lost, _ = await self.log.check()
        for shard in lost:
            self.log.let_go(shard)
            self.users.drop_shard(shard)

    async def put(self, user: UserId, updated_ms: int) -> bool:
        owned = self.users.get(user) or self.users.put(OwnedUser(SHARD, UserQuiet(user=user), stored=False))
        (in_force,) = await self.store.put([(owned, owned.quiet.model_copy(update={"updated_ms": updated_ms}))])
        return in_force

    def updated_ms(self, user: UserId) -> int:
        owned = self.users.get(user)
        assert owned is not None
        return owned.quiet.updated_ms


@pytest_asyncio.fixture
async def kafka(kafka_bootstrap: str) -> AsyncIterator[tuple[RoomLogWriter, RoomLogRange]]:
    client = Kafka(kafka_bootstrap)
    topics, writer, ranges = Topics(client), RoomLogWriter(client), RoomLogRange(client)
    for part in (topics, writer, ranges):
        await part.start()
    await topics.ensure_system_topics([TopicSpec(QUIET_HOURS, 4, compacted=True)])
    yield writer, ranges
    for end in (writer, ranges, topics):
        await end.stop()


def somebody() -> UserId:
    return UserId(str(uuid.uuid4()))


async def test_who_claims_reads_what_is_there(kafka: tuple[RoomLogWriter, RoomLogRange]) -> None:
    one, two, user = Owner(*kafka, "one"), Owner(*kafka, "two"), somebody()
    await one.claim()
    assert await one.put(user, 5)
    assert await one.put(user, 6)
    await two.claim()
    assert two.updated_ms(user) == 6


async def test_an_old_owner_finds_out_with_its_next_record(kafka: tuple[RoomLogWriter, RoomLogRange]) -> None:
    one, two, user = Owner(*kafka, "one"), Owner(*kafka, "two"), somebody()
    await one.claim()
    await one.put(user, 5)
    await two.claim()
    assert not await one.put(user, 99)
    assert one.users.shards == frozenset()
    assert await two.put(user, 7)


async def test_a_record_of_an_old_owner_does_not_count(kafka: tuple[RoomLogWriter, RoomLogRange]) -> None:
    one, two, three, user = Owner(*kafka, "one"), Owner(*kafka, "two"), Owner(*kafka, "three"), somebody()
    await one.claim()
    await one.put(user, 5)
    await two.claim()
    await one.put(user, 99)
    loaded = await three.log.claim(SHARD)
    assert loaded.users[user].updated_ms == 5
    assert user in loaded.stale


async def test_an_owner_is_told_of_stale_records_that_it_has_to_write_over(
    kafka: tuple[RoomLogWriter, RoomLogRange],
) -> None:
    one, two, user = Owner(*kafka, "one"), Owner(*kafka, "two"), somebody()
    await one.claim()
    await one.put(user, 5)
    await two.claim()
    await one.put(user, 99)
    lost, stale = await two.log.check()
    assert lost == frozenset()
    assert [write.key for write in stale] == [user]
    assert await two.log.check() == (frozenset(), [])


async def test_what_is_ours_is_not_looked_at_again(kafka: tuple[RoomLogWriter, RoomLogRange]) -> None:
    one, user = Owner(*kafka, "one"), somebody()
    await one.claim()
    for number in range(5):
        await one.put(user, number)
    assert not one.log.suspects({SHARD})


async def test_a_release_is_found_where_it_lies_and_gone_when_it_is_taken_away(
    kafka: tuple[RoomLogWriter, RoomLogRange],
) -> None:
    one, two, user = Owner(*kafka, "one"), Owner(*kafka, "two"), somebody()
    await one.claim()
    key = f"{user}|abc"
    value = b'{"k":"released","fence":%d,"done_ms":12}' % one.log.fence(SHARD)
    await one.log.append([Write(SHARD, key, value)])
    place = (await two.log.claim(SHARD)).releases[user]["abc"]
    assert place.done_ms == 12
    assert await two.log.value_at(SHARD, place.offset, key) == value
    await two.log.append([Write(SHARD, key, None)])
    assert (await one.log.claim(SHARD)).releases[user] == {}


async def test_digests_are_taken_away_after_seven_days(kafka: tuple[RoomLogWriter, RoomLogRange]) -> None:
    one, two, user = Owner(*kafka, "one"), Owner(*kafka, "two"), somebody()
    await one.claim()
    assert await one.put(user, 1)
    owned = one.users.get(user)
    assert owned is not None
    for release, done_ms in (("old", 1_000), ("new", 1_001)):
        value = b'{"k":"released","fence":%d,"done_ms":%d}' % (one.log.fence(SHARD), done_ms)
        (stored,) = await one.store.append([Write(SHARD, f"{user}|{release}", value)])
        assert isinstance(stored, Appended)
        owned.releases[release] = StoredRelease(stored.offset, done_ms)
    await Janitor(one.users, one.store, ManualClock(1_001 + RELEASES_KEPT_MS)).clear()
    assert list(owned.releases) == ["new"]
    loaded = await two.log.claim(SHARD)
    assert list(loaded.releases[user]) == ["new"]
    assert loaded.users[user].updated_ms == 1
