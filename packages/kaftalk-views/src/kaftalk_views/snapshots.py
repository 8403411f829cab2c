"""A room's state as one value of `kaftalk.room-snapshots`: compressed JSON. Pure."""

import zlib

import orjson

from kaftalk_protocol.room_state import RoomState

VERSION = b"\x01"
BYTES_MAX = 256 << 20
"""A snapshot that would unpack to more is refused: 5,000 members and 50,000 streams take about 10 MB."""


def encode(state: RoomState) -> bytes:
    """Write a state; the value is far below the topic's 8 MiB even at every bound of the state."""
    return VERSION + zlib.compress(orjson.dumps(state.to_json()), level=1)


def decode(value: bytes) -> RoomState:
    """Read what `encode` wrote.

    Raises ValueError if it is something else.
    """
    if value[:1] != VERSION:
        raise ValueError("is not a snapshot of this version")
    unpacker = zlib.decompressobj()
    try:
        text = unpacker.decompress(value[1:], BYTES_MAX)
    except zlib.error as error:
        raise ValueError("is no compressed snapshot") from error
    if unpacker.unconsumed_tail or not unpacker.eof:
        raise ValueError("is cut, or too large")
    return RoomState.from_json(orjson.loads(text))
