"""What the routes work with, and what they read from every request."""

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Header, Path, Query, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import AfterValidator, BeforeValidator

from kaftalk_protocol.client_frames import SEQ_MAX
from kaftalk_protocol.errors import Code, Refused
from kaftalk_protocol.ids import RoomId, UserId, is_uuid
from kaftalk_rooms.access_tokens import AccessTokens, Bearer
from kaftalk_rooms.account_book import StoredAccount
from kaftalk_rooms.accounts import Accounts
from kaftalk_rooms.creation import RoomCreation
from kaftalk_rooms.farewells import Farewells
from kaftalk_rooms.gateway_notices import GatewayNotices
from kaftalk_rooms.kept_answers import KeptAnswers
from kaftalk_rooms.membership import Membership
from kaftalk_rooms.messages import Messages
from kaftalk_rooms.rate_limits import Limit, RateLimits
from kaftalk_rooms.sessions import Sessions
from kaftalk_rooms.settings import RoomsSettings
from kaftalk_runtime.redis_client import RedisError
from kaftalk_views.cursors import ReadCursors
from kaftalk_views.errors import ViewError
from kaftalk_views.listing import RoomListing


@dataclass(frozen=True)
class Parts:
    """The objects behind the routes."""

    settings: RoomsSettings
    accounts: Accounts
    sessions: Sessions
    tokens: AccessTokens
    answers: KeptAnswers
    limits: RateLimits
    creation: RoomCreation
    membership: Membership
    messages: Messages
    listing: RoomListing
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

_bearer = HTTPBearer(auto_error=False, bearerFormat="JWT", scheme_name="bearer")
Credentials = Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]


async def signed_in(parts: Use, credentials: Credentials) -> Bearer:
    """Tell who asks.

    Raises Refused(unauthenticated).
    """
    if credentials is None:
        raise Refused(Code.UNAUTHENTICATED, "an access token is needed")
    bearer = await parts.sessions.check(credentials.credentials)
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


def _id_or_404(text: str) -> str:
    if not is_uuid(text):
        raise Refused(Code.NOT_FOUND, "there is nothing at this address")
    return text


def _room(_me: Me, room_id: Annotated[str, Path()]) -> RoomId:
    return RoomId(_id_or_404(room_id))


def _user(_me: Me, user_id: Annotated[str, Path()]) -> UserId:
    return UserId(_id_or_404(user_id))


def _seq(_me: Me, seq: Annotated[str, Path()]) -> int:
    if not (seq.isascii() and seq.isdigit() and str(int(seq[:20])) == seq) or int(seq) > SEQ_MAX:
        raise Refused(Code.NOT_FOUND, "there is no such message")
    return int(seq)


InRoom = Annotated[RoomId, Depends(_room)]
OfUser = Annotated[UserId, Depends(_user)]
AtSeq = Annotated[int, Depends(_seq)]


def _encodable(text: str) -> str:
    text.encode()
    return text


def _plain(text: str) -> str:
    """Take digits alone: an integer could as well be spelt "+5", "5_0" or " 5"."""
    if not (text.isascii() and text.isdigit()):
        raise ValueError("must be a whole number in decimal digits")
    return text


PlainDigits = BeforeValidator(_plain)
Text = Annotated[str, Query(max_length=200), AfterValidator(_encodable)]
PageSize = Annotated[int, Query(ge=1, le=200), PlainDigits]
Cursor = Annotated[str | None, Query(max_length=500)]
Key = Annotated[
    str | None,
    Header(alias="Idempotency-Key", min_length=1, max_length=128, pattern=r"^[ -~]+$"),
]
IfMatch = Annotated[str | None, Header(alias="If-Match", max_length=1_000)]


async def shown_room(parts: Parts, room: RoomId, viewer: UserId) -> dict[str, Any]:
    """Give a room as the answer to a change that is made: from here on nothing can be "not done"."""
    try:
        return await parts.listing.room(room, viewer)
    except (RedisError, ViewError) as error:
        raise Refused(Code.UNKNOWN_OUTCOME, "it is stored, but cannot be shown now") from error


def client_address(request: Request) -> str:
    """Give the client's address: the proxy's word for it where the proxy is trusted."""
    return request.client.host if request.client else "unknown"
