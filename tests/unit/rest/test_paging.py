"""Cursors: a list that is read in parts is read whole, whatever changes behind the cursor."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaftalk_protocol.errors import Refused
from kaftalk_rest.paging import decode_cursor, encode_cursor, part_of


def _order(item: tuple[int, str]) -> tuple[int, str]:
    return item


@given(st.sets(st.tuples(st.integers(0, 10**15), st.text("abc", min_size=1, max_size=3))), st.integers(1, 7))
def test_the_parts_are_the_list(items: set[tuple[int, str]], limit: int) -> None:
    seen: list[tuple[int, str]] = []
    cursor: str | None = None
    while True:
        part, cursor = part_of(list(items), limit, cursor, _order)
        seen += part
        if cursor is None:
            break
        assert len(part) == limit
    assert seen == sorted(items)


@given(st.text().filter(lambda text: text.isprintable()))
def test_a_cursor_is_read_as_it_was_written(text: str) -> None:
    assert decode_cursor(encode_cursor(text)) == text


@pytest.mark.parametrize("cursor", ["", "!", "a", "é", "_w", "AAAA", "AAAAAAAAAAAA", encode_cursor("x")[:-1]])
def test_a_cursor_that_was_not_given_out_is_refused(cursor: str) -> None:
    with pytest.raises(Refused):
        decode_cursor(cursor)
