"""What sounded in holds, told to dnd-batch, where its recipients find it; tried again while nobody answers."""

import asyncio
from typing import Protocol

from kaftalk_gateway import metrics
from kaftalk_gateway.quiet_authority import QuietUnreachable
from kaftalk_protocol.ids import UserId
from kaftalk_protocol.quiet_state import PiercedNote
from kaftalk_runtime.internal_http import Answer
from kaftalk_runtime.logs import get_logger
from kaftalk_runtime.redis_client import RedisError

PATH = "/internal/pierced"
_WAITING_MAX = 10_000
_AT_ONCE_MAX = 8
_TRIES_MAX = 60
_PAUSE_FIRST_S = 0.1
_PAUSE_MAX_S = 5.0
_UNREADABLE = frozenset({400, 413, 422})

_log = get_logger(__name__)


class Authority(Protocol):
    """The way to dnd-batch."""

    async def post(self, user: UserId, path: str, body: bytes) -> Answer:
        """Post to who has the user. Raises QuietUnreachable, RedisError."""


class PiercedNotes:
    """Hands notes over, a few at a time, in any order: dnd-batch keeps one a message."""

    def __init__(self, authority: Authority) -> None:
        self._authority = authority
        self._gate = asyncio.Semaphore(_AT_ONCE_MAX)
        self._tasks: set[asyncio.Task[None]] = set()

    def note(self, note: PiercedNote) -> None:
        """Hand a note over soon; above the bound it is lost, and counted."""
        if len(self._tasks) >= _WAITING_MAX:
            self._lose(note, "too many wait")
            return
        task = asyncio.create_task(self._hand_over(note))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def stop(self) -> None:
        """Give up what has not been handed over."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _hand_over(self, note: PiercedNote) -> None:
        pause_s, reason = _PAUSE_FIRST_S, ""
        for _ in range(_TRIES_MAX):
            try:
                async with self._gate:
                    answer = await self._authority.post(note.user, PATH, note.encode())
            except (QuietUnreachable, RedisError) as error:
                reason = repr(error)
            else:
                if answer.is_success:
                    return
                reason = f"status {answer.status}"
                if answer.status in _UNREADABLE:
                    break
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, _PAUSE_MAX_S)
        self._lose(note, reason)

    def _lose(self, note: PiercedNote, reason: str) -> None:
        metrics.pierced_unnoted.inc()
        _log.warning("pierced_note_lost", user=note.user, room=note.room, seq=note.seq, reason=reason)
