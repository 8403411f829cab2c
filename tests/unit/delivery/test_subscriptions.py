"""Who wants which room, and which signals pass."""

from hypothesis import given
from hypothesis import strategies as st

from kaftalk_delivery.owned_rooms import OwnedRooms
from kaftalk_delivery.signals import PENDING_MAX, SignalBuffer, may_pass
from kaftalk_delivery.subscriptions import Subscriptions
from kaftalk_protocol.deliveries import Signal
from kaftalk_protocol.ids import RoomId, UserId
from kaftalk_protocol.topics import Placement, room_topic

ROOM = RoomId("0b0c4a9e-7b1c-4d8e-9f50-000000000001")
ROOMS = [RoomId(f"room-{n}") for n in range(4)]

_steps = st.lists(
    st.tuples(
        st.sampled_from(["add", "remove", "remove_link", "remove_room"]),
        st.sampled_from(["a", "b"]),
        st.sampled_from(ROOMS),
    )
)


@given(_steps)
def test_both_directions_always_say_the_same(steps: list[tuple[str, str, RoomId]]) -> None:
    subscriptions: Subscriptions[str] = Subscriptions()
    model: set[tuple[str, RoomId]] = set()
    for step, link, room in steps:
        if step == "add":
            subscriptions.add(link, room)
            model.add((link, room))
        elif step == "remove":
            subscriptions.remove(link, [room])
            model.discard((link, room))
        elif step == "remove_link":
            subscriptions.remove_link(link)
            model = {pair for pair in model if pair[0] != link}
        else:
            subscriptions.remove_room(room)
            model = {pair for pair in model if pair[1] != room}
    assert {(link, room) for room in ROOMS for link in subscriptions.links(room)} == model
    assert {(link, room) for link in "ab" for room in subscriptions.rooms(link)} == model
    assert set(subscriptions.all_rooms()) == {room for _, room in model}
    assert len(subscriptions) == len(model)


def signal(value: str, user: str = "u", kind: str = "typing") -> Signal:
    return Signal.model_validate({"kind": kind, "room": ROOM, "user": user, "value": value})


def test_only_the_last_signal_of_a_kind_and_user_is_kept() -> None:
    buffer = SignalBuffer()
    for value in ("text", "none", "voice"):
        buffer.note("a", signal(value))
    buffer.note("b", signal("text", user="v"))
    assert list(buffer.take()) == [("a", signal("voice")), ("b", signal("text", user="v"))]
    assert not buffer


def test_above_the_bound_new_signals_are_dropped_and_known_ones_kept_current() -> None:
    buffer = SignalBuffer()
    for n in range(PENDING_MAX + 1):
        buffer.note("a", signal("text", user=UserId(str(n))))
    buffer.note("a", signal("none", user="0"))
    taken = [one for _, one in buffer.take()]
    assert len(taken) == PENDING_MAX
    assert taken[0].value == "none"


def test_presence_passes_in_small_rooms_only_and_typing_in_all() -> None:
    assert may_pass(signal("text"), None)
    assert may_pass(signal("text"), 5_000)
    for kind in ("presence", "read"):
        assert may_pass(signal("away", kind=kind), 50)
        assert not may_pass(signal("away", kind=kind), 51)
        assert not may_pass(signal("away", kind=kind), None)


def test_a_room_that_moves_to_another_epoch_is_found_by_its_new_topic_only() -> None:
    rooms = OwnedRooms()
    rooms.put(Placement(ROOM), 3)
    moved = rooms.put(Placement(ROOM, epoch=1, base=1_000_000), 3)
    assert rooms.by_topic(room_topic(ROOM, 0)) is None
    assert rooms.by_topic(room_topic(ROOM, 1)) is moved
    assert list(rooms.of_shard(3)) == [moved]
    assert rooms.drop(ROOM) is moved
    assert (len(rooms), rooms.get(ROOM), list(rooms.of_shard(3))) == (0, None, [])
