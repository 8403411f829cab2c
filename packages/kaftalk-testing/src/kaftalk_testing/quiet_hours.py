"""A person's quiet hours over REST, for tests: on and off, and what may sound in them."""

import asyncio
from datetime import datetime
from typing import Any

from kaftalk_testing.account import Account

_TIMEOUT_S = 20.0
MINUTES = 30


async def set_profile(account: Account, **fields: Any) -> None:
    """Replace the profile: no windows, and the given fields (`pierce`, `share`, `deliver`)."""
    await account.call("PUT", "/me/quiet-hours", json={"zone": "UTC", "windows": [], **fields})


async def begin_quiet(account: Account, **fields: Any) -> int:
    """Snooze with a profile of the given fields, and return once the hold is on; gives its end in ms."""
    if fields:
        await set_profile(account, **fields)
    answer = await account.call("POST", "/me/snooze", json={"minutes": MINUTES})
    await _until(account, active=True)
    return round(_ms(answer["snooze_until"]))


async def end_quiet(account: Account) -> None:
    """End the snooze."""
    await account.call("DELETE", "/me/snooze")
    await _until(account, active=False)


def pierce(*, vip: tuple[str, ...] = (), direct: bool = True, rooms: bool = False) -> dict[str, Any]:
    """Give a policy as in a profile."""
    return {"pierce": {"vip": list(vip), "direct_send_anyway": direct, "urgent_rooms": rooms}}


async def _until(account: Account, *, active: bool) -> None:
    async with asyncio.timeout(_TIMEOUT_S):
        while (await account.call("GET", "/me/quiet-hours"))["active"] != active:
            await asyncio.sleep(0.05)


def _ms(text: str) -> float:
    return datetime.fromisoformat(text).timestamp() * 1000
