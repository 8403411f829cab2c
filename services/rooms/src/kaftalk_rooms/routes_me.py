"""One's own account and sessions: `/me`."""

from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response

from kaftalk_protocol.errors import Code, Refused
from kaftalk_protocol.ids import SessionId
from kaftalk_rest.etags import check_match, etag_of
from kaftalk_rest.paging import link_next, part_of
from kaftalk_rest.parameters import Cursor, IfMatch, PageSize
from kaftalk_rest.problems import refusals
from kaftalk_rest.shapes import Listed
from kaftalk_rooms.account_book import StoredAccount
from kaftalk_rooms.parts import Me, Use, account_of
from kaftalk_rooms.sessions import StoredSession
from kaftalk_rooms.shapes import Account, AccountPatch, PasswordChange, Session
from kaftalk_views.listing import rfc3339

FAR_FUTURE_MS = 10**15
ACCOUNT_FIELDS = ("username", "display_name", "locale", "active")

router = APIRouter(prefix="/me", tags=["accounts"])


@router.get("", response_model=Account, responses=refusals(Code.UNAUTHENTICATED))
async def get_me(me: Me, parts: Use, response: Response) -> Any:
    """Give one's own account."""
    return _shown(account_of(parts, me.user), response)


@router.patch("", response_model=Account, responses=refusals(Code.UNAUTHENTICATED, Code.PRECONDITION_FAILED))
async def update_me(patch: AccountPatch, me: Me, parts: Use, response: Response, if_match: IfMatch = None) -> Any:
    """Change one's display name or locale; null sets it back."""
    account = account_of(parts, me.user)
    check_match(if_match, etag_of(_own(account), ACCOUNT_FIELDS))
    named = patch.model_dump(include=patch.model_fields_set)
    if "display_name" in named:
        named["display_name"] = named["display_name"] or account.username
    changed = replace(account, **named)
    if changed != account:
        await parts.accounts.update(changed)
        await parts.notices.user_changed(changed.user())
    return _shown(changed, response)


@router.delete("", status_code=204, responses=refusals(Code.UNAUTHENTICATED, Code.PRECONDITION_FAILED))
async def delete_me(me: Me, parts: Use, if_match: IfMatch = None) -> None:
    """Delete one's account: it leaves its rooms, and only the username stays, at what one wrote."""
    account = account_of(parts, me.user)
    check_match(if_match, etag_of(_own(account), ACCOUNT_FIELDS))
    account = await parts.accounts.update(account.deleted())
    await parts.sessions.end_all(me.user)
    await parts.notices.user_changed(account.user())
    parts.farewells.begin(me.user)


@router.put("/password", status_code=204, responses=refusals(Code.UNAUTHENTICATED, Code.FORBIDDEN, Code.RATE_LIMITED))
async def change_password(asked: PasswordChange, me: Me, parts: Use) -> None:
    """Change one's password; all other sessions end."""
    limit = parts.limit("failed-sign-ins", parts.settings.limit_failed_sign_ins)
    await parts.limits.take(limit, me.user)
    await parts.accounts.change_password(account_of(parts, me.user), asked.old, asked.new)
    await parts.limits.give_back(limit, me.user)
    await parts.sessions.end_all(me.user, but=me.sid)


@router.get("/sessions", response_model=Listed[Session], responses=refusals(Code.UNAUTHENTICATED))
async def list_sessions(
    me: Me, parts: Use, request: Request, response: Response, limit: PageSize = 50, cursor: Cursor = None
) -> Any:
    """List where one is signed in, newest first."""
    sessions = await parts.sessions.of(me.user)
    part, next_cursor = part_of(sessions, limit, cursor, _newest_first)
    link_next(request, response, next_cursor)
    return {"items": [_session(session, me.sid) for session in part], "next_cursor": next_cursor}


@router.delete("/sessions/{session_id}", status_code=204, responses=refusals(Code.UNAUTHENTICATED, Code.NOT_FOUND))
async def end_session(session_id: Annotated[str, Path()], me: Me, parts: Use) -> None:
    """Sign out somewhere else."""
    for session in await parts.sessions.of(me.user):
        if session.sid == session_id:
            await parts.sessions.end(me.user, SessionId(session_id))
            return
    raise Refused(Code.NOT_FOUND, "there is no such session")


def _own(account: StoredAccount) -> dict[str, Any]:
    return account.user() | {"locale": account.locale, "created_at": rfc3339(account.created_ms)}


def _shown(account: StoredAccount, response: Response) -> dict[str, Any]:
    own = _own(account)
    response.headers["ETag"] = etag_of(own, ACCOUNT_FIELDS)
    return own


def _newest_first(session: StoredSession) -> tuple[Any, ...]:
    return (FAR_FUTURE_MS - session.created_ms, session.sid)


def _session(session: StoredSession, current: SessionId) -> dict[str, Any]:
    return {
        "id": session.sid, "created_at": rfc3339(session.created_ms), "last_seen_at": rfc3339(session.seen_ms),
        "user_agent": session.agent, "address": session.address, "current": session.sid == current,
    }  # fmt: skip
