"""One stream's sends in a room: what is written, what is a repeat, what must wait its turn."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from kaftalk_gateway.lane import AHEAD_MAX, UNANSWERED_MAX, Lane, Offer
from kaftalk_protocol.stream_window import StreamWindow


def test_a_message_is_written_once_and_its_repeats_are_awaited_then_known() -> None:
    lane = Lane()
    assert lane.offer(1) is Offer.WRITE
    assert lane.offer(1) is Offer.AWAIT
    lane.answered(1, (0, 7))
    assert lane.offer(1) is Offer.STORED
    assert lane.place(1) == (0, 7)


def test_what_the_view_knows_of_the_stream_is_a_repeat_without_a_place() -> None:
    lane = Lane()
    window = StreamWindow()
    window.take(5, 0)
    lane.window = window
    assert lane.offer(5) is Offer.STORED
    assert lane.place(5) is None
    assert lane.offer(6) is Offer.WRITE


def test_at_most_32_are_unanswered_and_none_runs_63_ahead() -> None:
    lane = Lane()
    assert all(lane.offer(n) is Offer.WRITE for n in range(1, UNANSWERED_MAX + 1))
    assert lane.offer(UNANSWERED_MAX + 1) is Offer.FULL
    lane = Lane()
    lane.offer(1)
    assert lane.offer(1 + AHEAD_MAX) is Offer.WRITE
    assert lane.offer(2 + AHEAD_MAX) is Offer.TOO_FAR


def test_nothing_overtakes_a_message_that_was_refused_for_now() -> None:
    lane = Lane()
    lane.offer(1)
    lane.refused(1)
    assert lane.offer(2) is Offer.OUT_OF_TURN
    assert lane.offer(1) is Offer.WRITE
    assert lane.offer(2) is Offer.WRITE


def test_a_message_that_is_given_up_leaves_a_gap() -> None:
    lane = Lane()
    lane.offer(1)
    lane.refused(1)
    assert lane.offer(2) is Offer.OUT_OF_TURN
    assert lane.offer(2) is Offer.WRITE
    lane.given_up(2)
    assert lane.offer(3) is Offer.WRITE


def test_old_answers_are_forgotten_into_the_window() -> None:
    lane = Lane()
    for n in range(1, 1_001):
        assert lane.offer(n) is Offer.WRITE
        lane.answered(n, (0, n))
    assert lane.offer(1) is Offer.STORED
    assert lane.place(1) is None
    assert lane.place(1_000) == (0, 1_000)


class Sender(RuleBasedStateMachine):
    """A client that follows the contract against a writer that answers, refuses for now, or refuses for good."""

    def __init__(self) -> None:
        super().__init__()
        self.lane = Lane()
        self.next = 1
        self.outbox: list[int] = []
        self.flying: list[int] = []
        self.log: list[int] = []

    def _offer(self, n: int) -> None:
        offer = self.lane.offer(n)
        if offer is Offer.WRITE:
            self.flying.append(n)
        elif offer is Offer.STORED:
            self.outbox.remove(n)

    @precondition(lambda self: len(self.outbox) < UNANSWERED_MAX)
    @rule()
    def send_new(self) -> None:
        self.outbox.append(self.next)
        self.next += 1
        self._offer(self.outbox[-1])

    @rule()
    def resend_all(self) -> None:
        for n in list(self.outbox):
            self._offer(n)

    @precondition(lambda self: self.flying)
    @rule(lost=st.booleans())
    def store(self, lost: bool) -> None:
        n = self.flying.pop(0)
        self.log.append(n)
        self.lane.answered(n, (0, len(self.log)))
        if not lost:
            self.outbox.remove(n)

    @precondition(lambda self: self.flying)
    @rule()
    def refuse_for_now(self) -> None:
        """The writer keeps order: what is behind a refused record is refused too."""
        for n in self.flying:
            self.lane.refused(n)
        self.flying.clear()

    @invariant()
    def each_is_stored_once_and_in_order(self) -> None:
        assert self.log == sorted(set(self.log))


Sender.TestCase.settings = settings(max_examples=60, stateful_step_count=60, deadline=None)
TestSender = Sender.TestCase
