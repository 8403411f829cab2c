"""Signing up, in and out: `/auth`."""

from typing import Annotated, Any

from fastapi import APIRouter, Cookie, Header, Request, Response

from kaftalk_protocol.errors import Code, Refused
from kaftalk_protocol.tokens import ACCESS_SECONDS
from kaftalk_rest.access_tokens import Credentials
from kaftalk_rest.parameters import client_address
from kaftalk_rest.problems import refusals
from kaftalk_rest.shapes import NO_FIELDS, NoFields
from kaftalk_rooms.parts import Me, Parts, Use
from kaftalk_rooms.refresh_tokens import LIFETIME_S as REFRESH_LIFETIME_S
from kaftalk_rooms.sessions import TICKET_S, Device, Tokens
from kaftalk_rooms.shapes import Credentials as SignIn
from kaftalk_rooms.shapes import JwkSet, Registered, Registration, SignedIn, Ticket

COOKIE = "kt_refresh"
COOKIE_PATH = "/api/v1/auth"

router = APIRouter(prefix="/auth", tags=["accounts"])

RefreshCookie = Annotated[str | None, Cookie(alias=COOKIE)]
Origin = Annotated[str | None, Header(alias="Origin")]


@router.post(
    "/register", status_code=201, response_model=Registered, responses=refusals(Code.CONFLICT, Code.RATE_LIMITED)
)
async def register(asked: Registration, request: Request, parts: Use) -> Any:
    """Make an account; it is not signed in yet."""
    limit = parts.limit("registrations", parts.settings.limit_registrations)
    await parts.limits.take(limit, client_address(request))
    account = await parts.accounts.register(asked)
    return {"user": account.user()}


@router.post("/login", response_model=SignedIn, responses=refusals(Code.UNAUTHENTICATED, Code.RATE_LIMITED))
async def login(asked: SignIn, request: Request, response: Response, parts: Use) -> Any:
    """Sign in; the refresh token comes as a cookie."""
    address = client_address(request)
    limit = parts.limit("failed-sign-ins", parts.settings.limit_failed_sign_ins)
    subject = f"{asked.username[:64]}|{address}"
    # Counted before it is known to have failed, or a thousand at once would all be let through.
    await parts.limits.take(limit, subject)
    account = await parts.accounts.sign_in(asked.username, asked.password)
    if account is None:
        raise Refused(Code.UNAUTHENTICATED, "username or password is wrong")
    await parts.limits.give_back(limit, subject)
    device = Device(request.headers.get("user-agent", ""), address)
    return _signed_in(parts, response, await parts.sessions.open(account.id, device))


@router.post("/refresh", response_model=SignedIn, responses=refusals(Code.UNAUTHENTICATED, Code.FORBIDDEN))
async def refresh(
    response: Response, parts: Use, _: NoFields = NO_FIELDS, kt_refresh: RefreshCookie = None, origin: Origin = None
) -> Any:
    """Give a new access token and replace the refresh token."""
    _check_origin(parts, origin)
    return _signed_in(parts, response, await parts.sessions.refresh(kt_refresh))


@router.post("/logout", status_code=204, responses=refusals(Code.FORBIDDEN))
async def logout(
    response: Response, parts: Use, credentials: Credentials, _: NoFields = NO_FIELDS,
    kt_refresh: RefreshCookie = None, origin: Origin = None,
) -> None:  # fmt: skip
    """End the session of the access token and of the cookie; nothing happens without."""
    _check_origin(parts, origin)
    if credentials is not None:
        try:
            bearer = await parts.bearers.check(credentials.credentials)
        except Refused:
            pass
        else:
            await parts.sessions.end(bearer.user, bearer.sid)
    await parts.sessions.end_of_token(kt_refresh)
    response.delete_cookie(COOKIE, path=COOKIE_PATH, httponly=True, samesite="strict", secure=_is_https(parts))


@router.post(
    "/ws-ticket", status_code=201, response_model=Ticket, responses=refusals(Code.UNAUTHENTICATED, Code.RATE_LIMITED)
)
async def create_ws_ticket(me: Me, parts: Use, _: NoFields = NO_FIELDS) -> Any:
    """Give a ticket that opens one WebSocket within 30 s."""
    return {"ticket": await parts.sessions.ticket(me), "expires_in": TICKET_S}


@router.get("/jwks.json", response_model=JwkSet, responses=refusals())
async def get_jwks(parts: Use) -> Any:
    """Give the public keys of access tokens."""
    return parts.tokens.jwks()


def _signed_in(parts: Parts, response: Response, tokens: Tokens) -> dict[str, Any]:
    account = parts.accounts.book.get(tokens.user)
    if account is None or not account.active:
        raise Refused(Code.UNAUTHENTICATED, "the account is not active")
    response.set_cookie(
        COOKIE, tokens.refresh, max_age=REFRESH_LIFETIME_S, path=COOKIE_PATH, httponly=True, samesite="strict",
        secure=_is_https(parts),
    )  # fmt: skip
    return {
        "access_token": tokens.access, "token_type": "Bearer", "expires_in": ACCESS_SECONDS, "user": account.user(),
    }  # fmt: skip


def _check_origin(parts: Parts, origin: str | None) -> None:
    """Refuse other sites' pages: the cookie would come along by itself."""
    if origin is not None and origin not in {*parts.settings.origins, parts.settings.public_url}:
        raise Refused(Code.FORBIDDEN, "this origin is not allowed")


def _is_https(parts: Parts) -> bool:
    return parts.settings.public_url.startswith("https:")
