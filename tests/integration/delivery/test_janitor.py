"""What is cleaned up of rooms that are gone."""

import pytest

from kaftalk_delivery.janitor import Janitor
from kaftalk_delivery.owned_rooms import OwnedRoom, OwnedRooms
from kaftalk_protocol.room_state import RoomState
from kaftalk_protocol.topics import ROOMS, SNAPSHOTS, Placement
from kaftalk_roomlog.snapshots import SnapshotLog
from kaftalk_roomlog.tail import TailReader
from kaftalk_runtime.clock import ManualClock
from kaftalk_runtime.kafka import Kafka
from kaftalk_testing.delivery_stack import SHARDS, DeliveryStack
from kaftalk_views.placements import decode

pytestmark = pytest.mark.slow


async def test_a_deletion_that_nobody_noted_is_noted(delivery: DeliveryStack) -> None:
    (seeded,) = await delivery.seed.rooms(1)
    rooms, clock, kafka = OwnedRooms(), ManualClock(), Kafka(delivery.stack.kafka_bootstrap)
    room: OwnedRoom = rooms.put(seeded.placement, 0)
    room.state = RoomState(seeded.id)
    snapshots = SnapshotLog(kafka, SNAPSHOTS, shards=SHARDS)
    seed = delivery.seed
    janitor = Janitor(rooms, seed.topics, snapshots, seed.writer, delivery.views, clock, drop=lambda _: None)

    async def last() -> Placement | None:
        tail = TailReader(kafka, ROOMS)
        await tail.start()
        found = None
        while not tail.caught_up.is_set():
            for record in await tail.poll(0.1):
                found = decode(record.key, record.value) if record.key == seeded.id.encode() else found
        await tail.stop()
        return found

    await janitor.clean()
    assert await last() == seeded.placement
    room.state.deleted = True
    await janitor.clean()
    noted = await last()
    assert noted is not None
    assert (noted.status, noted.deleted_ms) == ("deleted", clock.now_ms())
