"""Other people: `/users`, and what runs here: `/version`."""

import os
from importlib.metadata import version
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from kaftalk_protocol.errors import Code, Refused
from kaftalk_protocol.ids import UserId
from kaftalk_protocol.text import Uuid
from kaftalk_rest.paging import link_next, part_of
from kaftalk_rest.parameters import Cursor, PageSize, Text
from kaftalk_rest.problems import refusals
from kaftalk_rest.shapes import Listed
from kaftalk_rooms.account_book import StoredAccount
from kaftalk_rooms.parts import Me, OfUser, Use
from kaftalk_rooms.shapes import User, Version
from kaftalk_views.listing import folded

router = APIRouter(tags=["users"])


@router.get("/users", response_model=Listed[User], responses=refusals(Code.UNAUTHENTICATED))
async def list_users(
    _: Me, parts: Use, request: Request, response: Response, q: Text | None = None,
    id: Annotated[list[Uuid], Query(max_length=100)] = [],  # noqa: A002, B006 - the contract's name; never changed
    limit: PageSize = 50, cursor: Cursor = None,
) -> Any:  # fmt: skip
    """Find people by a part of their names, or give those of some ids; unknown ids are left out."""
    book = parts.accounts.book
    if id:
        found = [account for user in dict.fromkeys(id) if (account := book.get(UserId(user)))]
        return {"items": [account.user() for account in found], "next_cursor": None}
    wanted = folded(q or "")

    def best_first(account: StoredAccount) -> tuple[Any, ...]:
        starts = account.username.startswith(wanted) or folded(account.display_name).startswith(wanted)
        return (0 if starts else 1, account.username)

    part, next_cursor = part_of(book.search(q or ""), limit, cursor, best_first)
    link_next(request, response, next_cursor)
    return {"items": [account.user() for account in part], "next_cursor": next_cursor}


@router.get("/users/{user_id}", response_model=User, responses=refusals(Code.UNAUTHENTICATED, Code.NOT_FOUND))
async def get_user(user: OfUser, parts: Use) -> Any:
    """Give one user."""
    account = parts.accounts.book.get(user)
    if account is None:
        raise Refused(Code.NOT_FOUND, "there is no such user")
    return account.user()


@router.get("/version", response_model=Version, responses=refusals(), tags=["version"])
async def get_version() -> Any:
    """Tell which version runs, and which version of the contract it speaks."""
    return {"version": version("kaftalk-rooms"), "commit": os.environ.get("KAFTALK_COMMIT", "unknown"), "protocol": 1}
