"""How long sends take, by this gateway's clock alone."""

import asyncio

import pytest

from kaftalk_gateway import metrics
from kaftalk_gateway.feed import Feed, entry
from kaftalk_gateway.send_times import SendTimes
from kaftalk_protocol.deliveries import RoomEvent
from kaftalk_protocol.ids import RoomId

ROOM = RoomId("11111111-1111-4111-8111-111111111111")


@pytest.fixture
def feed() -> Feed:
    made = Feed(ROOM, 0)
    made.start(0, 4)
    return made


def delivered() -> int:
    return sum(metrics.send_to_deliver.counts)


async def test_a_send_is_measured_when_its_event_comes(feed: Feed) -> None:
    times, before = SendTimes(), delivered()
    times.acked(feed, ROOM, 5, asyncio.get_running_loop().time())
    assert delivered() == before
    times.delivered(feed, [entry(RoomEvent(ROOM, 0, seq, seq - 1, 0, b"{}")) for seq in (5, 6)])
    assert delivered() == before + 1
    times.delivered(feed, [entry(RoomEvent(ROOM, 0, 5, 4, 0, b"{}"))])
    assert delivered() == before + 1


async def test_an_event_that_came_before_the_ack_is_measured_with_it(feed: Feed) -> None:
    times, before = SendTimes(), delivered()
    times.acked(feed, ROOM, 4, asyncio.get_running_loop().time())
    assert delivered() == before + 1


async def test_what_nobody_here_hears_is_measured_up_to_the_ack_only() -> None:
    times, before, acked = SendTimes(), delivered(), sum(metrics.send_to_ack.counts)
    times.acked(None, ROOM, 4, asyncio.get_running_loop().time())
    assert (delivered(), sum(metrics.send_to_ack.counts)) == (before, acked + 1)
