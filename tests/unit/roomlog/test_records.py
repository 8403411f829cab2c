"""Decoding what a fetch brings."""

import pytest
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from hypothesis import given
from hypothesis import strategies as st

from kaftalk_roomlog.records import Undecodable, decode
from kaftalk_roomlog.shards import shard_of


def batch(base: int, values: list[bytes | None]) -> bytes:
    builder = DefaultRecordBatchBuilder(2, 0, 0, -1, -1, 0, 1 << 20)
    for index, value in enumerate(values):
        builder.append(index, 1_000 + index, b"k", value, [])
    encoded = bytearray(builder.build())
    encoded[0:8] = base.to_bytes(8, "big")
    return bytes(encoded)


def test_what_lies_below_the_position_is_left_out() -> None:
    records, position = decode(batch(10, [b"a", b"b", b"c"]), 11)
    assert [(record.offset, record.value) for record in records] == [(11, b"b"), (12, b"c")]
    assert position == 13


def test_a_tombstone_is_told_from_an_empty_value() -> None:
    records, _ = decode(batch(0, [b"", None]), 0)
    assert [(record.value, record.deleted) for record in records] == [(b"", False), (b"", True)]


def test_a_batch_that_is_cut_off_is_left_for_the_next_fetch() -> None:
    whole, cut = batch(0, [b"a"]), batch(1, [b"b"])
    records, position = decode(whole + cut[:-1], 0)
    assert [record.offset for record in records] == [0]
    assert position == 1


def test_nothing_decodes_to_nothing() -> None:
    assert decode(b"", 5) == ([], 5)


@given(st.integers(61, 70))
def test_a_flipped_bit_is_found(place: int) -> None:
    damaged = bytearray(batch(0, [b"some text in a record"]))
    damaged[place] ^= 1
    with pytest.raises(Undecodable):
        decode(bytes(damaged), 0)


def test_keys_go_to_the_partitions_that_kafkas_own_clients_choose() -> None:
    # From Kafka's own UtilsTest.testMurmur2: murmur2("21") = -973932308, "foobar" -790332482 and so on.
    assert shard_of("21", 1_000) == (-973932308 & 0x7FFFFFFF) % 1_000
    assert shard_of("foobar", 1_000) == (-790332482 & 0x7FFFFFFF) % 1_000
    assert shard_of("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", 128) == (-58897971 & 0x7FFFFFFF) % 128
