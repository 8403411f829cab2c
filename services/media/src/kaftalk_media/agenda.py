"""Which media objects are to be looked at, and when; of each only the earliest time counts. Pure."""

import heapq

from kaftalk_protocol.ids import MediaId


class Agenda:
    """Times in ms of the clock of whoever asks."""

    def __init__(self) -> None:
        self._due: dict[MediaId, int] = {}
        self._heap: list[tuple[int, MediaId]] = []

    def __len__(self) -> int:
        return len(self._due)

    def put(self, media: MediaId, at_ms: int) -> None:
        """Note a time; a later one than is noted already changes nothing."""
        known = self._due.get(media)
        if known is None or at_ms < known:
            self._due[media] = at_ms
            heapq.heappush(self._heap, (at_ms, media))

    def take(self, now_ms: int, count_max: int) -> list[MediaId]:
        """Take what is due off, the oldest first."""
        taken: list[MediaId] = []
        while self._heap and self._heap[0][0] <= now_ms and len(taken) < count_max:
            at_ms, media = heapq.heappop(self._heap)
            if self._due.get(media) == at_ms:
                del self._due[media]
                taken.append(media)
        return taken
