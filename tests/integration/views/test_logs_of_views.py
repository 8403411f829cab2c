"""What the views ask of logs: the real random access on Kafka and the twin in memory answer alike."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable

import pytest

from kaftalk_protocol.ids import RoomId
from kaftalk_protocol.records import AnyRecord, Delete, Reaction, Room, encode
from kaftalk_protocol.topics import ROOMS, Placement
from kaftalk_roomlog.errors import OutOfRange, UnknownTopic
from kaftalk_roomlog.ranges import RoomLogRange
from kaftalk_roomlog.tail import TailReader
from kaftalk_roomlog.topics import Topics, TopicSpec
from kaftalk_roomlog.writer import RoomLogWriter
from kaftalk_runtime.kafka import Kafka
from kaftalk_testing.log_twin import LogTwin
from kaftalk_testing.room_logs import ANN, BOB, CYD, message
from kaftalk_views.catch_up import CatchUp
from kaftalk_views.held import HeldRanges
from kaftalk_views.held_batch import UserPart
from kaftalk_views.history import RoomHistory
from kaftalk_views.log_range import LogRange
from kaftalk_views.notes import Notes
from kaftalk_views.placements import Placements, publish
from kaftalk_views.room_views import RoomViews

Fill = Callable[[str, list[bytes]], Awaitable[None]]
OPENING = Room(by=ANN, kind="public", name="tea", members={ANN: "owner", BOB: "member"})


@pytest.fixture(params=["kafka", "twin"])
def log_and_fill(request: pytest.FixtureRequest, topics: Topics, writer: RoomLogWriter) -> tuple[LogRange, Fill]:
    twin = LogTwin()

    async def fill_twin(topic: str, values: list[bytes]) -> None:
        for value in values:
            twin.append(topic, value, 1)

    async def fill_kafka(topic: str, values: list[bytes]) -> None:
        await topics.create_room_topics([topic])
        await topics.await_visible(topic)
        for value in values:
            await writer.append(topic, value)

    if request.param == "twin":
        return twin, fill_twin
    ranges: RoomLogRange = request.getfixturevalue("ranges")
    return ranges, fill_kafka


async def test_a_log_gives_the_records_that_are_asked_for(log_and_fill: tuple[LogRange, Fill]) -> None:
    log, fill = log_and_fill
    topic = f"room.{uuid.uuid4()}.0"
    values = [bytes([65 + n]) * 100 for n in range(10)]
    await fill(topic, values)

    assert [record.value for record in await log.read(topic, 2, 5)] == values[2:5]
    assert [record.offset for record in await log.read(topic, 0, 10)] == list(range(10))
    assert await log.read(topic, 4, 4) == []
    assert [record.offset for record in await log.read(topic, 0, 10, bytes_max=250)] == [0, 1]
    assert [record.offset for record in await log.read(topic, 3, 10, bytes_max=1)] == [3]
    assert await log.end_offsets([topic]) == {topic: 10}


async def test_a_log_says_what_it_does_not_hold(log_and_fill: tuple[LogRange, Fill]) -> None:
    log, fill = log_and_fill
    topic, absent = f"room.{uuid.uuid4()}.0", f"room.{uuid.uuid4()}.0"
    await fill(topic, [b"a", b"b"])
    with pytest.raises(OutOfRange) as out:
        await log.read(topic, 0, 3)
    assert (out.value.start, out.value.end) == (0, 2)
    with pytest.raises(UnknownTopic):
        await log.read(absent, 0, 1)
    with pytest.raises(UnknownTopic):
        await log.end_offsets([absent])


async def test_a_log_tells_where_times_begin(log_and_fill: tuple[LogRange, Fill]) -> None:
    log, fill = log_and_fill
    topic, absent = f"room.{uuid.uuid4()}.0", f"room.{uuid.uuid4()}.0"
    await fill(topic, [b"a", b"b"])
    last = (await log.read(topic, 1, 2))[0]
    assert await log.offsets_at({topic: 0}) == {topic: 0}
    assert await log.offsets_at({topic: last.ts + 1}) == {topic: None}
    with pytest.raises(UnknownTopic):
        await log.offsets_at({absent: 0})


async def test_a_room_on_kafka_is_projected_and_read(
    views: RoomViews, topics: Topics, writer: RoomLogWriter, ranges: RoomLogRange
) -> None:
    placement = Placement(RoomId(str(uuid.uuid4())))
    await topics.create_room_topics([placement.topic])
    await topics.await_visible(placement.topic)
    said: list[AnyRecord] = [
        OPENING,
        *(message(BOB, n) for n in range(1, 40)),
        message(BOB, 3),
        Delete(by=BOB, target=5, author=BOB),
    ]
    for record in [*said, Reaction(by=ANN, target=6, emoji="👍", on=True)]:
        last = await writer.append(placement.topic, encode(record))
    catch_up, notes = CatchUp(views, ranges), Notes(views, ranges)

    assert await catch_up.settle(placement, last.offset, patience_s=0.01) is None
    assert await catch_up.settle(placement, 40) == "duplicate"
    page = await RoomHistory(views, ranges, notes).page(placement.room, ANN, before=8, limit=3)
    assert [(item["seq"], item["e"]["k"]) for item in page["items"]] == [(5, "deleted"), (6, "message"), (7, "message")]
    assert page["items"][1]["e"]["reactions"] == [{"emoji": "👍", "count": 1, "me": True}]
    assert (page["as_of"], page["has_after"]) == (42, True)


async def test_what_is_held_on_kafka_begins_where_the_brokers_time_says(
    views: RoomViews, topics: Topics, writer: RoomLogWriter, ranges: RoomLogRange
) -> None:
    placements = [Placement(RoomId(str(uuid.uuid4()))) for _ in range(2)]
    said: list[AnyRecord] = [OPENING, message(BOB, 1), message(BOB, 1), message(BOB, 2), message(BOB, 3)]
    ts: list[int] = []
    for placement in placements:
        await topics.create_room_topics([placement.topic])
        await topics.await_visible(placement.topic)
        for record in said[: 5 if placement is placements[0] else 2]:
            ts.append((await writer.append(placement.topic, encode(record))).ts)
            await asyncio.sleep(0.003)
    catch_up, notes = CatchUp(views, ranges), Notes(views, ranges)
    for placement, last in zip(placements, (4, 1), strict=True):
        await catch_up.project_to(placement, last)
    held, (first, second) = HeldRanges(views, ranges, notes), (placement.room for placement in placements)

    assert await held.floors([first, second], ts[2]) == {first: 1, second: 0}
    batch = await held.batch(first, ts[3])
    assert batch is not None
    assert (batch.first, batch.floor, batch.to) == (3, 1, 4), "a repeat is no event"
    assert [item["seq"] for item in batch.items] == [3, 4]
    assert (batch.for_user(ANN, 0), batch.for_user(CYD, 0)) == (
        UserPart(1, 2, 0, 3, 4, BOB, "hello", expired=False, muted=False, mine=()),
        None,
    )
    assert await held.batch(second, ts[6] + 1) is None
    assert await held.floor(second, ts[6] + 1) == 1


async def test_placements_follow_their_topic(kafka: Kafka, topics: Topics, writer: RoomLogWriter) -> None:
    await topics.ensure_system_topics([TopicSpec(ROOMS, partitions=4, compacted=True)])
    first, second = Placement(RoomId(str(uuid.uuid4()))), Placement(RoomId(str(uuid.uuid4())))
    await publish(writer, first)
    tail = TailReader(kafka, ROOMS)
    await tail.start()
    placements = Placements(tail)
    changes: list[Placement] = []
    placements.on_change(changes.append)
    following = asyncio.create_task(placements.run())
    try:
        await placements.catch_up()
        assert placements.get(first.room) == first
        assert await placements.wait_for(second.room, 0.5) is None

        await publish(writer, second)
        assert await placements.wait_for(second.room) == second

        moved = Placement(first.room, epoch=1, base=1_000_000)
        await publish(writer, moved)
        await publish(writer, first)
        await publish(writer, Placement(second.room, status="deleted", deleted_ms=7))
        await placements.catch_up()
        assert placements.get(first.room) == moved
        assert [change.status for change in changes if change.room == second.room] == ["live", "deleted"]
        assert first not in placements.all()
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
        await tail.stop()
