"""Property (iv): any mix of lost acks, resends, two tabs, gateway changes and producer resets shows each message once.

Tabs keep an outbox and resend it in order; gateways append in order, again from the first unresolved one after a
producer reset, and go on appending for a while when their tab has gone elsewhere.
"""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from kaftalk_protocol.ids import StreamId
from kaftalk_protocol.records import AnyRecord, Room
from kaftalk_protocol.room_state import Reason, RoomState
from kaftalk_testing.room_logs import ANN, ROOM, STREAMS, message

UNANSWERED_MAX = 32


class Gateway:
    """Accepts sends and appends them in order; `appended` of `unresolved` are in the log, their acks still out."""

    def __init__(self) -> None:
        self.unresolved: list[tuple[StreamId, int]] = []
        self.appended = 0
        self.refused: dict[StreamId, int] = {}

    def send(self, stream: StreamId, n: int, *, refuse: bool = False) -> None:
        """Take a send, or refuse it for now, and with it what came after it in the same stream."""
        waiting_for = self.refused.get(stream)
        if refuse or (waiting_for is not None and n > waiting_for):
            self.refused[stream] = min(n, waiting_for or n)
            return
        if n == waiting_for:
            del self.refused[stream]
        self.unresolved.append((stream, n))


class Tab:
    """One stream: what is not yet answered is sent again, in order, before anything new."""

    def __init__(self, stream: StreamId, gateway: Gateway) -> None:
        self.stream = stream
        self.gateway: Gateway | None = gateway
        self.outbox: list[int] = []
        self.written = 0
        self.acked: set[int] = set()

    def write(self, *, refuse: bool) -> None:
        if len(self.outbox) < UNANSWERED_MAX:
            self.written += 1
            self.outbox.append(self.written)
            if self.gateway is not None:
                self.gateway.send(self.stream, self.written, refuse=refuse)

    def resend(self) -> None:
        if self.gateway is not None:
            for n in self.outbox:
                self.gateway.send(self.stream, n)

    def connect(self, gateway: Gateway) -> None:
        gateway.refused.pop(self.stream, None)
        self.gateway = gateway
        self.resend()

    def ack(self, n: int) -> None:
        self.acked.add(n)
        if n in self.outbox:
            self.outbox.remove(n)


class Sending(RuleBasedStateMachine):
    """Two tabs of one person, three gateways, one log."""

    def __init__(self) -> None:
        super().__init__()
        self.gateways = [Gateway() for _ in range(3)]
        self.tabs = [Tab(stream, self.gateways[0]) for stream in STREAMS]
        self.state = RoomState(ROOM)
        self.shown: list[tuple[str, int]] = []
        self.seq = -1
        self._append(Room(by=ANN, kind="public", name="tea"))

    def _append(self, record: AnyRecord) -> Reason | None:
        self.seq += 1
        return self.state.apply(self.seq, self.seq, record).reason

    @rule(tab=st.integers(0, 1), count=st.integers(1, 40), refuse=st.booleans())
    def write(self, tab: int, count: int, refuse: bool) -> None:
        for i in range(count):
            self.tabs[tab].write(refuse=refuse and i == 0)

    @rule(tab=st.integers(0, 1))
    def resend_for_want_of_an_answer(self, tab: int) -> None:
        self.tabs[tab].resend()

    @rule(tab=st.integers(0, 1), to=st.integers(0, 2))
    def connect_elsewhere(self, tab: int, to: int) -> None:
        self.tabs[tab].connect(self.gateways[to])

    @rule(which=st.integers(0, 2), count=st.integers(1, 40))
    def append(self, which: int, count: int) -> None:
        gateway = self.gateways[which]
        for stream, n in gateway.unresolved[gateway.appended :][:count]:
            gateway.appended += 1
            void = self._append(message(ANN, n, stream=stream))
            assert void in (None, Reason.DUPLICATE)
            if void is None:
                self.shown.append((stream, n))

    @rule(which=st.integers(0, 2), count=st.integers(1, 40), lost=st.booleans())
    def acknowledge(self, which: int, count: int, lost: bool) -> None:
        gateway = self.gateways[which]
        done = gateway.unresolved[: min(count, gateway.appended)]
        del gateway.unresolved[: len(done)]
        gateway.appended -= len(done)
        for tab in self.tabs:
            for stream, n in done:
                if not lost and tab.gateway is gateway and stream == tab.stream:
                    tab.ack(n)

    @rule(which=st.integers(0, 2))
    def reset_the_producer(self, which: int) -> None:
        self.gateways[which].appended = 0

    @rule(which=st.integers(0, 2))
    def kill_a_gateway(self, which: int) -> None:
        for tab in self.tabs:
            if tab.gateway is self.gateways[which]:
                tab.gateway = None
        self.gateways[which] = Gateway()

    @invariant()
    def each_is_shown_once_and_in_its_senders_order(self) -> None:
        assert len(self.shown) == len(set(self.shown))
        for tab in self.tabs:
            numbers = [n for stream, n in self.shown if stream == tab.stream]
            assert numbers == sorted(numbers)
            assert tab.acked <= set(numbers)

    def teardown(self) -> None:
        for tab in self.tabs:
            tab.connect(self.gateways[0])
        for which in range(3):
            self.append(which, 1_000_000)
        for tab in self.tabs:
            assert [n for stream, n in self.shown if stream == tab.stream] == list(range(1, tab.written + 1))
        super().teardown()


TestSending = Sending.TestCase
TestSending.settings = settings(max_examples=80, stateful_step_count=40, deadline=None)
