"""When whose state has to go on: a heap of instants of the log's clock."""

import asyncio
import heapq
import itertools

from kaftalk_dnd_batch.owned_users import OwnedUser


class Timers:
    """One timer a user: setting it again makes the older one mean nothing."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, OwnedUser]] = []
        self._turns = itertools.count(1)
        self.changed = asyncio.Event()

    def set(self, user: OwnedUser, due_ms: int) -> None:
        """Wake a user at an instant."""
        user.turn = next(self._turns)
        heapq.heappush(self._heap, (due_ms, user.turn, user))
        if self._heap[0][1] == user.turn:
            self.changed.set()

    def next_ms(self) -> int | None:
        """Give the first instant, if there is any."""
        self._drop_old()
        return self._heap[0][0] if self._heap else None

    def take(self, now_ms: int, count_max: int) -> list[OwnedUser]:
        """Take out users whose instant has come, those who wait longest first."""
        taken: list[OwnedUser] = []
        while len(taken) < count_max:
            self._drop_old()
            if not self._heap or self._heap[0][0] > now_ms:
                break
            taken.append(heapq.heappop(self._heap)[2])
        return taken

    def _drop_old(self) -> None:
        heap = self._heap
        while heap and (heap[0][2].turn != heap[0][1] or not heap[0][2].owned):
            heapq.heappop(heap)
