"""A gateway as dnd-batch sees it: takes states and releases over signed HTTP, or hangs, refuses and dies at will."""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import uvicorn
from starlette.applications import Starlette
from starlette.responses import Response

from kaftalk_protocol import redis_keys
from kaftalk_protocol.ids import UserId
from kaftalk_protocol.quiet_records import Digest
from kaftalk_protocol.quiet_state import QuietState, QuietStates
from kaftalk_protocol.release_batch import ReleaseBatch, UserRelease
from kaftalk_runtime.internal_auth import InternalKeys
from kaftalk_runtime.internal_routes import signed_route
from kaftalk_runtime.redis_client import Redis
from kaftalk_testing.ports import free_port

_ONLINE_MS = 3_600_000
_BEAT_S = 2.0


@dataclass(frozen=True, slots=True)
class Taken:
    """One user's release, the batch that it came in, and the ms of this machine at which it came."""

    release: UserRelease
    batch: ReleaseBatch
    at_ms: int

    def seqs(self) -> dict[str, list[int]]:
        """Give the seqs that she is shown, by room."""
        shares = map(self.batch.share, self.release.shares)
        return {
            share.room: [item["seq"] for item in json.loads(self.batch.items(share.room)) if item["seq"] > share.from_]
            for share in shares
        }

    @property
    def digest(self) -> Digest:
        """Her digest."""
        return self.batch.digest(self.release)


class GatewayTwin:
    """What came, in order; `open` cleared holds every release at the door, before it is taken, and `done` after it.

    `status` answers it: any but 200 is not taken.
    """

    def __init__(self, name: str, redis: Redis, keys: InternalKeys) -> None:
        self.name = name
        self.taken: list[Taken] = []
        self.states: list[QuietState] = []
        self.open, self.done = asyncio.Event(), asyncio.Event()
        self.open.set()
        self.done.set()
        self.at_the_door = asyncio.Event()
        self.status = 200
        self._redis = redis
        self._keys = keys
        self._news = asyncio.Condition()

    def app(self) -> Starlette:
        """Build its internal listener."""
        return Starlette(
            routes=[
                signed_route("/internal/releases", self._keys, self._releases),
                signed_route("/internal/quiet", self._keys, self._quiet),
            ]
        )

    async def connect(self, users: Iterable[UserId]) -> None:
        """Say that users have sockets here."""
        ends_ms = int(time.time() * 1000) + _ONLINE_MS
        await self._redis.many([("ZADD", redis_keys.online(user), ends_ms, self.name) for user in users])

    async def disconnect(self, user: UserId) -> None:
        """Say that a user has no socket here any more."""
        await self._redis.run("ZREM", redis_keys.online(user), self.name)

    def of(self, user: UserId) -> list[Taken]:
        """Give the releases of a user that came."""
        return [one for one in self.taken if one.release.user == user]

    async def released(self, user: UserId, count: int = 1, timeout_s: float = 30.0) -> list[Taken]:
        """Wait until a user's release has come `count` times. Raises TimeoutError."""
        async with asyncio.timeout(timeout_s), self._news:
            await self._news.wait_for(lambda: len(self.of(user)) >= count)
        return self.of(user)

    async def told(self, user: UserId, *, active: bool, timeout_s: float = 10.0) -> QuietState:
        """Wait for a state in which a hold of the user is planned, or none. Raises TimeoutError."""

        def last() -> QuietState | None:
            states = [state for state in self.states if state.user == user]
            return states[-1] if states and (states[-1].hold is not None) == active else None

        async with asyncio.timeout(timeout_s), self._news:
            await self._news.wait_for(lambda: last() is not None)
        return last() or QuietState(user=user, version=0)

    async def beat(self, url: str) -> None:
        """Say every two seconds that it lives, for ever."""
        while True:
            await self._redis.run("ZADD", redis_keys.GATEWAYS, int(time.time() * 1000), f"{self.name}|{url}")
            await asyncio.sleep(_BEAT_S)

    async def leave(self, url: str) -> None:
        """Be gone from the list of gateways."""
        await self._redis.run("ZREM", redis_keys.GATEWAYS, f"{self.name}|{url}")

    async def _releases(self, body: bytes) -> Response:
        batch = ReleaseBatch.decode(body)
        self.at_the_door.set()
        await self.open.wait()
        if self.status == 200:
            now_ms = int(time.time() * 1000)
            self.taken += [Taken(release, batch, now_ms) for release in batch.releases()]
            async with self._news:
                self._news.notify_all()
            await self.done.wait()
        return Response(b"{}", self.status, media_type="application/json")

    async def _quiet(self, body: bytes) -> Response:
        self.states += QuietStates.model_validate_json(body).states
        async with self._news:
            self._news.notify_all()
        return Response(status_code=204)


@asynccontextmanager
async def run_gateway_twin(redis: Redis, keys: InternalKeys, name: str = "twin") -> AsyncIterator[GatewayTwin]:
    """Run a twin that is listed in Redis while the block runs."""
    twin, port = GatewayTwin(name, redis, keys), free_port()
    url = f"ws://127.0.0.1:{port}"
    server = uvicorn.Server(
        uvicorn.Config(twin.app(), host="127.0.0.1", port=port, log_config=None, lifespan="off", ws="none")
    )
    server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign, assignment]
    tasks = [asyncio.create_task(server.serve()), asyncio.create_task(twin.beat(url))]
    try:
        while not server.started:
            await asyncio.sleep(0.01)
        yield twin
    finally:
        twin.open.set()
        twin.done.set()
        server.should_exit = True
        tasks[1].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        with contextlib.suppress(Exception):
            await twin.leave(url)
