"""`kaftalk admin`: accounts."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from kaftalk_cli.deployment import Deployment
from kaftalk_rooms.account_book import StoredAccount
from kaftalk_rooms.gateway_notices import GatewayNotices
from kaftalk_rooms.passwords import check_strength
from kaftalk_rooms.shapes import Registration


async def listed(deployment: Deployment, text: str) -> list[dict[str, Any]]:
    """List accounts with `text` in one of their names, disabled ones included."""
    book = deployment.accounts.book
    accounts = [account for user in book.everybody() if (account := book.get(user))]
    shown = [_shown(account) for account in accounts if text.casefold() in _searched(account)]
    return sorted(shown, key=lambda row: str(row["username"]))


async def create(deployment: Deployment, username: str, password: str, display_name: str | None) -> dict[str, Any]:
    """Make an account. Raises Refused: `conflict` if the name is taken, `invalid` for a bad name or password."""
    asked = Registration(username=username, password=password, display_name=display_name)
    return _shown(await deployment.accounts.register(asked))


async def set_active(deployment: Deployment, name: str, *, active: bool) -> dict[str, Any]:
    """Let somebody sign in or not; who is disabled is signed out everywhere within a second and stays in all rooms.

    Raises Refused(not_found).
    """
    account = await deployment.accounts.update(replace(deployment.account(name), active=active))
    await GatewayNotices(deployment.redis).user_changed(account.user())
    if not active:
        await deployment.sessions().end_all(account.id)
    return _shown(account)


async def set_password(deployment: Deployment, name: str, password: str) -> dict[str, Any]:
    """Give somebody another password and sign her out everywhere. Raises Refused: `not_found`, `invalid`."""
    account = deployment.account(name)
    check_strength(password, account.username, field="password")
    hashed = await deployment.passwords.hash(password)
    account = await deployment.accounts.update(replace(account, password=hashed))
    await deployment.sessions().end_all(account.id)
    return _shown(account)


def _searched(account: StoredAccount) -> str:
    return f"{account.username}\n{account.display_name}".casefold()


def _shown(account: StoredAccount) -> dict[str, Any]:
    return {
        "id": account.id,
        "username": account.username,
        "display_name": account.display_name,
        "kind": account.kind,
        "active": account.active,
        "created_at": datetime.fromtimestamp(account.created_ms / 1000, UTC).isoformat(timespec="seconds"),
    }
