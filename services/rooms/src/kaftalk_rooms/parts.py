"""What the routes work with, and what they read from every request."""

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Path, Request

from kaftalk_protocol.client_frames import SEQ_MAX
from kaftalk_protocol.errors import Code, Refused
from kaftalk_protocol.ids import RoomId, UserId
from kaftalk_rest.access_tokens import Authenticated, Bearer, Bearers
from kaftalk_rest.kept_answers import KeptAnswers
from kaftalk_rest.parameters import id_or_404
from kaftalk_rest.rate_limits import Limit, RateLimits
from kaftalk_rooms.access_tokens import AccessTokens
from kaftalk_rooms.account_book import StoredAccount
from kaftalk_rooms.accounts import Accounts
from kaftalk_rooms.creation import RoomCreation
from kaftalk_rooms.farewells import Farewells
from kaftalk_rooms.gateway_notices import GatewayNotices
from kaftalk_rooms.membership import Membership
from kaftalk_rooms.messages import Messages
from kaftalk_rooms.sessions import Sessions
from kaftalk_rooms.settings import RoomsSettings
from kaftalk_runtime.redis_client import RedisError
from kaftalk_views.cursors import ReadCursors
from kaftalk_views.errors import ViewError
from kaftalk_views.listing import RoomListing
from kaftalk_views.quiet_states import QuietReads


@dataclass(frozen=True)
class Parts:
    """The objects behind the routes."""

    settings: RoomsSettings
    accounts: Accounts
    sessions: Sessions
    bearers: Bearers
    tokens: AccessTokens
    answers: KeptAnswers
    limits: RateLimits
    creation: RoomCreation
    membership: Membership
    messages: Messages
    listing: RoomListing
    quiet: QuietReads
    cursors: ReadCursors
    notices: GatewayNotices
    farewells: Farewells

    def limit(self, kind: str, count: int) -> Limit:
        """Give a limit of so many a minute."""
        return Limit(kind, count, 60_000)


def parts_of(request: Request) -> Parts:
    """Find the parts of the app that serves a request."""
    parts: Parts = request.app.state.parts
    return parts


Use = Annotated[Parts, Depends(parts_of)]


async def signed_in(parts: Use, bearer: Authenticated) -> Bearer:
    """Tell who asks.

    Raises Refused(unauthenticated).
    """
    account_of(parts, bearer.user)
    return bearer


Me = Annotated[Bearer, Depends(signed_in)]


def account_of(parts: Parts, user: UserId) -> StoredAccount:
    """Find an account that may act.

    Raises Refused(unauthenticated).
    """
    account = parts.accounts.book.get(user)
    if account is None or not account.active:
        raise Refused(Code.UNAUTHENTICATED, "the account is not active")
    return account


def _room(_me: Me, room_id: Annotated[str, Path()]) -> RoomId:
    return RoomId(id_or_404(room_id))


def _user(_me: Me, user_id: Annotated[str, Path()]) -> UserId:
    return UserId(id_or_404(user_id))


def _seq(_me: Me, seq: Annotated[str, Path()]) -> int:
    if not (seq.isascii() and seq.isdigit() and str(int(seq[:20])) == seq) or int(seq) > SEQ_MAX:
        raise Refused(Code.NOT_FOUND, "there is no such message")
    return int(seq)


InRoom = Annotated[RoomId, Depends(_room)]
OfUser = Annotated[UserId, Depends(_user)]
AtSeq = Annotated[int, Depends(_seq)]


async def shown_room(parts: Parts, room: RoomId, viewer: UserId) -> dict[str, Any]:
    """Give a room as the answer to a change that is made: from here on nothing can be "not done"."""
    try:
        return await parts.listing.room(room, viewer)
    except (RedisError, ViewError) as error:
        raise Refused(Code.UNKNOWN_OUTCOME, "it is stored, but cannot be shown now") from error
