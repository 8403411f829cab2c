"""The only file that names `redis`: a small client that fails fast and never repeats a command.

RedisError
├── RedisAway       no answer: not sent, lost or too late; a write may have happened
└── RedisRefused    Redis answered with an error

redis-py repeats every command up to ten times by default, and an INCR or LPUSH then counts twice; here nothing is
repeated. A connection that was left in the middle of an answer is closed, never reused (CVE-2023-28858).
"""

import asyncio
import hashlib
import math
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from hiredis import pack_command
from redis.asyncio import ConnectionPool
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import RedisError as LibraryError
from redis.exceptions import ResponseError
from redis.exceptions import TimeoutError as LibraryTimeout

from kaftalk_runtime import metrics
from kaftalk_runtime.logs import get_logger

Arg = str | bytes | int | float
Command = Sequence[Arg]

_ANSWER_TIMEOUT_S = 0.5
_PING_EVERY_S = 0.25
_TIMEOUTS_UNTIL_AWAY = 3
_CONNECTIONS_MAX = 32
_COMMANDS_A_ROUND = 500
_SUBSCRIBED_PING_S = 5.0

_log = get_logger(__name__)
_away_metric = metrics.gauge("kaftalk_redis_away", "1 while Redis does not answer")
_trouble = metrics.counter("kaftalk_redis_failures_total", "Round trips to Redis without an answer")
_refused = metrics.counter("kaftalk_redis_refusals_total", "Commands that Redis answered with an error")
_round_trip = metrics.histogram("kaftalk_redis_round_trip_seconds", "From commands to all their answers")


class RedisError(Exception):
    """Root of this module's errors."""


class RedisAway(RedisError):
    """Redis does not answer; a write may have happened."""


class RedisRefused(RedisError):
    """Redis answered with an error."""


