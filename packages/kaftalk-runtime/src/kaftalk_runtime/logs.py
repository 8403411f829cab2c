"""Structured logs: one JSON object a line on stdout, from every library too.

JSON with ASCII escapes: nothing a client sends can start a line or reach a terminal (CVE-2020-7694).
"""

import logging
import re
import secrets
import sys
import traceback
from collections.abc import Iterator
from typing import Any, cast

import structlog
from pydantic import ValidationError
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.typing import EventDict, ExcInfo, Processor, WrappedLogger

_SECRET_KEYS = frozenset({"authorization", "cookie", "password", "text", "ticket", "token", "secret"})
_ERROR_CHARS_MAX = 500
REQUEST_ID = "X-Request-Id"
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
# Below these, libraries tell what they were given: requests, headers, names of files, signatures.
_NOISY = {
    "aiobotocore": logging.WARNING,
    "aiohttp": logging.WARNING,
    "aiokafka": logging.ERROR,
    "boto3": logging.WARNING,
    "botocore": logging.WARNING,
    "httpcore": logging.WARNING,
    "uvicorn": logging.WARNING,
    "httpx": logging.WARNING,
    "opentelemetry": logging.WARNING,
    "urllib3": logging.WARNING,
    "websockets": logging.WARNING,
}


def configure(service: str, instance: str, level: str = "info") -> None:
    """Send the logs of this process, its libraries' included, to stdout."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.ExceptionRenderer(_traced),
        _Names(service, instance),
        _without_secrets,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=True,
    )
    output = logging.StreamHandler(sys.stdout)
    output.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    logging.root.handlers = [output]
    logging.root.setLevel(level.upper())
    for name, threshold in _NOISY.items():
        logging.getLogger(name).setLevel(threshold)


def get_logger(name: str) -> structlog.typing.FilteringBoundLogger:
    """Give a logger; call it with the event in words and values by name: `log.info("room_lost", room=room)`."""
    return cast(structlog.typing.FilteringBoundLogger, structlog.stdlib.get_logger(name))


def told(error: BaseException) -> str:
    """Describe an error without what somebody gave: a validation error repeats its input, which may be a message."""
    if isinstance(error, ValidationError):
        kinds = sorted({problem["type"] for problem in error.errors(include_url=False, include_input=False)})
        return f"{error.title} is not valid: {', '.join(kinds)}"
    return f"{type(error).__name__}: {error}"[:_ERROR_CHARS_MAX]


def request_id() -> str | None:
    """Give the id of the request that is being answered."""
    found = structlog.contextvars.get_contextvars().get("request_id")
    return None if found is None else str(found)


def named(given: str | None) -> Any:
    """Name what is done in the block after a request, by the id that its caller gave if that is well formed."""
    fits = given is not None and _REQUEST_ID.fullmatch(given.encode(errors="replace"))
    return structlog.contextvars.bound_contextvars(request_id=given if fits else secrets.token_hex(8))


class RequestIds:
    """ASGI wrapper that names every HTTP request: in its log lines and in the answer's `X-Request-Id`."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request under its own id, or the proxy's if that is well formed."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = dict(scope["headers"]).get(b"x-request-id", b"")
        request_id = given if _REQUEST_ID.fullmatch(given) else secrets.token_hex(8).encode()

        async def named(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", ()), (b"x-request-id", request_id)]}
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=request_id.decode()):
            await self._app(scope, receive, named)


class _Names:
    """Adds who logs."""

    def __init__(self, service: str, instance: str) -> None:
        self._names = {"service": service, "instance": instance}

    def __call__(self, _logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        event.update(self._names)
        return event


def _traced(exc_info: ExcInfo) -> str:
    """Write a traceback; the messages of its errors say nothing of what somebody gave."""
    errors = list(_with_causes(exc_info[1]))
    return "\n".join("".join(traceback.format_tb(one.__traceback__)) + told(one) for one in reversed(errors))


def _with_causes(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _without_secrets(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    kept: dict[str, Any] = {key: "(left out)" if key.lower() in _SECRET_KEYS else value for key, value in event.items()}
    return kept
