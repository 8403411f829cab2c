"""Typing, presence and read cursors on their way between gateways: of each only the last in 200 ms. Pure."""

from collections.abc import Hashable, Iterator

from kaftalk_protocol.deliveries import Signal

SMALL_ROOM_MEMBERS = 50
"""Presence and others' read cursors are pushed in rooms up to this size only."""

PENDING_MAX = 20_000


class SignalBuffer:
    """What came since the last flush, with the link that it came by; above the bound the newest are dropped."""

    def __init__(self) -> None:
        self._pending: dict[tuple[str, str, str], tuple[Hashable, Signal]] = {}

    def __bool__(self) -> bool:
        return bool(self._pending)

    def note(self, source: Hashable, signal: Signal) -> None:
        """Take a signal in; it replaces an earlier one of the same kind, room and user."""
        key = (signal.kind, signal.room, signal.user)
        if key in self._pending or len(self._pending) < PENDING_MAX:
            self._pending[key] = (source, signal)

    def take(self) -> Iterator[tuple[Hashable, Signal]]:
        """Hand over what is pending."""
        pending, self._pending = self._pending, {}
        return iter(pending.values())


def may_pass(signal: Signal, members: int | None) -> bool:
    """Tell whether a signal is pushed in a room of so many members (None: unknown)."""
    return signal.kind == "typing" or (members is not None and members <= SMALL_ROOM_MEMBERS)
