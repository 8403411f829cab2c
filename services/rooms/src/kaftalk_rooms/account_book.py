"""All accounts, as the fold of `kaftalk.accounts` and `kaftalk.names`. Pure.

A username belongs to the first account that claimed it in the log of names, for ever. An account counts if its name
is its own: one whose claim came second never was.
"""

from dataclasses import dataclass, replace
from typing import Any, Literal

import orjson

from kaftalk_protocol.ids import UserId
from kaftalk_views.listing import folded
from kaftalk_views.users import StoredUser

VERSION = 1
DEFAULT_LOCALE = "en"


@dataclass(frozen=True, slots=True)
class StoredAccount:
    """One record of `kaftalk.accounts`; `password` is the argon2id hash, empty for a deleted account."""

    id: UserId
    username: str
    display_name: str
    password: str
    created_ms: int
    kind: Literal["person", "bot"] = "person"
    locale: str | None = None
    active: bool = True
    status: Literal["pending", "claimed"] = "pending"

    def user(self) -> dict[str, Any]:
        """Give the account as others see it."""
        return {
            "id": self.id, "username": self.username, "display_name": self.display_name, "kind": self.kind,
            "active": self.active,
        }  # fmt: skip

    def stored_user(self) -> StoredUser:
        """Give the account as it lies in Redis."""
        locale = self.locale or DEFAULT_LOCALE
        return StoredUser(self.id, self.username, self.display_name, self.kind, locale, self.active, self.created_ms)

    def deleted(self) -> "StoredAccount":
        """Give what is left of an account: its name, so that old messages have an author."""
        return replace(self, display_name=self.username, password="", locale=None, active=False)

    def encode(self) -> bytes:
        """Write the record."""
        return orjson.dumps({"v": VERSION} | {name: getattr(self, name) for name in _FIELDS})


_FIELDS = tuple(StoredAccount.__slots__)


def encode_claim(account: StoredAccount) -> bytes:
    """Write the record of `kaftalk.names` by which an account claims its name."""
    return orjson.dumps({"v": VERSION, "username": account.username, "user_id": account.id})


class AccountBook:
    """Looks accounts up by id and name, and searches them."""

    def __init__(self) -> None:
        self._accounts: dict[UserId, StoredAccount] = {}
        self._names: dict[str, UserId] = {}

    def take_account(self, key: bytes, value: bytes | None) -> UserId:
        """Take over a record of `kaftalk.accounts`; gives whose it is."""
        user = UserId(key.decode())
        if value is None:
            self._accounts.pop(user, None)
        else:
            stored = orjson.loads(value)
            self._accounts[user] = StoredAccount(**{name: stored[name] for name in _FIELDS if name in stored})
        return user

    def take_claim(self, value: bytes) -> UserId:
        """Take over a record of `kaftalk.names`; the first claim of a name holds."""
        claim = orjson.loads(value)
        user = UserId(claim["user_id"])
        self._names.setdefault(claim["username"], user)
        return user

    def owner_of(self, username: str) -> UserId | None:
        """Tell whose a name is."""
        return self._names.get(username)

    def get(self, user: UserId) -> StoredAccount | None:
        """Find an account whose name is its own."""
        account = self._accounts.get(user)
        return account if account and self._names.get(account.username) == user else None

    def by_username(self, username: str) -> StoredAccount | None:
        """Find an account by its name."""
        owner = self._names.get(username)
        return self.get(owner) if owner else None

    def everybody(self) -> list[UserId]:
        """Give the ids of all accounts."""
        return [user for user in self._accounts if self.get(user)]

    def search(self, text: str) -> list[StoredAccount]:
        """Find active accounts with `text` in one of their names, whatever its case and normal form."""
        wanted = folded(text)
        return [
            account
            for user in self._accounts
            if (account := self.get(user)) and account.active and wanted in _searched(account)
        ]


def _searched(account: StoredAccount) -> str:
    return f"{account.username}\n{folded(account.display_name)}"
