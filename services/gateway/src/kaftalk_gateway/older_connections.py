"""What a connection that comes takes from older ones of its user: their stream, and their place above the limit."""

from kaftalk_gateway.connection import Connection
from kaftalk_gateway.hub import Hub
from kaftalk_gateway.peers import Outbox, Peers
from kaftalk_protocol import redis_keys
from kaftalk_protocol.errors import CloseCode
from kaftalk_runtime.redis_client import Redis, RedisError


class OlderConnections:
    """Closes connections, here and at other gateways; in Redis each is `<gateway>|<key>`."""

    def __init__(
        self, hub: Hub, redis: Redis, peers: Peers, outbox: Outbox, *, gateway: str, connections_max: int
    ) -> None:
        self._hub = hub
        self._redis = redis
        self._peers = peers
        self._outbox = outbox
        self._gateway = gateway
        self._connections_max = connections_max

    def take_stream(self, connection: Connection, owner: str | None) -> None:
        """Give a live stream to its new socket: the older one closes."""
        for other in list(connection.admitted.connections):
            if other is not connection and other.stream == connection.stream:
                other.close(CloseCode.STREAM_TAKEN, "the stream was taken over")
        gateway, _, key = (owner or "").partition("|")
        if gateway and gateway != self._gateway:
            self._outbox.tell(gateway, {"kind": "stream", "connection": key})

    async def crowd_out(self, connection: Connection, count: int) -> None:
        """Close the oldest connections above the limit; what dead gateways left does not count."""
        if count <= self._connections_max:
            return
        key = redis_keys.connections(connection.user)
        try:
            marks, gateways = await self._redis.many([("ZRANGE", key, 0, -1), ("ZRANGE", redis_keys.GATEWAYS, 0, -1)])
            alive = {entry.partition("|")[0] for entry in gateways} | {self._gateway}
            dead = [mark for mark in marks if not self._lives(mark, alive)]
            living = [mark for mark in marks if mark not in set(dead)]
            oldest = living[: max(0, len(living) - self._connections_max)]
            if dead or oldest:
                await self._redis.run("ZREM", key, *dead, *oldest)
        except RedisError:
            return
        for mark in oldest:
            gateway, _, connection_key = mark.partition("|")
            if gateway == self._gateway:
                self._peers.close(connection_key, CloseCode.TOO_SLOW, "too many connections")
            else:
                self._outbox.tell(gateway, {"kind": "oldest", "connection": connection_key})

    def _lives(self, mark: str, alive: set[str]) -> bool:
        gateway, _, key = mark.partition("|")
        return key in self._hub.connections if gateway == self._gateway else gateway in alive
