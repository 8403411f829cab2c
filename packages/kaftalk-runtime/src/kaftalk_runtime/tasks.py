"""Task loops: what must keep running runs again after an exception, which is logged and counted."""

import asyncio
from collections.abc import Awaitable, Callable

from kaftalk_runtime import metrics
from kaftalk_runtime.logs import get_logger

_BACKOFF_FIRST_S = 0.1
_BACKOFF_LAST_S = 5.0
_CALM_AFTER_S = 30.0

_log = get_logger(__name__)
_failures = metrics.counter("kaftalk_task_failures_total", "Exceptions at the edge of a task loop", "task")


class Tasks:
    """The background tasks of one owner, ended together."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[None]] = set()

    def run(self, name: str, work: Callable[[], Awaitable[object]]) -> None:
        """Await `work()` in the background, again after an exception (0.1–5 s later), until it returns."""
        task = asyncio.create_task(keep_running(name, work), name=name)
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def stop(self, timeout_s: float = 5.0) -> None:
        """Cancel what runs and wait for it, at most `timeout_s`."""
        running = list(self._running)
        for task in running:
            task.cancel()
        if running:
            _, left = await asyncio.wait(running, timeout=timeout_s)
            for task in left:
                _log.warning("task_did_not_end", task=task.get_name())


async def keep_running(name: str, work: Callable[[], Awaitable[object]]) -> None:
    """Await `work()` again after every exception until it returns."""
    backoff_s = _BACKOFF_FIRST_S
    clock = asyncio.get_running_loop().time
    while True:
        started = clock()
        try:
            await work()
        except Exception as error:  # noqa: BLE001 - the edge of a task loop
            _failures.labels(name).inc()
            _log.error("task_failed", task=name, error=repr(error), exc_info=error)
        else:
            return
        backoff_s = _BACKOFF_FIRST_S if clock() - started > _CALM_AFTER_S else min(backoff_s * 2, _BACKOFF_LAST_S)
        await asyncio.sleep(backoff_s)
