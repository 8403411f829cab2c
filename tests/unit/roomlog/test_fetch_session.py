"""The client's side of KIP-227: what each request names."""

from aiokafka.protocol.fetch import FetchRequest_v7, FetchRequest_v11
from hypothesis import given
from hypothesis import strategies as st

from kaftalk_roomlog.fetch_session import EPOCH_MAX, FetchSession, SessionFetchRequest
from kaftalk_roomlog.records import Partition

A, B, C = Partition("a"), Partition("b"), Partition("c", 3)
SESSION_ID_NOT_FOUND = 70


def named(request: SessionFetchRequest) -> dict[tuple[str, int], int]:
    return {(topic, number): offset for topic, parts in request.topics for number, offset, _ in parts}


def forgotten(request: SessionFetchRequest) -> set[tuple[str, int]]:
    return {(topic, number) for topic, numbers in request.forgotten.items() for number in numbers}


def opened(*partitions: Partition) -> FetchSession:
    session = FetchSession()
    for partition in partitions:
        session.want(partition, 0)
    session.request(500)
    assert session.accept(0, 42)
    return session


def test_the_first_request_names_everything_and_opens_a_session() -> None:
    session = FetchSession()
    session.want(A, 5)
    session.want(C, 7)
    request = session.request(500)
    assert request.session == (0, 0)
    assert named(request) == {A: 5, C: 7}


def test_an_idle_session_names_nothing() -> None:
    session = opened(A, B)
    request = session.request(500)
    assert request.session == (42, 1)
    assert named(request) == {}


def test_what_moved_was_added_or_dropped_is_named_once() -> None:
    session = opened(A, B)
    session.want(A, 9)
    session.want(C, 0)
    session.drop(B)
    request = session.request(500)
    assert named(request) == {A: 9, C: 0}
    assert forgotten(request) == {B}
    session.accept(0, 42)
    following = session.request(500)
    assert (named(following), forgotten(following)) == ({}, set())


def test_what_is_dropped_and_added_again_is_not_forgotten() -> None:
    session = opened(A)
    session.drop(A)
    session.want(A, 3)
    request = session.request(500)
    assert (named(request), forgotten(request)) == ({A: 3}, set())


def test_a_partition_that_the_broker_never_heard_of_need_not_be_forgotten() -> None:
    session = opened(A)
    session.want(B, 0)
    session.drop(B)
    assert forgotten(session.request(500)) == set()


def test_a_lost_session_begins_again_with_all_partitions_at_their_places() -> None:
    session = opened(A, B)
    session.want(A, 9)
    session.request(500)
    assert not session.accept(SESSION_ID_NOT_FOUND, 0)
    request = session.request(500)
    assert request.session == (0, 0)
    assert named(request) == {A: 9, B: 0}


def test_a_broker_whose_cache_is_full_is_asked_in_full_each_time() -> None:
    session = FetchSession()
    session.want(A, 0)
    for _ in range(3):
        request = session.request(500)
        assert request.session == (0, 0)
        assert named(request) == {A: 0}
        assert session.accept(0, 0)


def test_an_answer_to_an_older_question_is_known() -> None:
    session = opened(A)
    session.request(500)
    assert session.answers(A)
    session.drop(A)
    session.want(A, 3)
    assert not session.answers(A)
    session.accept(0, 42)
    session.request(500)
    assert session.answers(A)


def test_the_epoch_wraps_to_one() -> None:
    session = opened(A)
    session._epoch = EPOCH_MAX
    session.request(500)
    session.accept(0, 42)
    assert session.request(500).session == (42, 1)


def test_requests_are_encoded_for_old_and_new_brokers() -> None:
    request = SessionFetchRequest((42, 3), [(A, 5, 100)], [B], wait_ms=500)
    old, new = request.build(FetchRequest_v7), request.build(FetchRequest_v11)
    assert old.topics == [("a", [(0, 5, -1, 100)])]
    assert new.topics == [("a", [(0, -1, 5, -1, 100)])]
    assert new.forgotten_topics_data == [("b", [0])]
    assert (new.session_id, new.session_epoch) == (42, 3)
    assert new.encode()
    assert old.encode()


Steps = st.lists(
    st.tuples(st.sampled_from(["want", "drop", "ask", "fail"]), st.sampled_from([A, B, C]), st.integers(0, 9)),
    max_size=50,
)


@given(Steps)
def test_after_any_history_the_broker_knows_exactly_what_is_wanted(steps: list[tuple[str, Partition, int]]) -> None:
    session = FetchSession()
    wanted: dict[Partition, int] = {}
    broker: dict[tuple[str, int], int] = {}

    def ask(*, fails: bool) -> None:
        request = session.request(500)
        if request.session[1] == 0:
            broker.clear()
        for gone in forgotten(request):
            del broker[gone]
        broker.update(named(request))
        session.accept(SESSION_ID_NOT_FOUND if fails else 0, 42)

    for step, partition, offset in [*steps, ("ask", A, 0), ("ask", A, 0)]:
        if step == "want":
            session.want(partition, offset)
            wanted[partition] = offset
        elif step == "drop":
            session.drop(partition)
            wanted.pop(partition, None)
        else:
            ask(fails=step == "fail")
    assert broker == wanted
    assert set(session.partitions) == set(wanted)
