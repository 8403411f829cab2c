"""Handing states and releases to the gateways that have the users' sockets."""

import asyncio
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence

from kaftalk_protocol import redis_keys
from kaftalk_protocol.ids import UserId
from kaftalk_protocol.quiet_state import QuietState, QuietStates
from kaftalk_runtime import metrics
from kaftalk_runtime.clock import Clock
from kaftalk_runtime.internal_http import InternalHttp, InternalUnreachable
from kaftalk_runtime.logs import get_logger
from kaftalk_runtime.redis_client import Redis

STATES_PATH = "/internal/quiet"
RELEASES_PATH = "/internal/releases"
POSTS_AT_ONCE = 2
GATEWAYS_KEPT_S = 1.0
DEAD_AFTER_MS = 10_000
RETRY_FIRST_S, RETRY_LAST_S = 0.1, 1.0

_log = get_logger(__name__)
_posts = metrics.counter("kaftalk_dnd_batch_handoffs_total", "Posts to gateways", "kind", "result")
_waiting = metrics.gauge("kaftalk_dnd_batch_handoffs_waiting", "Posts that wait for a gateway")


class Handoff:
    """Posts to gateways: two at once each, again until a 2xx, and no more to one that is gone."""

    def __init__(self, http: InternalHttp, redis: Redis, clock: Clock) -> None:
        self._http = http
        self._redis = redis
        self._clock = clock
        self._urls: dict[str, str] = {}
        self._read_s = float("-inf")
        self._turns: defaultdict[str, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(POSTS_AT_ONCE))

    async def online(self, users: Sequence[UserId]) -> dict[str, list[UserId]]:
        """Give the users by the living gateways that have sockets of theirs.

        Raises RedisAway.
        """
        now_ms = self._clock.now_ms()
        replies = await self._redis.many([("ZRANGEBYSCORE", redis_keys.online(user), now_ms, "+inf") for user in users])
        named = {gateway for gateways in replies if isinstance(gateways, list) for gateway in gateways}
        living = await self._living(named)
        by_gateway: dict[str, list[UserId]] = {}
        for user, gateways in zip(users, replies, strict=True):
            for gateway in gateways if isinstance(gateways, list) else ():
                if gateway in living:
                    by_gateway.setdefault(gateway, []).append(user)
        return by_gateway

    async def tell(self, gateway: str, states: Iterable[QuietState]) -> bool:
        """Hand states to a gateway; False if it is gone, or takes them not."""
        return await self._post(gateway, STATES_PATH, QuietStates(states=tuple(states)).encode(), "states")

    async def release(self, gateway: str, body: bytes) -> bool:
        """Hand a batch of releases to a gateway; False if it is gone, or takes it not."""
        return await self._post(gateway, RELEASES_PATH, body, "releases")

    async def _living(self, named: Collection[str] = ()) -> dict[str, str]:
        """Give the gateways' addresses by name, as of a second ago at most; as of now if one of `named` is new."""
        if self._clock.monotonic() - self._read_s > GATEWAYS_KEPT_S or not self._urls.keys() >= set(named):
            since_ms = self._clock.now_ms() - DEAD_AFTER_MS
            entries = await self._redis.run("ZRANGEBYSCORE", redis_keys.GATEWAYS, since_ms, "+inf")
            self._urls = dict(entry.split("|", 1) for entry in entries)
            self._read_s = self._clock.monotonic()
        return self._urls

    async def _post(self, gateway: str, path: str, body: bytes, kind: str) -> bool:
        backoff_s, refused = RETRY_FIRST_S, ""
        _waiting.inc()
        try:
            async with self._turns[gateway]:
                while (url := (await self._living([gateway])).get(gateway)) not in (None, refused):
                    result = await self._attempt(url, path, body)
                    _posts.labels(kind, result).inc()
                    if result in ("taken", "refused"):
                        return result == "taken"
                    if result == "nobody":
                        # It is gone with its sockets, unless it came back elsewhere under its name.
                        refused = url
                        self._urls = {}
                        continue
                    await self._clock.sleep(backoff_s)
                    backoff_s = min(2 * backoff_s, RETRY_LAST_S)
                return False
        finally:
            _waiting.inc(-1)

    async def _attempt(self, url: str, path: str, body: bytes) -> str:
        try:
            answer = await self._http.post(url, path, body)
        except InternalUnreachable as error:
            return "nobody" if error.refused else "unanswered"
        if answer.is_success:
            return "taken"
        _log.warning("handoff_not_taken", url=url, path=path, status=answer.status)
        # 401 and 403 pass when the clocks agree again; any other 4xx would be the same for ever.
        passing = answer.status >= 500 or answer.status in (401, 403, 429)
        return "later" if passing else "refused"
