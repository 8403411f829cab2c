"""The parts of the services that the tool works with, opened beside them."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TypeVar

from kaftalk_cli.running import run
from kaftalk_cli.settings import CliSettings
from kaftalk_protocol import topics
from kaftalk_protocol.errors import Code, Refused
from kaftalk_protocol.ids import RoomId
from kaftalk_roomlog.ranges import RoomLogRange
from kaftalk_roomlog.tail import TailReader
from kaftalk_roomlog.writer import RoomLogWriter
from kaftalk_rooms.access_tokens import AccessTokens, DerivedSecrets, read_key
from kaftalk_rooms.account_book import StoredAccount
from kaftalk_rooms.accounts import Accounts
from kaftalk_rooms.changes import RoomChanges
from kaftalk_rooms.gateway_notices import GatewayNotices
from kaftalk_rooms.passwords import Passwords
from kaftalk_rooms.sessions import Sessions
from kaftalk_runtime.clock import SystemClock
from kaftalk_runtime.redis_client import Redis, open_redis
from kaftalk_runtime.settings import load
from kaftalk_runtime.tasks import Tasks
from kaftalk_views.catch_up import CatchUp
from kaftalk_views.placements import Placements
from kaftalk_views.room_views import RoomViews
from kaftalk_views.users import Users

T = TypeVar("T")

CATCH_UP_S = 60.0
APPLY_PATIENCE_S = 5.0


@dataclass(frozen=True, slots=True)
class Deployment:
    """Reads and changes what the services read and change, by the same code."""

    settings: CliSettings
    redis: Redis
    writer: RoomLogWriter
    log: RoomLogRange
    accounts: Accounts
    passwords: Passwords
    placements: Placements
    views: RoomViews
    changes: RoomChanges

    def account(self, name: str) -> StoredAccount:
        """Find an account by its username or id. Raises Refused(not_found)."""
        book = self.accounts.book
        found = book.by_username(name.removeprefix("@")) or next(
            (book.get(user) for user in book.everybody() if user == name), None
        )
        if found is None:
            raise Refused(Code.NOT_FOUND, f"nobody is called {name}")
        return found

    def room(self, text: str) -> RoomId:
        """Find a room by its id. Raises Refused(not_found)."""
        placement = self.placements.get(RoomId(text))
        if placement is None or placement.status == "deleted":
            raise Refused(Code.NOT_FOUND, f"there is no room {text}")
        return placement.room

    def sessions(self) -> Sessions:
        """Give what ends sessions. Raises Refused(invalid) without the key file."""
        if self.settings.jwt_key_file is None:
            raise Refused(Code.INVALID, "KAFTALK_JWT_KEY_FILE is not set")
        key = read_key(self.settings.jwt_key_file)
        tokens = AccessTokens(key, "kaftalk")
        return Sessions(self.redis, GatewayNotices(self.redis), tokens, DerivedSecrets(key), SystemClock())


@asynccontextmanager
async def open_deployment(settings: CliSettings) -> AsyncIterator[Deployment]:
    """Connect, and read all accounts and placements. Raises KafkaUnreachable, ReadError, TimeoutError."""
    async with AsyncExitStack() as open_parts:
        kafka, clock = settings.kafka(), SystemClock()
        redis, passwords = open_redis(settings.redis_url), Passwords()
        open_parts.push_async_callback(redis.close)
        open_parts.callback(passwords.close)
        writer, log = RoomLogWriter(kafka, producers=1), RoomLogRange(kafka)
        accounts, names, rooms = [TailReader(kafka, name) for name in (topics.ACCOUNTS, topics.NAMES, topics.ROOMS)]
        for part in (writer, log, accounts, names, rooms):
            await part.start()
            open_parts.push_async_callback(part.stop)
        views, placements = RoomViews(redis, shards=settings.shards), Placements(rooms)
        deployment = Deployment(
            settings=settings,
            redis=redis,
            writer=writer,
            log=log,
            accounts=Accounts(writer, accounts, names, Users(redis), redis, passwords, clock),
            passwords=passwords,
            placements=placements,
            views=views,
            changes=RoomChanges(
                writer, log, placements, views, CatchUp(views, log), clock, patience_s=APPLY_PATIENCE_S
            ),
        )
        tasks = Tasks()
        open_parts.push_async_callback(tasks.stop)
        tasks.run("accounts", deployment.accounts.follow_accounts)
        tasks.run("names", deployment.accounts.follow_names)
        tasks.run("placements", deployment.placements.run)
        for tail in (accounts, names, rooms):
            await tail.catch_up(CATCH_UP_S)
        yield deployment


def beside(work: Callable[[Deployment], Awaitable[T]]) -> T:
    """Run a command's work beside the services that the environment names."""

    async def whole() -> T:
        async with open_deployment(load(CliSettings)) as deployment:
            return await work(deployment)

    return run(whole())
