"""The loop that finds leaders for whatever has none."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sized

from kaftalk_roomlog.errors import BrokerUnreachable

log = logging.getLogger(__name__)

BACKOFF_S = (0.02, 1.0)


async def place_forever(unplaced: Sized, wake: asyncio.Event, place: Callable[[], Awaitable[None]]) -> None:
    """Call `place` whenever something is unplaced: at once when `wake` is set, else ever more slowly.

    With no broker at all only time counts: nothing new makes it ask earlier.
    """
    shortest, longest = BACKOFF_S
    backoff_s = shortest
    while True:
        if not unplaced:
            backoff_s = shortest
            await wake.wait()
        wake.clear()
        try:
            await place()
        except BrokerUnreachable as error:
            log.warning("no broker to place %d logs: %s", len(unplaced), error)
            await asyncio.sleep(backoff_s)
        except Exception:
            log.exception("placing logs failed")
        if unplaced:
            await _pause(wake, backoff_s)
            backoff_s = min(2 * backoff_s, longest)


async def _pause(wake: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await wake.wait()
    except TimeoutError:
        return
