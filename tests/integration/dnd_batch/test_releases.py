"""A hold from its first second to its release, on a real Kafka and Redis."""

import asyncio
import time

import pytest

from kaftalk_protocol.quiet_records import Released, UserQuiet, release_id
from kaftalk_testing.gateway_twin import GatewayTwin
from kaftalk_testing.quiet_stack import QuietStack, person

pytestmark = pytest.mark.slow


async def test_what_was_said_in_a_snooze_is_released_at_its_end_once(quiet: QuietStack, gateway: GatewayTwin) -> None:
    me, other = person(), person()
    room = await quiet.room([other, me])
    await quiet.append(room, room.message(1, "before", by=other))
    await gateway.connect([me])
    ends_ms = await quiet.snooze(me, 2.5)
    told = await gateway.told(me, active=True)
    assert told.hold is not None
    assert (told.hold.end_ms, told.hold.deliver) == (ends_ms, "hold")
    await asyncio.sleep(max(0.0, told.hold.start_ms / 1000 - time.time() + 0.1))
    seqs = await quiet.append(room, *(room.message(n, f"held {n}", by=other) for n in range(2, 5)))

    (taken,) = await gateway.released(me)
    released = taken.release
    assert taken.at_ms >= ends_ms
    assert taken.seqs() == {room.id: seqs}
    assert (released.release_id, released.window) == (release_id(me, told.hold.start_ms), (told.hold.start_ms, ends_ms))
    assert (taken.digest.total, taken.digest.rooms[0].preview) == (3, "held 4")
    assert (released.state.hold, released.late_by_s) == (None, None)

    after = await gateway.told(me, active=False)
    assert after.version == released.state.version
    *_, noted, done = await quiet.stored(me)
    assert isinstance(noted, Released)
    assert isinstance(done, UserQuiet)
    assert (noted.release_id, noted.digest.total, noted.digest.rooms[0].preview) == (released.release_id, 3, None)
    assert (done.hold, done.settled_ms, len(done.released)) == (None, ends_ms, 1)
    assert len(gateway.of(me)) == 1
