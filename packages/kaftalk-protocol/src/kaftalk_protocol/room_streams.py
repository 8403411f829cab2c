"""The identity of messages: which `(by, stream, n)` were taken, kept bounded and the same at every folder.

A stream is forgotten after 30 days of log time; above 50,000 streams a room, or 1,024 a user, the least recently
used eighth goes first. Log time never falls, though the broker's clock may.
"""

import re

from kaftalk_protocol.ids import StreamId
from kaftalk_protocol.room_facts import STREAM_KEPT_MS, STREAMS_MAX, USER_STREAMS_MAX, RoomFacts, StreamKey
from kaftalk_protocol.stream_window import StreamWindow

DAY_MS = 24 * 3600 * 1000

_MESSAGE_ID = re.compile(r"([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}):([1-9][0-9]{0,15})")


def split_id(message_id: str) -> tuple[StreamId, int] | None:
    """Split `<stream>:<n>`; None if it is not so spelled."""
    match = _MESSAGE_ID.fullmatch(message_id)
    return (StreamId(match[1]), int(match[2])) if match else None


def is_taken(state: RoomFacts, key: StreamKey, n: int, ts: int) -> bool:
    """Tell whether message `n` of a stream was taken before, as far as the window reaches."""
    window = state.streams.get(key)
    return window is not None and not _is_aged(window, max(ts, state.log_ms)) and window.knows(n)


def note(state: RoomFacts, key: StreamKey, n: int, ts: int) -> None:
    """Note message `n` of a stream, which was not taken before, and forget what is old."""
    now, then = max(ts, state.log_ms), state.log_ms
    state.log_ms = now
    if now // DAY_MS != then // DAY_MS:
        _forget(state, [other for other, window in state.streams.items() if _is_aged(window, now)])
    window = state.streams.get(key)
    if window is None:
        window = _open(state, key)
    elif _is_aged(window, now):
        window = state.streams[key] = StreamWindow()
    window.take(n, now)


def _is_aged(window: StreamWindow, now_ms: int) -> bool:
    return now_ms - window.last_ms > STREAM_KEPT_MS


def _open(state: RoomFacts, key: StreamKey) -> StreamWindow:
    user = key[0]
    if state.stream_counts.get(user, 0) >= USER_STREAMS_MAX:
        _forget(state, _oldest(state, [other for other in state.streams if other[0] == user]))
    if len(state.streams) >= STREAMS_MAX:
        _forget(state, _oldest(state, list(state.streams)))
    state.stream_counts[user] = state.stream_counts.get(user, 0) + 1
    window = state.streams[key] = StreamWindow()
    return window


def _oldest(state: RoomFacts, keys: list[StreamKey]) -> list[StreamKey]:
    keys.sort(key=lambda key: (state.streams[key].last_ms, key))
    return keys[: len(keys) // 8 + 1]


def _forget(state: RoomFacts, keys: list[StreamKey]) -> None:
    for key in keys:
        del state.streams[key]
        state.stream_counts[key[0]] -= 1
        if not state.stream_counts[key[0]]:
            del state.stream_counts[key[0]]
    state.forgotten.streams.extend(keys)
