"""What waits to go to one gateway, in order, bounded; and what went and is not acknowledged. Pure.

At the bound the events are dropped and the gateway is marked behind: it will pull from the log, and nobody waits for
it. Control messages are small and are kept in their order, but for repeated heads.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from kaftalk_delivery.flights import Flight
from kaftalk_protocol.deliveries import Behind, RoomEvent, encode_batch

BYTES_MAX = 8 * 1024 * 1024
BATCH_BYTES = 256 * 1024
BATCHES_UNACKED_MAX = 256
CONTROLS_MAX = 20_000
_EVENT_OVERHEAD = 64


@dataclass(frozen=True, slots=True)
class _Events:
    events: Sequence[RoomEvent]
    flight: Flight
    size: int


class LinkQueue:
    """The outgoing side of a link."""

    def __init__(self) -> None:
        self._waiting: deque[_Events | str] = deque()
        self._unacked: deque[tuple[int, float, list[Flight]]] = deque()
        self._bytes = 0
        self._number = 0

    def __bool__(self) -> bool:
        return bool(self._waiting) and len(self._unacked) < BATCHES_UNACKED_MAX

    @property
    def overfull(self) -> bool:
        """Whether the bound is reached: mark the gateway behind."""
        return self._bytes > BYTES_MAX or len(self._waiting) > CONTROLS_MAX

    def oldest_unacked_s(self) -> float | None:
        """When the oldest batch without an acknowledgement went out (monotonic)."""
        return self._unacked[0][1] if self._unacked else None

    def tell(self, control: str) -> None:
        """Queue a control message behind what waits."""
        self._waiting.append(control)

    def offer(self, events: Sequence[RoomEvent], flight: Flight) -> None:
        """Queue events of one room."""
        size = sum(len(event.frame) + _EVENT_OVERHEAD for event in events)
        self._bytes += size
        self._waiting.append(_Events(events, flight, size))

    def take(self, now_s: float) -> bytes | str:
        """Give the next message: a control message, or a batch of the events up to the next one.

        Raises IndexError if nothing waits.
        """
        if isinstance(self._waiting[0], str):
            return str(self._waiting.popleft())
        events: list[RoomEvent] = []
        flights: list[Flight] = []
        size = 0
        while self._waiting and size < BATCH_BYTES:
            item = self._waiting[0]
            if isinstance(item, str):
                break
            self._waiting.popleft()
            events += item.events
            flights.append(item.flight)
            size += item.size
        self._bytes -= size
        self._number += 1
        self._unacked.append((self._number, now_s, flights))
        return encode_batch(self._number, events)

    def acked(self, number: int) -> list[Flight]:
        """Give what is taken by an acknowledgement of all batches up to `number`."""
        taken: list[Flight] = []
        while self._unacked and self._unacked[0][0] <= number:
            taken += self._unacked.popleft()[2]
        return taken

    def fall_behind(self) -> list[Flight]:
        """Drop all events, queue the word that says so, and give what nobody needs to wait for any more."""
        freed = self.give_up()
        self._waiting = deque(item for item in self._waiting if isinstance(item, str))
        while len(self._waiting) > CONTROLS_MAX // 2:
            self._waiting.popleft()
        self._waiting.append(Behind().encode())
        self._bytes = 0
        return freed

    def give_up(self) -> list[Flight]:
        """Give all flights of this link, sent or not: it is gone or behind."""
        sent = [flight for _, _, flights in self._unacked for flight in flights]
        self._unacked.clear()
        return sent + list(_flights(self._waiting))


def _flights(items: Iterable[_Events | str]) -> Iterable[Flight]:
    return (item.flight for item in items if isinstance(item, _Events))
