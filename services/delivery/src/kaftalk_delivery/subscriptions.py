"""Which gateways want which rooms. Pure."""

from collections.abc import Collection, Iterable
from typing import Generic, TypeVar

from kaftalk_protocol.ids import RoomId

LinkT = TypeVar("LinkT")


class Subscriptions(Generic[LinkT]):
    """Rooms ↔ links."""

    def __init__(self) -> None:
        self._links: dict[RoomId, set[LinkT]] = {}
        self._rooms: dict[LinkT, set[RoomId]] = {}

    def __len__(self) -> int:
        return sum(len(rooms) for rooms in self._rooms.values())

    def add(self, link: LinkT, room: RoomId) -> None:
        """Subscribe a link to a room."""
        self._links.setdefault(room, set()).add(link)
        self._rooms.setdefault(link, set()).add(room)

    def remove(self, link: LinkT, rooms: Iterable[RoomId]) -> None:
        """Unsubscribe a link from rooms."""
        for room in rooms:
            self._rooms.get(link, set()).discard(room)
            links = self._links.get(room, set())
            links.discard(link)
            if not links:
                self._links.pop(room, None)

    def remove_link(self, link: LinkT) -> None:
        """Forget a link."""
        self.remove(link, list(self._rooms.get(link, ())))
        self._rooms.pop(link, None)

    def remove_room(self, room: RoomId) -> None:
        """Forget a room."""
        for link in self._links.pop(room, set()):
            self._rooms[link].discard(room)

    def all_rooms(self) -> Collection[RoomId]:
        """Give every room that somebody wants."""
        return list(self._links)

    def links(self, room: RoomId) -> Collection[LinkT]:
        """Give the links that want a room."""
        return self._links.get(room, ())

    def rooms(self, link: LinkT) -> Collection[RoomId]:
        """Give the rooms that a link wants."""
        return self._rooms.get(link, ())
