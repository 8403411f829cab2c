"""Accounts: written to Kafka, kept in memory by every instance, shown to the other services in Redis."""

import asyncio
import contextlib
import uuid
from dataclasses import replace

from kaftalk_protocol.errors import Code, Refused
from kaftalk_protocol.ids import UserId
from kaftalk_protocol.topics import ACCOUNTS, NAMES
from kaftalk_roomlog.errors import ReadError
from kaftalk_roomlog.tail import TailReader
from kaftalk_roomlog.writer import RoomLogWriter
from kaftalk_rooms.account_book import AccountBook, StoredAccount, encode_claim
from kaftalk_rooms.passwords import Passwords, check_strength
from kaftalk_rooms.shapes import Registration
from kaftalk_runtime.clock import Clock
from kaftalk_runtime.redis_client import Redis, RedisAway, RedisError
from kaftalk_views import generation
from kaftalk_views.users import Users

APPEND_TIMEOUT_S = 5.0
CATCH_UP_S = 3.0
WRITES_A_ROUND = 100
LOOK_EVERY_S = 1.0
RETRY_S = 0.5


class Accounts:
    """Makes and changes accounts. `book` is what the logs say up to now."""

    def __init__(
        self, writer: RoomLogWriter, accounts: TailReader, names: TailReader, users: Users, redis: Redis,
        passwords: Passwords, clock: Clock,
    ) -> None:  # fmt: skip
        self.book = AccountBook()
        self._writer = writer
        self._accounts = accounts
        self._names = names
        self._users = users
        self._redis = redis
        self._passwords = passwords
        self._clock = clock
        self._unwritten: set[UserId] = set()
        self._news = asyncio.Event()
        self._seen: tuple[str | None, str] = (None, "")
        self._marked: str | None = None

    @property
    def caught_up(self) -> bool:
        """Whether all that was in the logs at the start has been read."""
        return self._accounts.caught_up.is_set() and self._names.caught_up.is_set()

    # --- what requests do ---

    async def register(self, asked: Registration) -> StoredAccount:
        """Make an account; the log of names decides who was first.

        Raises Refused: `conflict` if the name is taken, `invalid` for a weak password.
        """
        check_strength(asked.password, asked.username, field="password")
        if self.book.owner_of(asked.username) is not None:
            raise _taken()
        account = StoredAccount(
            UserId(str(uuid.uuid4())), asked.username, asked.display_name or asked.username,
            await self._passwords.hash(asked.password), self._clock.now_ms(), locale=asked.locale,
        )  # fmt: skip
        return await self.restore(account)

    async def restore(self, account: StoredAccount) -> StoredAccount:
        """Make an account that has its id already.

        Raises Refused(conflict) if the name is taken.
        """
        await self._append(account)
        if not await self._claim(account):
            await self._writer.append(ACCOUNTS, None, key=account.id.encode(), partition=None)
            raise _taken()
        return await self.update(replace(account, status="claimed"))

    async def update(self, account: StoredAccount) -> StoredAccount:
        """Replace an account's record; returns when every part of this instance and Redis have it."""
        await self._append(account)
        await _caught_up(self._accounts)
        await self._users.put(account.stored_user())
        return account

    async def change_password(self, account: StoredAccount, old: str, new: str) -> StoredAccount:
        """Replace the password.

        Raises Refused: `forbidden` if the old one is wrong, `invalid` for a weak new one.
        """
        if not await self._passwords.matches(account.password, old):
            raise Refused(Code.FORBIDDEN, "the old password is wrong", field="old")
        check_strength(new, account.username, field="new")
        return await self.update(replace(account, password=await self._passwords.hash(new)))

    async def sign_in(self, username: str, password: str) -> StoredAccount | None:
        """Find the account if name and password are right; it takes as long for a name that does not exist."""
        account = self.book.by_username(username)
        usable = account if account and account.active else None
        return usable if await self._passwords.matches(usable.password if usable else None, password) else None

    # --- background ---

    async def follow_accounts(self) -> None:
        """Take over what any instance writes to `kaftalk.accounts`, for ever."""
        async for record in self._accounts:
            if record.key is not None:
                self._show_again(self.book.take_account(record.key, record.value))

    async def follow_names(self) -> None:
        """Take over the claims of names, for ever."""
        async for record in self._names:
            if record.value is not None:
                self._show_again(self.book.take_claim(record.value))

    async def write_users(self) -> None:
        """Show accounts in Redis after every change in the log, for ever; what fails is tried again."""
        while True:
            await self._news.wait()
            self._news.clear()
            await self._write_users()
            with contextlib.suppress(RedisAway):
                await self._mark()

    async def watch_generation(self) -> None:
        """Show all accounts again when Redis has lost its views, or may have lost its last second, for ever."""
        while True:
            with contextlib.suppress(RedisError):
                found = await generation.current(self._redis), await generation.server(self._redis)
                if found != self._seen:
                    self._seen = found
                    self._unwritten.update(self.book.everybody())
                if self._unwritten or self._marked != found[0]:
                    self._news.set()
            await asyncio.sleep(LOOK_EVERY_S)

    async def _mark(self) -> None:
        """Note that everybody has been written since the generation was seen: from now on who is missing is nobody."""
        seen, _ = self._seen
        if seen is not None and seen != self._marked and self.caught_up:
            await generation.mark_accounts(self._redis, seen)
            self._marked = seen

    def _show_again(self, user: UserId) -> None:
        self._unwritten.add(user)
        self._news.set()

    async def _write_users(self) -> None:
        while self._unwritten:
            some = [self._unwritten.pop() for _ in range(min(WRITES_A_ROUND, len(self._unwritten)))]
            accounts = [account for user in some if (account := self.book.get(user))]
            try:
                await self._users.put(*(account.stored_user() for account in accounts))
            except RedisAway:
                self._unwritten.update(some)
                await asyncio.sleep(RETRY_S)

    async def _append(self, account: StoredAccount) -> None:
        key = account.id.encode()
        await self._writer.append(ACCOUNTS, account.encode(), key=key, partition=None, timeout_s=APPEND_TIMEOUT_S)

    async def _claim(self, account: StoredAccount) -> bool:
        await self._writer.append(NAMES, encode_claim(account), timeout_s=APPEND_TIMEOUT_S)
        await _caught_up(self._names)
        return self.book.owner_of(account.username) == account.id


async def _caught_up(tail: TailReader) -> None:
    """Wait until this instance has read what it has just written."""
    try:
        await tail.catch_up(CATCH_UP_S)
    except (TimeoutError, ReadError) as error:
        raise Refused(Code.UNKNOWN_OUTCOME, "stored, but not read again yet") from error


def _taken() -> Refused:
    return Refused(Code.CONFLICT, "this username is taken", field="username")
