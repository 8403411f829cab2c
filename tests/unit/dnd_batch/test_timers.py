"""Timers: exact, one a user, the longest overdue first."""

from kaftalk_dnd_batch.owned_users import OwnedUser
from kaftalk_dnd_batch.timers import Timers
from kaftalk_protocol.ids import UserId
from kaftalk_protocol.quiet_records import UserQuiet


def user(name: str) -> OwnedUser:
    return OwnedUser(0, UserQuiet(user=UserId(name)), stored=True)


def test_users_are_taken_in_order_of_their_instants() -> None:
    timers, one, two = Timers(), user("one"), user("two")
    timers.set(one, 20)
    timers.set(two, 10)
    assert timers.next_ms() == 10
    assert timers.take(9, 5) == []
    assert timers.take(25, 5) == [two, one]
    assert timers.next_ms() is None


def test_setting_a_timer_again_replaces_it() -> None:
    timers, one = Timers(), user("one")
    timers.set(one, 10)
    timers.set(one, 30)
    assert timers.next_ms() == 30
    assert timers.take(20, 5) == []


def test_users_of_others_are_passed_by() -> None:
    timers, one, two = Timers(), user("one"), user("two")
    timers.set(one, 10)
    timers.set(two, 11)
    one.owned = False
    assert timers.take(20, 5) == [two]


def test_a_batch_is_bounded() -> None:
    timers, people = Timers(), [user(str(n)) for n in range(5)]
    for number, one in enumerate(people):
        timers.set(one, number)
    assert timers.take(9, 2) == people[:2]
    assert timers.next_ms() == 2


def test_an_earlier_instant_wakes_who_waits_for_the_first() -> None:
    timers = Timers()
    timers.set(user("one"), 10)
    timers.changed.clear()
    timers.set(user("two"), 20)
    assert not timers.changed.is_set()
    timers.set(user("three"), 5)
    assert timers.changed.is_set()
