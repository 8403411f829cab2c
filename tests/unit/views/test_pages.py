"""How pages are cut: pure."""

import pytest

from kaftalk_protocol.records import Unknown
from kaftalk_views.page import Cut, beginning, ending, fit, surrounding
from kaftalk_views.projection import Shown


def shown(*seqs: int) -> list[Shown]:
    return [Shown(seq, None, 0, b"{}", Unknown(k="x")) for seq in seqs]


def seqs(cut: Cut) -> list[int]:
    return [one.seq for one in cut.items]


def test_an_ending_page_covers_all_down_to_its_first_item() -> None:
    cut = ending(shown(3, 5, 9), 12, 2, floor=0)
    assert (seqs(cut), cut.start, cut.to, cut.has_before) == ([5, 9], 4, 12, True)


def test_an_ending_page_with_all_there_is_covers_all_down_to_the_floor() -> None:
    cut = ending(shown(5, 9), 12, 2, floor=4)
    assert (seqs(cut), cut.start, cut.has_before) == ([5, 9], 3, False)


def test_an_empty_page_covers_nothing_above_its_end() -> None:
    cut = ending([], 2, 5, floor=7)
    assert (cut.items, cut.start, cut.to) == ([], 2, 2)


def test_a_beginning_page_ends_at_the_head_if_nothing_is_left() -> None:
    cut = beginning(shown(5, 9), 4, 12, 2)
    assert (seqs(cut), cut.start, cut.to, cut.has_after) == ([5, 9], 4, 12, False)
    cut = beginning(shown(5, 9, 10), 4, 12, 2)
    assert (cut.to, cut.has_after) == (9, True)


@pytest.mark.parametrize(
    ("early", "late", "limit", "expected", "start", "to"),
    [
        ((1, 2, 3, 4), (5, 6, 7, 8), 4, [3, 4, 5, 6], 2, 6),
        ((3, 4), (5, 6, 7, 8), 5, [3, 4, 5, 6, 7], -1, 7),
        ((1, 2, 3, 4), (5,), 4, [2, 3, 4, 5], 1, 20),
        ((3, 4), (5, 6), 1, [4], 3, 4),
        ((), (5, 6), 1, [5], -1, 5),
        ((3,), (), 3, [3], -1, 20),
    ],
)
def test_a_page_around_a_seq_has_half_of_each_side_where_it_can(
    early: tuple[int, ...], late: tuple[int, ...], limit: int, expected: list[int], start: int, to: int
) -> None:
    cut = surrounding(ending(shown(*early), 4, 9, floor=0), beginning(shown(*late), 4, 20, 9), limit)
    assert (seqs(cut), cut.start, cut.to) == (expected, start, to)


def test_what_is_farthest_goes_when_bytes_run_out() -> None:
    cut = Cut(shown(1, 2, 3, 4, 5), 0, 9, False, False)
    late = fit(cut, [10] * 5, 20, anchor=9)
    assert (seqs(late), late.start, late.to, late.has_before, late.has_after) == ([4, 5], 3, 9, True, False)
    early = fit(cut, [10] * 5, 20, anchor=0)
    assert (seqs(early), early.start, early.to, early.has_before, early.has_after) == ([1, 2], 0, 2, False, True)
    assert seqs(fit(cut, [10] * 5, 30, anchor=3)) == [2, 3, 4]


def test_one_item_stays_however_large() -> None:
    assert seqs(fit(Cut(shown(7), 6, 9, True, False), [10], 1, anchor=9)) == [7]


def test_a_page_that_fits_is_left_alone() -> None:
    cut = Cut(shown(7), 6, 9, True, False)
    assert fit(cut, [10], 10, anchor=9) is cut
