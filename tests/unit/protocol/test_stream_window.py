"""The identity window against a model that remembers everything."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaftalk_protocol.stream_window import WINDOW_BITS, StreamWindow


def offer(window: StreamWindow, n: int) -> bool:
    if window.knows(n):
        return False
    window.take(n, 0)
    return True


class EverySeen:
    """Remembers every number; below the window counts as seen."""

    def __init__(self) -> None:
        self.seen: set[int] = set()
        self.high = 0

    def offer(self, n: int) -> bool:
        if n in self.seen or n <= self.high - WINDOW_BITS:
            return False
        self.seen.add(n)
        self.high = max(self.high, n)
        return True


@given(st.lists(st.integers(1, 400) | st.integers(1, 70) | st.integers(2**53 - 70, 2**53 - 1), max_size=200))
def test_the_window_decides_like_a_model_that_remembers_everything(numbers: list[int]) -> None:
    window, model = StreamWindow(), EverySeen()
    for n in numbers:
        assert offer(window, n) == model.offer(n)
        assert 0 <= window.bits < 1 << WINDOW_BITS


@given(st.permutations(list(range(1, WINDOW_BITS + 1))))
def test_a_full_window_in_any_order_is_taken_once(numbers: list[int]) -> None:
    window = StreamWindow()
    assert all(offer(window, n) for n in numbers)
    assert not any(offer(window, n) for n in numbers)


@pytest.mark.parametrize(("high", "n", "fresh"), [(64, 1, True), (65, 1, False), (65, 2, True), (1, 1, False)])
def test_the_window_ends_64_below_the_highest(high: int, n: int, fresh: bool) -> None:
    window = StreamWindow()
    offer(window, high)
    assert offer(window, n) is fresh


@given(st.lists(st.integers(1, 200), max_size=50))
def test_a_stored_window_is_the_same_window(numbers: list[int]) -> None:
    window = StreamWindow()
    for n in numbers:
        offer(window, n)
    assert StreamWindow.decode(window.encode()) == window
    assert window.copy() == window


@pytest.mark.parametrize("text", ["", "1:2", "a:b:c", "1:2:3:4", "1:zz:3"])
def test_a_broken_stored_window_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        StreamWindow.decode(text)
