"""Who there is: the accounts in the log, for the organisation's defaults and for the end of a hold with its user."""

from collections.abc import Awaitable, Callable
from typing import NamedTuple

import orjson

from kaftalk_protocol.ids import UserId
from kaftalk_roomlog.tail import TailReader, TailRecord


class _Account(NamedTuple):
    created_ms: int
    active: bool
    person: bool


class Accounts:
    """Active people; `changed` is told of each account that appears, changes or goes."""

    def __init__(self, tail: TailReader) -> None:
        self._tail = tail
        self._accounts: dict[UserId, _Account] = {}
        self._changed: Callable[[UserId], Awaitable[None]] | None = None

    def on_change(self, changed: Callable[[UserId], Awaitable[None]]) -> None:
        """Tell `changed` from now on."""
        self._changed = changed

    async def run(self) -> None:
        """Follow the log, for ever."""
        while True:
            for record in await self._tail.poll():
                await self._take(record)

    def everybody(self) -> list[UserId]:
        """Give the ids of all active people."""
        return [user for user, account in self._accounts.items() if account.active and account.person]

    def active(self, user: UserId) -> bool:
        """Tell whether quiet hours are for this account; one that is not known yet is new."""
        account = self._accounts.get(user)
        return account is None or (account.active and account.person)

    def created_ms(self, user: UserId) -> int:
        """Give when an account was made; 0 if that is not known."""
        account = self._accounts.get(user)
        return account.created_ms if account else 0

    async def _take(self, record: TailRecord) -> None:
        user = UserId((record.key or b"").decode())
        before = self._accounts.get(user)
        account = _read(record.value)
        if account is None:
            account = before and before._replace(active=False)
        if account is not None and account != before:
            self._accounts[user] = account
            if self._changed is not None:
                await self._changed(user)


def _read(value: bytes | None) -> _Account | None:
    try:
        stored = orjson.loads(value or b"")
        person = stored.get("kind", "person") == "person"
        return _Account(int(stored.get("created_ms", 0)), bool(stored.get("active", True)), person)
    except (ValueError, AttributeError, TypeError):
        return None
