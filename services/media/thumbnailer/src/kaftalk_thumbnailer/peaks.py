"""The outline of a recording: 100 bars, the tallest of them full."""

from collections.abc import Sequence

PEAKS = 100
PEAK_MAX = 255
_SLICE_MS = 10
# Below 1 % of full scale it is the noise of a room: drawn flat, not enlarged to look like speech.
_QUIET = 328


class Loudness:
    """Collects samples as they are decoded; what it keeps is one number for every 10 ms."""

    RATE = 8_000

    def __init__(self) -> None:
        self._slices: list[int] = []
        self._rest: list[int] = []

    def add(self, levels: Sequence[int]) -> None:
        """Take the next 16-bit samples at RATE."""
        size = self.RATE * _SLICE_MS // 1000
        pending = [*self._rest, *levels]
        whole = len(pending) - len(pending) % size
        self._slices += [_loudest(pending[at : at + size]) for at in range(0, whole, size)]
        self._rest = pending[whole:]

    def peaks(self) -> list[int]:
        """Return 100 numbers of 0-255 over all that was taken, in proportion to the loudest."""
        slices = [*self._slices, _loudest(self._rest)] if self._rest else self._slices or [0]
        full = max(_QUIET, *slices, 1)
        return [round(PEAK_MAX * max(slices[_from(bar, slices) : _to(bar, slices)]) / full) for bar in range(PEAKS)]


def _loudest(levels: Sequence[int]) -> int:
    return max(max(levels), -min(levels))


def _from(bar: int, slices: Sequence[int]) -> int:
    return bar * len(slices) // PEAKS


def _to(bar: int, slices: Sequence[int]) -> int:
    return max(_from(bar, slices) + 1, (bar + 1) * len(slices) // PEAKS)
