"""What the routes work with."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Protocol

from fastapi import Depends, Path, Request

from kaftalk_dnd_batch.commands import Command
from kaftalk_dnd_batch.errors import BookUnavailable
from kaftalk_dnd_batch.held_rooms import HeldRooms
from kaftalk_dnd_batch.settings import Settings
from kaftalk_protocol.errors import Code, Refused
from kaftalk_protocol.ids import UserId
from kaftalk_protocol.quiet_calendar import QuietCalendars
from kaftalk_protocol.quiet_profile import OrgQuiet
from kaftalk_protocol.quiet_records import OrgRecord, Released, UserQuiet
from kaftalk_protocol.quiet_state import QuietState
from kaftalk_rest.access_tokens import Authenticated
from kaftalk_rest.parameters import id_or_404
from kaftalk_rest.rate_limits import Limit, RateLimits
from kaftalk_runtime.clock import Clock
from kaftalk_views.users import Users


class People(Protocol):
    """The quiet hours of the people whose shards are here. All methods raise NotMine and BookUnavailable."""

    async def get(self, user: UserId) -> UserQuiet:
        """Give what is known of a user; version 0 if nothing is."""

    def shown(self, user: UserId) -> QuietState:
        """Give what the user and others are shown."""

    async def perform(
        self, user: UserId, command: Command, *, check: Callable[[UserQuiet], None] | None = None
    ) -> UserQuiet:
        """Do what is asked, unless `check` raises on the state just before; gives the new state."""

    async def digests(self, user: UserId) -> list[Released]:
        """Give the releases of 7 days, newest first."""


class Organisation(Protocol):
    """The organisation's quiet hours."""

    @property
    def org(self) -> OrgRecord:
        """Give them as they are in force."""

    async def put_org(self, org: OrgQuiet, *, check: Callable[[OrgRecord], None] | None = None) -> OrgRecord:
        """Replace them, unless `check` raises on what they are just before.

        Raises NotMine, BookUnavailable.
        """


@dataclass(frozen=True)
class Parts:
    """The objects behind the routes."""

    settings: Settings
    people: People
    organisation: Organisation
    calendars: QuietCalendars
    clock: Clock
    limits: RateLimits
    users: Users
    held: HeldRooms

    async def change(
        self, user: UserId, command: Command, *, check: Callable[[UserQuiet], None] | None = None
    ) -> UserQuiet:
        """Do what a person asks, unless she asks too often.

        Raises Refused, NotMine, BookUnavailable.
        """
        await self.people.get(user)  # the owner counts, not who forwards
        await self.limits.take(Limit("quiet-changes", self.settings.limit_quiet_changes, 60_000), user)
        try:
            return await self.people.perform(user, command, check=check)
        except BookUnavailable as error:
            raise not_stored() from error

    @property
    def org(self) -> OrgQuiet:
        """Give the organisation's quiet hours as they are in force."""
        return self.organisation.org.org


def not_stored() -> Refused:
    """Give what is answered if a change may have been stored or not."""
    return Refused(Code.UNKNOWN_OUTCOME, "Kafka did not answer in time: it may still come into force")


def parts_of(request: Request) -> Parts:
    """Find the parts of the app that serves a request."""
    parts: Parts = request.app.state.parts
    return parts


def _user(_me: Authenticated, user_id: Annotated[str, Path()]) -> UserId:
    return UserId(id_or_404(user_id))


Use = Annotated[Parts, Depends(parts_of)]
Me = Authenticated
OfUser = Annotated[UserId, Depends(_user)]
