"""Who is made ahead: those of a stampede, once each, whose turn is first before the others."""

from collections.abc import Sequence

import pytest

from kaftalk_dnd_batch import warmth as warmths
from kaftalk_dnd_batch.maker import READ_AT_ONCE
from kaftalk_dnd_batch.owned_users import OwnedUser, OwnedUsers
from kaftalk_dnd_batch.quiet_log import Loaded
from kaftalk_dnd_batch.warmth import AHEAD_MS, STAMPEDE_USERS, Warmth
from kaftalk_protocol.ids import UserId
from kaftalk_protocol.quiet_records import Hold, UserQuiet
from kaftalk_runtime.clock import ManualClock
from kaftalk_runtime.redis_client import RedisAway

START_MS = 1_800_000_000_000
END_MS = START_MS + 60_000


class MakerTwin:
    """Notes whom it is to make releases for; fails while `away`."""

    def __init__(self) -> None:
        self.made: list[OwnedUser] = []
        self.away = False
        self.asked = 0
        self.room_for = 100 * STAMPEDE_USERS

    async def make_ahead(self, users: Sequence[OwnedUser], start_ms: int) -> bool:
        assert start_ms == START_MS
        assert len(users) <= READ_AT_ONCE
        if self.away:
            raise RedisAway("no answer in time")
        self.asked += 1
        if len(self.made) + len(users) > self.room_for:
            return False
        self.made += users
        return True

    def drop_old(self) -> None:
        """Nothing is kept."""


def town(people: int) -> OwnedUsers:
    """Give people in a hold; the turn of who came last is first."""
    owned = OwnedUsers(lambda quiet: quiet)
    owned.take_shard(0, Loaded())
    for number in range(people):
        hold = Hold(start_ms=START_MS, end_ms=END_MS, release_id=f"{number:032x}")
        user = OwnedUser(0, UserQuiet(user=UserId(f"{number}"), hold=hold), stored=True)
        user.turn = people - number
        owned.put(user)
    return owned


async def test_a_stampede_is_made_ahead_once_in_its_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warmths, "PAUSE_S", 0.0)
    owned, maker, clock = town(STAMPEDE_USERS), MakerTwin(), ManualClock(END_MS - AHEAD_MS - 1_000)
    warmth = Warmth(owned, maker, clock)
    await warmth.look()
    assert maker.made == []
    await clock.advance(1.5)
    await warmth.look()
    assert maker.made == list(reversed(list(owned)))
    await clock.advance(3.0)
    await warmth.look()
    assert len(maker.made) == STAMPEDE_USERS


async def test_a_few_are_not_made_ahead() -> None:
    maker = MakerTwin()
    await Warmth(town(STAMPEDE_USERS - 1), maker, ManualClock(END_MS - 5_000)).look()
    assert maker.made == []


async def test_those_for_whom_there_is_no_room_are_left_to_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warmths, "PAUSE_S", 0.0)
    owned, maker = town(STAMPEDE_USERS), MakerTwin()
    maker.room_for = READ_AT_ONCE
    await Warmth(owned, maker, ManualClock(END_MS - 5_000)).look()
    assert maker.made == list(reversed(list(owned)))[:READ_AT_ONCE]
    assert maker.asked == 2


async def test_what_could_not_be_read_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warmths, "PAUSE_S", 0.0)
    maker, clock = MakerTwin(), ManualClock(END_MS - 5_000)
    warmth = Warmth(town(STAMPEDE_USERS), maker, clock)
    maker.away = True
    await warmth.look()
    maker.away = False
    await warmth.look()
    assert len(maker.made) == STAMPEDE_USERS
