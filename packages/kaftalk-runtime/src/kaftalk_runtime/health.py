"""What an orchestrator asks: is the event loop alive, may traffic come."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from kaftalk_runtime import metrics
from kaftalk_runtime.clock import Clock, SystemClock
from kaftalk_runtime.logs import get_logger

Check = Callable[[], Awaitable[bool]]

HEALTH_PATHS = ("/healthz", "/readyz")

_EVERY_S = 0.5
_CHECK_TIMEOUT_S = 2.0
_FAILURES_UNTIL_UNREADY = 4
_SUCCESSES_UNTIL_READY = 2

_log = get_logger(__name__)
_ready = metrics.gauge("kaftalk_ready", "1 if the check holds", "check")


class _Verdict:
    """One check with hysteresis: a blip does not take an instance out, nor does one success put it back."""

    def __init__(self) -> None:
        self.holds = False
        self._known = False
        self._run = 0

    def note(self, success: bool) -> bool:
        """Count one result; True if the verdict changed."""
        if not self._known:
            self._known = True
            self.holds = success
            return True
        self._run = 0 if success == self.holds else self._run + 1
        if self._run < (_FAILURES_UNTIL_UNREADY if self.holds else _SUCCESSES_UNTIL_READY):
            return False
        self.holds, self._run = success, 0
        return True


class Health:
    """Readiness over named checks; starts unready, and is unready for good once drained."""

    def __init__(
        self, checks: Mapping[str, Check], *, alive: Callable[[], bool] = lambda: True, clock: Clock | None = None
    ) -> None:
        self._checks = dict(checks)
        self._alive = alive
        self._clock = clock or SystemClock()
        self._verdicts = {name: _Verdict() for name in checks}
        self._draining = False

    @property
    def ready(self) -> bool:
        """Tell whether traffic may come."""
        return not self._draining and all(verdict.holds for verdict in self._verdicts.values())

    @property
    def alive(self) -> bool:
        """Tell whether the process can go on; if not, only a new one helps."""
        return self._alive()

    def drain(self) -> None:
        """Be unready from now on."""
        self._draining = True

    def report(self) -> dict[str, str]:
        """Give the state of every check by name."""
        states = {name: "ok" if verdict.holds else "failing" for name, verdict in self._verdicts.items()}
        return states | {"draining": "yes"} if self._draining else states

    async def watch(self) -> None:
        """Ask every check twice a second, for ever."""
        while True:
            await asyncio.gather(*(self._ask(name, check) for name, check in self._checks.items()))
            await self._clock.sleep(_EVERY_S)

    async def _ask(self, name: str, check: Check) -> None:
        try:
            async with asyncio.timeout(_CHECK_TIMEOUT_S):
                success = await check()
        except Exception:  # noqa: BLE001 - the edge of a task loop: whatever a check raises means "no"
            success = False
        if self._verdicts[name].note(success):
            _ready.labels(name).set(success)
            _log.info("check_changed", check=name, holds=success)


def internal_app(health: Health, routes: Sequence[BaseRoute] = ()) -> Starlette:
    """Build the app of the internal listener: `/healthz`, `/readyz` and the service's own routes."""

    async def healthz(_request: Request) -> Response:
        alive = health.alive
        return JSONResponse({"status": "alive" if alive else "broken"}, status_code=200 if alive else 503)

    async def readyz(_request: Request) -> Response:
        return JSONResponse(health.report(), status_code=200 if health.ready else 503)

    return Starlette(routes=[Route("/healthz", healthz), Route("/readyz", readyz), *routes])
