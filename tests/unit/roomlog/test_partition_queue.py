"""What a partition's queue sends next, whatever the broker answered before."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaftalk_roomlog.errors import AppendRefused, AppendUnknown, Reason
from kaftalk_roomlog.partition_queue import (
    Appended,
    Fate,
    PartitionQueue,
    Pending,
    ProducerId,
    Resolution,
    fate,
)
from kaftalk_roomlog.records import Partition, decode

FIRST, SECOND = ProducerId(7, 0), ProducerId(8, 0)
BATCH_BYTES = 64 << 10


def ignore(result: object) -> None:
    """Take a result and do nothing."""


def queue_of(*values: bytes, queued_at: float = 0.0) -> PartitionQueue:
    queue = PartitionQueue(Partition("room.a.0"))
    for value in values:
        queue.add(Pending(value, None, ignore, queued_at))
    return queue


def seal(queue: PartitionQueue, producer: ProducerId = FIRST) -> bytes:
    return queue.seal(producer, 1_000, BATCH_BYTES)


def values(payload: bytes) -> list[bytes]:
    return [record.value for record in decode(payload, 0).records]


def numbers(payload: bytes) -> tuple[int, int]:
    """Return (producer id, first sequence number) of an encoded batch."""
    return int.from_bytes(payload[43:51], "big"), int.from_bytes(payload[53:57], "big")


def results(resolved: list[Resolution]) -> list[object]:
    return [result for _, result in resolved]


def test_all_that_waits_goes_out_in_one_batch_and_gets_consecutive_offsets() -> None:
    queue = queue_of(b"a", b"b", b"c")
    assert values(seal(queue)) == [b"a", b"b", b"c"]
    assert results(queue.settle(Fate.STORED, 40, 5_000)) == [Appended(40 + i, 5_000, False) for i in range(3)]
    assert queue.empty


def test_an_unresolved_batch_is_sent_again_byte_for_byte_and_nothing_before_it() -> None:
    queue = queue_of(b"a")
    first = seal(queue)
    queue.add(Pending(b"b", None, ignore, 0))
    queue.lost_contact()
    assert seal(queue) == first
    queue.settle(Fate.AGAIN)
    assert seal(queue) == first


def test_sequence_numbers_go_on_after_what_is_stored() -> None:
    queue = queue_of(b"a", b"b")
    assert numbers(seal(queue)) == (7, 0)
    queue.settle(Fate.STORED, 0, 1)
    queue.add(Pending(b"c", None, ignore, 0))
    assert numbers(seal(queue)) == (7, 2)


def test_a_refused_batch_gives_its_sequence_numbers_back() -> None:
    queue = queue_of(b"big")
    seal(queue)
    assert [error.reason for error in results(queue.settle(Fate.TOO_LARGE))] == [Reason.TOO_LARGE]  # type: ignore[attr-defined]
    queue.add(Pending(b"small", None, ignore, 0))
    assert numbers(seal(queue)) == (7, 0)


def test_of_a_batch_that_is_too_large_only_the_guilty_record_is_refused() -> None:
    queue = queue_of(b"a", b"huge", b"c")
    seal(queue)
    assert queue.settle(Fate.TOO_LARGE) == []
    assert values(seal(queue)) == [b"a"]
    assert isinstance(results(queue.settle(Fate.STORED, 0, 1))[0], Appended)
    assert values(seal(queue)) == [b"huge"]
    assert isinstance(results(queue.settle(Fate.TOO_LARGE))[0], AppendRefused)
    assert numbers(seal(queue)) == (7, 1)


def test_lost_numbers_mean_a_new_producer_id_for_this_partition_and_the_same_order() -> None:
    queue = queue_of(b"a", b"b")
    seal(queue)
    queue.lost_contact()
    assert queue.settle(Fate.POISONED) == []
    queue.add(Pending(b"c", None, ignore, 0))
    payload = seal(queue, SECOND)
    assert numbers(payload) == (8, 0)
    assert values(payload) == [b"a", b"b", b"c"]
    assert [result.resent for result in results(queue.settle(Fate.STORED, 9, 1))] == [True, True, False]  # type: ignore[attr-defined]


def test_numbers_that_are_lost_again_and_again_end_in_an_answer() -> None:
    queue = queue_of(b"a")
    for _ in range(3):
        seal(queue)
        assert queue.settle(Fate.POISONED) == []
    seal(queue)
    assert isinstance(results(queue.settle(Fate.POISONED))[0], AppendRefused)
    assert queue.empty


@pytest.mark.parametrize(("outcome", "offset"), [(Fate.DUPLICATE, -1), (Fate.STORED, -1)])
def test_a_duplicate_without_an_offset_is_never_acknowledged_with_a_made_up_one(outcome: Fate, offset: int) -> None:
    queue = queue_of(b"a", b"b", b"c")
    seal(queue)
    resolved = results(queue.settle(outcome, offset, -1))
    assert [(type(result), result.reason) for result in resolved] == [(AppendUnknown, Reason.DUPLICATE)] * 3  # type: ignore[attr-defined]


def test_a_refusal_after_a_lost_answer_leaves_it_unknown() -> None:
    queue = queue_of(b"a")
    seal(queue)
    queue.lost_contact()
    assert isinstance(results(queue.settle(Fate.REFUSED))[0], AppendUnknown)


def test_what_was_never_sent_expires_as_refused_with_all_that_waits_behind_it() -> None:
    queue = queue_of(b"a", b"b")
    queue.add(Pending(b"young", None, ignore, 100.0))
    assert queue.expire(-1.0, topic_unknown=False) == []
    expired = results(queue.expire(50.0, topic_unknown=False))
    assert [(type(error), error.reason) for error in expired] == [(AppendRefused, Reason.UNAVAILABLE)] * 3  # type: ignore[attr-defined]
    assert queue.empty


def test_a_batch_that_was_certainly_not_stored_expires_and_gives_its_numbers_back() -> None:
    queue = queue_of(b"a")
    seal(queue)
    queue.settle(Fate.AGAIN)
    assert isinstance(results(queue.expire(50.0, topic_unknown=False))[0], AppendRefused)
    queue.add(Pending(b"b", None, ignore, 0))
    assert numbers(seal(queue)) == (7, 0)


def test_what_may_be_stored_does_not_expire_while_the_topic_exists() -> None:
    queue = queue_of(b"a")
    seal(queue)
    queue.lost_contact()
    queue.add(Pending(b"b", None, ignore, 0.0))
    assert queue.expire(50.0, topic_unknown=False) == []
    assert isinstance(results(queue.expire(50.0, topic_unknown=True))[0], AppendUnknown)


def test_a_record_can_be_taken_back_only_before_it_is_in_a_batch() -> None:
    queue = PartitionQueue(Partition("room.a.0"))
    first, second = (Pending(value, None, ignore, 0) for value in (b"a", b"b"))
    queue.add(first)
    seal(queue)
    queue.add(second)
    assert queue.withdraw(second)
    assert not queue.withdraw(first)


def test_stopping_tells_what_may_be_stored_from_what_is_not() -> None:
    queue = queue_of(b"a")
    seal(queue)
    queue.lost_contact()
    queue.add(Pending(b"b", None, ignore, 0))
    assert [type(result) for result in results(queue.abandon())] == [AppendUnknown, AppendRefused]
    assert queue.empty


def test_error_codes_that_nobody_knows_do_not_stop_a_room() -> None:
    assert fate(12_345) is Fate.REFUSED
    assert fate(0) is Fate.STORED


class Broker:
    """Kafka's rules for one partition. `last`: producer id → the last batch's first number, the next, its offset."""

    def __init__(self) -> None:
        self.log: list[bytes] = []
        self.last: dict[int, tuple[int, int, int]] = {}

    def append(self, payload: bytes) -> tuple[Fate, int]:
        producer, sequence = numbers(payload)
        first, following, base = self.last.get(producer, (0, 0, 0))
        if sequence == first and following > 0:
            return Fate.STORED, base
        if sequence != following:
            return Fate.POISONED, -1
        self.last[producer] = (sequence, sequence + len(values(payload)), len(self.log))
        self.log += values(payload)
        return Fate.STORED, self.last[producer][2]

    def forget(self) -> None:
        self.last = dict.fromkeys(self.last, (-1, -1, -1))


@given(st.lists(st.sampled_from(["submit", "send", "lose request", "lose answer", "forget", "refuse"]), max_size=60))
def test_in_any_history_each_record_is_stored_in_order_and_once_unless_it_says_resent(steps: list[str]) -> None:
    queue, broker = PartitionQueue(Partition("room.a.0")), Broker()
    stored: dict[bytes, Appended] = {}
    refused: set[bytes] = set()
    submitted = 0
    producer = FIRST

    def keep(resolved: list[Resolution]) -> None:
        for record, result in resolved:
            assert record.value is not None
            if isinstance(result, Appended):
                stored[record.value] = result
            else:
                refused.add(record.value)

    def send(answered: bool, arrives: bool = True) -> None:
        nonlocal producer
        if queue.empty:
            return
        producer = ProducerId(producer.id + queue.needs_producer, 0)
        payload = seal(queue, producer)
        outcome = broker.append(payload) if arrives else None
        if answered and outcome is not None:
            keep(queue.settle(*outcome, 1))
        else:
            queue.lost_contact()

    actions: dict[str, Callable[[], None]] = {
        "send": lambda: send(answered=True),
        "lose request": lambda: send(answered=False, arrives=False),
        "lose answer": lambda: send(answered=False),
        "forget": broker.forget,
        "refuse": lambda: keep(queue.settle(Fate.REFUSED)),
    }
    for step in [*steps, *["send"] * 20]:
        if step == "submit":
            queue.add(Pending(b"%d" % submitted, None, ignore, 0))
            submitted += 1
        else:
            actions[step]()

    assert queue.empty
    assert stored.keys() | refused == {b"%d" % n for n in range(submitted)}
    for value, appended in stored.items():
        assert broker.log[appended.offset] == value
        assert appended.resent or broker.log.count(value) == 1
    firsts = list(dict.fromkeys(broker.log))
    acknowledged = [value for value in firsts if value in stored]
    assert acknowledged == sorted(acknowledged, key=int)
