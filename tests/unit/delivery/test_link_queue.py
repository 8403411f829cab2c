"""The outgoing side of a link, and the positions that depend on it."""

from kaftalk_delivery import link_queue
from kaftalk_delivery.flights import Flight, Positions
from kaftalk_delivery.link_queue import LinkQueue
from kaftalk_protocol.deliveries import Behind, RoomEvent, decode_batch
from kaftalk_protocol.ids import RoomId
from kaftalk_protocol.redis_keys import shard_positions

ROOM = RoomId("0b0c4a9e-7b1c-4d8e-9f50-000000000001")
OTHER = RoomId("0b0c4a9e-7b1c-4d8e-9f50-000000000002")


def event(seq: int, room: RoomId = ROOM, size: int = 2) -> RoomEvent:
    return RoomEvent(room, 0, seq, seq - 1 if seq else None, 0, b"x" * size)


def flight(seq: int, waiting: int = 1, room: RoomId = ROOM) -> Flight:
    return Flight(room, 3, seq, waiting)


def filled(*seqs: int) -> LinkQueue:
    queue = LinkQueue()
    for seq in seqs:
        queue.offer([event(seq)], flight(seq))
    return queue


def test_events_that_wait_go_in_one_batch() -> None:
    queue = filled(1, 2, 3)
    batch = queue.take(0.0)
    assert isinstance(batch, bytes)
    number, events = decode_batch(batch)
    assert (number, events) == (1, [event(1), event(2), event(3)])
    assert not queue


def test_control_messages_keep_their_place_between_events() -> None:
    queue = filled(1)
    queue.tell("answer")
    queue.offer([event(2)], flight(2))
    taken = [queue.take(0.0) for _ in range(3)]
    assert [one if isinstance(one, str) else decode_batch(one)[1] for one in taken] == [
        [event(1)],
        "answer",
        [event(2)],
    ]


def test_an_acknowledgement_covers_all_batches_before() -> None:
    queue = LinkQueue()
    for seq in (1, 2, 3):
        queue.offer([event(seq)], flight(seq))
        queue.take(float(seq))
    assert queue.oldest_unacked_s() == 1.0
    assert [one.seq for one in queue.acked(2)] == [1, 2]
    assert queue.oldest_unacked_s() == 3.0
    assert queue.acked(2) == []


def test_at_the_bound_it_falls_behind_and_nobody_waits_for_it() -> None:
    queue = filled(1)
    queue.take(0.0)
    queue.tell("answer")
    seq = 1
    while not queue.overfull:
        seq += 1
        queue.offer([event(seq, size=64 * 1024)], flight(seq))
    freed = queue.fall_behind()
    assert [one.seq for one in freed] == list(range(1, seq + 1))
    assert not queue.overfull
    assert [queue.take(0.0), queue.take(0.0)] == ["answer", Behind().encode()]
    assert not queue
    queue.offer([event(seq + 1)], flight(seq + 1))
    batch = queue.take(0.0)
    assert isinstance(batch, bytes)
    assert decode_batch(batch)[1] == [event(seq + 1)]


def test_too_many_unacknowledged_batches_stop_the_sending() -> None:
    queue = LinkQueue()
    for seq in range(link_queue.BATCHES_UNACKED_MAX):
        queue.offer([event(seq)], flight(seq))
        queue.take(0.0)
    queue.offer([event(999)], flight(999))
    assert not queue
    queue.acked(1)
    assert queue


def test_a_large_backlog_goes_in_several_batches() -> None:
    queue = LinkQueue()
    for seq in range(6):
        queue.offer([event(seq, size=100 * 1024)], flight(seq))
    sizes = []
    while queue:
        batch = queue.take(0.0)
        assert isinstance(batch, bytes)
        sizes.append(len(decode_batch(batch)[1]))
    assert sizes == [3, 3]


def test_a_position_passes_when_the_last_gateway_has_taken_it() -> None:
    positions = Positions()
    shared = flight(7, waiting=2)
    positions.taken([shared])
    assert not positions
    positions.taken([shared])
    assert positions.take() == {shard_positions(3): {ROOM: 7}}
    assert not positions


def test_positions_only_grow_also_when_they_are_put_back() -> None:
    positions = Positions()
    positions.passed(3, ROOM, 7)
    positions.passed(3, ROOM, 5)
    positions.passed(4, OTHER, 1)
    taken = positions.take()
    assert taken == {shard_positions(3): {ROOM: 7}, shard_positions(4): {OTHER: 1}}
    positions.passed(3, ROOM, 9)
    positions.put_back(taken)
    assert positions.take() == {shard_positions(3): {ROOM: 9}, shard_positions(4): {OTHER: 1}}