class Script:
    """A Lua script, called by its digest and sent whole only to a Redis that does not know it."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.digest = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()

    def call(self, keys: Sequence[str], args: Sequence[Arg] = ()) -> "ScriptCall":
        """Make a command for `Redis.many`."""
        return ScriptCall(self, (len(keys), *keys, *args))


class ScriptCall:
    """One call of a script as a command of a pipeline."""

    __slots__ = ("_arguments", "_script")

    def __init__(self, script: Script, arguments: Command) -> None:
        self._script = script
        self._arguments = arguments

    def by_digest(self) -> Command:
        """Give the command for a Redis that knows the script."""
        return ("EVALSHA", self._script.digest, *self._arguments)

    def whole(self) -> Command:
        """Give the command for one that does not."""
        return ("EVAL", self._script.text, *self._arguments)


class Redis:
    """Commands in, replies out; strings both ways.

    Replies have RESP2's shapes but for HGETALL (dict), SMEMBERS (set) and what is asked WITHSCORES (list of
    (member, float)). While Redis is away every call raises RedisAway at once, and a ping finds out when it is back.
    """

    def __init__(self, url: str) -> None:
        self._factory: Any = ConnectionPool.from_url(
            url,
            protocol=2,
            decode_responses=True,
            # One timeout a round trip instead, see _round: a timer a reply costs more than the reply.
            socket_timeout=None,
            socket_connect_timeout=_ANSWER_TIMEOUT_S,
            retry_on_timeout=False,
            driver_info=None,
        )
        self._idle: list[AbstractConnection] = []
        self._slots = asyncio.Semaphore(_CONNECTIONS_MAX)
        self._timeouts = 0
        self._retry_at = 0.0
        self.away = False

    async def run(self, *command: Arg) -> Any:
        """Run one command and give its reply.

        Raises RedisAway, RedisRefused.
        """
        return _raised((await self.many([command]))[0])

    async def eval(self, script: Script, keys: Sequence[str], args: Sequence[Arg] = ()) -> Any:
        """Run a script and give its reply.

        Raises RedisAway, RedisRefused.
        """
        return _raised((await self.many([script.call(keys, args)]))[0])

    async def many(self, commands: Sequence[Command | ScriptCall]) -> list[Any]:
        """Run commands in one round trip (500 at a time), in order, not as a transaction.

        A command that Redis refuses has a RedisRefused in its place. Raises RedisAway.
        """
        replies: list[Any] = []
        for start in range(0, len(commands), _COMMANDS_A_ROUND):
            replies += await self._known(commands[start : start + _COMMANDS_A_ROUND])
        return replies

    async def transaction(self, commands: Sequence[Command]) -> list[Any]:
        """Run commands all or none of them (MULTI/EXEC).

        Raises RedisAway, RedisRefused.
        """
        *_, replies = map(_raised, await self._round([("MULTI",), *commands, ("EXEC",)]))
        return [_shaped(command, reply) for command, reply in zip(commands, replies, strict=True)]

    async def subscribe(self, *channels: str) -> AsyncIterator[tuple[str, str]]:
        """Yield (channel, text) of what is published; a quiet connection is probed every 5 s.

        Never the only path of something that must arrive: what is published while nobody listens is lost.
        Raises RedisAway when the connection dies.
        """
        async with self._connection() as connection:
            await connection.send_packed_command(_packed([("SUBSCRIBE", *channels)]), False)
            probed = False
            while True:
                try:
                    reply = await connection.read_response(timeout=_SUBSCRIBED_PING_S, disconnect_on_error=False)
                except LibraryTimeout:
                    if probed:
                        raise
                    await connection.send_packed_command(_packed([("PING",)]), False)
                    probed = True
                    continue
                probed = False
                if isinstance(reply, list) and reply[0] == "message":
                    yield reply[1], reply[2]

    async def ping(self) -> bool:
        """Tell whether Redis answers."""
        try:
            return bool(await self.run("PING") == "PONG")
        except RedisError:
            return False

    async def watch(self) -> None:
        """Find out that Redis is back also when nobody asks it, for ever."""
        while True:
            await asyncio.sleep(_PING_EVERY_S)
            if self.away:
                await self.ping()

    async def close(self) -> None:
        """Close the connections that nobody uses."""
        while self._idle:
            await self._idle.pop().disconnect(nowait=True)

    async def _known(self, commands: Sequence[Command | ScriptCall]) -> list[Any]:
        wire = [command.by_digest() if isinstance(command, ScriptCall) else command for command in commands]
        replies = await self._round(wire)
        unknown = [at for at, reply in enumerate(replies) if _is_noscript(reply)]
        if unknown:
            # The refused calls only, in their order; no script was run, so nothing is done twice.
            calls = [call.whole() for at in unknown if isinstance(call := commands[at], ScriptCall)]
            for at, reply in zip(unknown, await self._round(calls), strict=True):
                replies[at] = reply
        return [_shaped(command, reply) for command, reply in zip(wire, replies, strict=True)]

    async def _round(self, commands: Sequence[Command]) -> list[Any]:
        replies: list[Any] = []
        async with self._connection() as connection, asyncio.timeout(_ANSWER_TIMEOUT_S):
            begun = time.perf_counter()
            await connection.send_packed_command(_packed(commands), False)
            for _ in commands:
                try:
                    replies.append(await connection.read_response(timeout=math.inf))
                except ResponseError as error:
                    replies.append(_refusal(error))
            _round_trip.observe(time.perf_counter() - begun)
        return replies

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[Any]:
        """Lend a connection; one that was not left clean is closed, and trouble opens the breaker."""
        self._admit()
        async with self._slots:
            connection: Any = self._idle.pop() if self._idle else self._factory.make_connection()
            try:
                if _is_stale(connection):
                    await connection.disconnect(nowait=True)
                if not connection.is_connected:
                    await connection.connect()
                yield connection
            except (LibraryError, OSError, TimeoutError) as error:
                await connection.disconnect(nowait=True)
                await self._failed(error)
                raise RedisAway(str(error) or "no answer in time") from error
            except BaseException:
                await connection.disconnect(nowait=True)
                raise
            self._idle.append(connection)
            self._answered()

    def _admit(self) -> None:
        if self.away:
            now = asyncio.get_running_loop().time()
            if now < self._retry_at:
                raise RedisAway("Redis is away")
            self._retry_at = now + _PING_EVERY_S

    async def _failed(self, error: Exception) -> None:
        _trouble.inc()
        timed_out = isinstance(error, TimeoutError | LibraryTimeout)
        self._timeouts = self._timeouts + 1 if timed_out else 0
        if self.away or (timed_out and self._timeouts < _TIMEOUTS_UNTIL_AWAY):
            return
        self.away = True
        self._retry_at = asyncio.get_running_loop().time() + _PING_EVERY_S
        _away_metric.set(1)
        _log.warning("redis_away", error=repr(error))
        # What is pooled belongs to the Redis that went.
        await self.close()

    def _answered(self) -> None:
        self._timeouts = 0
        if self.away:
            self.away = False
            _away_metric.set(0)
            _log.info("redis_back")


def open_redis(url: str) -> Redis:
    """Make a client; it connects at the first command."""
    return Redis(url)


def _is_stale(connection: Any) -> bool:
    """Whether Redis closed a pooled connection meanwhile: found out before a command is sent, it costs nobody one."""
    reader = connection._reader
    return reader is not None and (reader.at_eof() or reader.exception() is not None)


def _packed(commands: Sequence[Command]) -> bytes:
    """Write the commands in the protocol, in C: redis-py's own packing takes a fifth of delivery's time."""
    return b"".join([pack_command(tuple(command)) for command in commands])  # type: ignore[arg-type]


def _raised(reply: Any) -> Any:
    if isinstance(reply, RedisRefused):
        raise reply
    return reply


def _refusal(error: ResponseError) -> RedisRefused:
    refused = RedisRefused(str(error))
    _refused.inc(not _is_noscript(refused))
    return refused


def _is_noscript(reply: Any) -> bool:
    return isinstance(reply, RedisRefused) and str(reply).startswith(("NOSCRIPT", "No matching script"))


def _pairs(reply: list[str]) -> dict[str, str]:
    return dict(zip(reply[::2], reply[1::2], strict=True))


_SHAPES: dict[Arg, Callable[[list[str]], Any]] = {"HGETALL": _pairs, "SMEMBERS": set}


def _shaped(command: Command, reply: Any) -> Any:
    if not isinstance(reply, list):
        return reply
    shape = _SHAPES.get(command[0])
    if shape is not None:
        return shape(reply)
    if "WITHSCORES" in command[-1:] or "WITHSCORES" in command[3:]:
        return [(member, float(score)) for member, score in zip(reply[::2], reply[1::2], strict=True)]
    return reply
