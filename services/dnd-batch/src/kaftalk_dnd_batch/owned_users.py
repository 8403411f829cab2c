"""The users of the shards that are ours, in memory."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from kaftalk_dnd_batch.quiet_log import Loaded, StoredRelease
from kaftalk_protocol.ids import UserId
from kaftalk_protocol.quiet_records import UserQuiet


@dataclass(slots=True, eq=False)
class OwnedUser:
    """One user; `quiet` is what the log holds, and changes only under `lock`.

    `stored` tells a state that has a record from one that follows from the organisation's defaults alone; `turn` is
    that of the newest timer, older ones mean nothing. `lock` is held while a change is on its way to the log.
    """

    shard: int
    quiet: UserQuiet
    stored: bool
    releases: dict[str, StoredRelease] = field(default_factory=dict)
    active: bool = True
    owned: bool = True
    turn: int = 0
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def id(self) -> UserId:
        """The user's id."""
        return self.quiet.user


class OwnedUsers:
    """By id and by shard; a shard is ready when all that it holds has been taken in.

    `shared` gives equal states parts in common: there are tens of thousands of them.
    """

    def __init__(self, shared: Callable[[UserQuiet], UserQuiet]) -> None:
        self._shared = shared
        self._users: dict[UserId, OwnedUser] = {}
        self._shards: dict[int, dict[UserId, OwnedUser]] = {}

    def __iter__(self) -> Iterator[OwnedUser]:
        return iter(list(self._users.values()))

    def __len__(self) -> int:
        return len(self._users)

    @property
    def shards(self) -> frozenset[int]:
        """The shards that are ready."""
        return frozenset(self._shards)

    def take_shard(self, shard: int, loaded: Loaded) -> list[OwnedUser]:
        """Take in what a shard holds; it is ready then."""
        self.drop_shard(shard)
        self._shards[shard] = {}
        return [
            self.put(OwnedUser(shard, self._shared(quiet), stored=True, releases=loaded.releases.get(user, {})))
            for user, quiet in loaded.users.items()
        ]

    def drop_shard(self, shard: int) -> None:
        """Let go of a shard; whoever is at work on one of its users sees `owned` fall."""
        for user in self._shards.pop(shard, {}).values():
            user.owned = False
            self._users.pop(user.id, None)

    def put(self, user: OwnedUser) -> OwnedUser:
        """Take in one user of a shard that is ready."""
        self._users[user.id] = self._shards[user.shard][user.id] = user
        return user

    def get(self, user: UserId) -> OwnedUser | None:
        """Find a user."""
        return self._users.get(user)

    def of_shard(self, shard: int) -> list[OwnedUser]:
        """Give the users of a shard."""
        return list(self._shards.get(shard, {}).values())
