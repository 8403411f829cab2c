"""One timer wheel for all sessions: hellos that do not come, pings, pongs that do not come."""

from kaftalk_gateway.connection import Connection

_SLOTS = 64


class Wheel:
    """Slots of a second each; a connection sits in the one in which its session has something to do next."""

    def __init__(self, now: float) -> None:
        self._slots: list[dict[Connection, None]] = [{} for _ in range(_SLOTS)]
        self._at = int(now)

    def add(self, connection: Connection, now: float) -> None:
        """Put a connection into its slot."""
        due = max(connection.session.due(connection.socket.last_received), now)
        second = min(int(due) + 1, int(now) + _SLOTS - 1)
        self._slots[max(second, self._at + 1) % _SLOTS][connection] = None

    def turn(self, now: float) -> None:
        """Tick the sessions whose second has come."""
        while self._at < int(now):
            self._at += 1
            due, self._slots[self._at % _SLOTS] = self._slots[self._at % _SLOTS], {}
            for connection in due:
                if connection.is_open:
                    connection.apply(connection.session.tick(now, connection.socket.last_received))
                if connection.is_open:
                    self.add(connection, now)
