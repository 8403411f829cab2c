"""Passwords: which are too easy, and their hashing (argon2id, RFC 9106), off the event loop."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from zxcvbn.frequency_lists import FREQUENCY_LISTS  # type: ignore[import-untyped]

from kaftalk_protocol.errors import Code, Refused
from kaftalk_rooms.shapes import PASSWORD_CHARS_MIN

T = TypeVar("T")

# OWASP's minimum is m=19 MiB, t=2, p=1; a hash here takes about 30 ms of one core.
_HASHER = PasswordHasher(time_cost=2, memory_cost=32 * 1024, parallelism=1)
WAITING_MAX = 200


def check_strength(password: str, username: str, *, field: str) -> None:
    """Refuse a password that is among the first that anybody would try.

    Raises Refused(invalid) that names `field`.
    """
    plain = password.casefold()
    if plain in _common() or plain == username or len(set(plain)) < 3:
        raise Refused(Code.INVALID, "is too easy to guess", field=field)


@cache
def _common() -> frozenset[str]:
    return frozenset(word for word in FREQUENCY_LISTS["passwords"] if len(word) >= PASSWORD_CHARS_MIN)


class Passwords:
    """Hashes and compares in two threads, so that a rush of sign-ins leaves the event loop alone."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(2, "passwords")
        self._waiting = 0
        self._nobodys = _HASHER.hash("nobody's password")

    async def hash(self, password: str) -> str:
        """Give the argon2id hash with its parameters.

        Raises Refused(unavailable) while too many wait.
        """
        return await self._in_thread(_HASHER.hash, password)

    async def matches(self, hashed: str | None, password: str) -> bool:
        """Compare; without a hash (unknown user) it takes as long and says no.

        Raises Refused(unavailable) while too many wait.
        """
        same = await self._in_thread(_verify, hashed or self._nobodys, password)
        return same and hashed is not None

    async def _in_thread(self, work: Callable[..., T], *args: str) -> T:
        if self._waiting >= WAITING_MAX:
            raise Refused(Code.UNAVAILABLE, "too many sign-ins wait", retry_after_ms=5_000)
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work, *args)
        finally:
            self._waiting -= 1

    def close(self) -> None:
        """Let the threads go."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _verify(hashed: str, password: str) -> bool:
    try:
        return _HASHER.verify(hashed, password)
    except (VerificationError, InvalidHashError):
        return False
