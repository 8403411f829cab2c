"""Tell every gateway about what is not in a room's log. A notice that is lost shows at the client's next read."""

import contextlib
import json
from typing import Any

from kaftalk_protocol import redis_keys
from kaftalk_protocol.ids import RoomId, UserId
from kaftalk_runtime.redis_client import Redis, RedisError


class GatewayNotices:
    """Publishes to the channels of all gateways."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def user_changed(self, user: dict[str, Any]) -> None:
        """A user's name or state is another now."""
        await self._publish({"kind": "user", "user": user})

    async def read(self, room: RoomId, user: UserId, seq: int) -> None:
        """Somebody has read up to `seq`."""
        await self._publish({"kind": "read", "room": room, "user": user, "seq": seq})

    async def entry_changed(self, room: RoomId, user: UserId) -> None:
        """What is one's own about a room (its mute) is another now."""
        await self._publish({"kind": "entry", "room": room, "user": user})

    async def session_ended(self, sid: str) -> None:
        """A session is over; its sockets close with 4503."""
        await self._publish({"kind": "session", "sid": sid})

    async def _publish(self, notice: dict[str, Any]) -> None:
        text = json.dumps(notice)
        with contextlib.suppress(RedisError):
            gateways = await self._redis.run("ZRANGE", redis_keys.GATEWAYS, 0, -1)
            names = [gateway.partition("|")[0] for gateway in gateways]
            await self._redis.many([("PUBLISH", redis_keys.gateway_channel(name), text) for name in names])
