"""Media in rooms that delivery owns: Kafka knows what was sent before anybody sees it."""

from typing import Any

import pytest

from kaftalk_protocol.ids import MediaId
from kaftalk_protocol.media import Sending
from kaftalk_protocol.records import Delete, Message
from kaftalk_testing.delivery_stack import DeliveryStack
from kaftalk_testing.media_topic import sendings_of
from kaftalk_testing.seeded_rooms import SeededRoom

pytestmark = pytest.mark.slow


def picture(room: SeededRoom, n: int, media: str) -> Message:
    objects: list[dict[str, Any]] = [{"id": media, "kind": "image", "status": "pending"}]
    return room.message(n).model_copy(update={"media": objects})


async def test_what_a_room_sends_and_removes_is_told_and_its_events_keep_their_order(delivery: DeliveryStack) -> None:
    (room,) = await delivery.seed.rooms(1)
    async with delivery.link("gateway-1") as link:
        await link.subscribe(room.id)
        removal = Delete(by=room.owner, target=1, author=room.owner, media=[MediaId("one")])
        seqs = await delivery.seed.append(
            room, picture(room, 1, "one"), room.message(2), picture(room, 3, "two"), removal
        )
        assert await link.seqs(room.id, seqs[-1]) == seqs
    assert await sendings_of(delivery.stack.kafka_bootstrap, room.id) == [
        Sending(id=MediaId("one"), room=room.id, seq=1, message=f"{room.stream}:1"),
        Sending(id=MediaId("two"), room=room.id, seq=3, message=f"{room.stream}:3"),
        Sending(id=MediaId("one"), room=room.id, seq=1, removed=True),
    ]
