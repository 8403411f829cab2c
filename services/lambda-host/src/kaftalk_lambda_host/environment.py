"""One execution environment of a Lambda function: AWS's own runtime client, and the Runtime API that drives it.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

from kaftalk_lambda_host.http_server import Request, Response, serve

_API = "/2018-06-01/runtime"
_POLL_S = 0.05
_INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "SSL_CERT_FILE")
_TIED = ("setpriv", "--pdeathsig", "KILL", "--")
_ACCEPTED = Response(202, b'{"status":"OK"}')


class FunctionFailed(Exception):
    """An invocation ended with an error: `kind` is the error type that Lambda would report."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(f"{kind}: {message}")
        self.kind = kind
        self.message = message


@dataclass(frozen=True, slots=True)
class LambdaFunction:
    """What to run, as its configuration at AWS says."""

    handler: str
    environment: Mapping[str, str] = field(default_factory=dict)
    timeout_s: float = 30.0
    memory_mb: int = 512
    init_timeout_s: float = 20.0

    @property
    def name(self) -> str:
        """Return the function's name: that of the handler's module."""
        return self.handler.split(".")[0].replace("_", "-")

    @property
    def arn(self) -> str:
        """Return an ARN of an account that nobody has."""
        return f"arn:aws:lambda:us-east-1:000000000000:function:{self.name}"


@dataclass(slots=True)
class Invocation:
    """One event on its way through an environment."""

    event: bytes
    deadline_ms: int
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    result: "asyncio.Future[bytes]" = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class Environment:
    """Runs one invocation at a time in a process that stays warm until it is killed or dies."""

    def __init__(self, function: LambdaFunction, folder: Path) -> None:
        self._function = function
        self._folder = folder
        self._next: asyncio.Queue[Invocation] = asyncio.Queue()
        self._current: Invocation | None = None
        self._child: subprocess.Popen[bytes] | None = None
        self._asked = False
        self._init_error = ""
        self._port = 0
        self._open = AsyncExitStack()
        self.cold_starts = 0

    @property
    def pid(self) -> int | None:
        """Return the process of the runtime client, if it runs."""
        return self._child.pid if self._child and self._child.poll() is None else None

    async def __aenter__(self) -> "Environment":
        """Open the Runtime API; the function starts with its first invocation."""
        self._port = await self._open.enter_async_context(serve(self._answer))
        return self

    async def __aexit__(self, *_exception: object) -> None:
        """End the process and close the API."""
        self.kill()
        await self._open.aclose()

    async def invoke(self, event: bytes) -> bytes:
        """Run the function on an event (JSON) and return its result (JSON).

        Raises FunctionFailed: it raised, timed out, died or could not start; after the last three it starts cold.
        """
        if self.pid is None:
            await self._start()
        timeout_s = self._function.timeout_s
        invocation = Invocation(event, deadline_ms=int((time.time() + timeout_s) * 1000))
        self._current = invocation
        self._next.put_nowait(invocation)
        try:
            async with asyncio.timeout(timeout_s):
                return await self._result_of(invocation)
        except TimeoutError:
            self.kill()
            raise FunctionFailed("Sandbox.Timedout", f"Task timed out after {timeout_s:.2f} seconds") from None
        except asyncio.CancelledError:
            self.kill()
            raise
        finally:
            self._current = None

    def kill(self) -> None:
        """End the process and what it has started, at once."""
        if self._child:
            if self.pid is not None:
                os.killpg(self._child.pid, signal.SIGKILL)
            self._child.wait()
            self._child = None
        self._next = asyncio.Queue()

    async def _result_of(self, invocation: Invocation) -> bytes:
        """Wait for the result, or for the death of the process."""
        while not invocation.result.done():
            if self.pid is None:
                self.kill()
                raise FunctionFailed("Runtime.ExitError", "the process ended without an answer")
            await asyncio.wait([invocation.result], timeout=_POLL_S)
        return invocation.result.result()

    async def _start(self) -> None:
        """Start the runtime client, and return when it asks for work."""
        self.kill()
        self._asked, self._init_error = False, ""
        self.cold_starts += 1
        self._child = self._spawn()
        timeout_s = self._function.init_timeout_s
        try:
            async with asyncio.timeout(timeout_s):
                while not self._asked:
                    if self.pid is None:
                        reason = self._init_error or f"the process ended with status {self._child.returncode}"
                        raise FunctionFailed("Runtime.InitError", reason)
                    await asyncio.sleep(_POLL_S)
        except TimeoutError:
            self.kill()
            raise FunctionFailed("Runtime.InitError", f"not ready after {timeout_s:g} s") from None

    def _spawn(self) -> "subprocess.Popen[bytes]":
        """Run the client with a folder for its temporary files that is emptied with every cold start.

        It dies with this process, even when that is killed.
        """
        temporary = self._folder / "tmp"
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(parents=True)
        reserved = {
            "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{self._port}",
            "AWS_LAMBDA_FUNCTION_NAME": self._function.name,
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(self._function.memory_mb),
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "_HANDLER": self._function.handler,
            "TMPDIR": str(temporary),
        }
        inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        return subprocess.Popen(
            [*_TIED, sys.executable, "-m", "awslambdaric", self._function.handler],
            env=inherited | dict(self._function.environment) | reserved,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )

    async def _answer(self, request: Request) -> Response:
        if request.path == f"{_API}/invocation/next":
            return await self._hand_out()
        if request.path == f"{_API}/init/error":
            # The client exits by itself after it.
            self._init_error = str(_failure(request.body))
            return _ACCEPTED
        current = self._current
        if current and request.path == f"{_API}/invocation/{current.id}/response":
            _settle(current, request.body)
            return _ACCEPTED
        if current and request.path == f"{_API}/invocation/{current.id}/error":
            _settle(current, _failure(request.body))
            return _ACCEPTED
        return Response(404, b"{}")

    async def _hand_out(self) -> Response:
        self._asked = True
        invocation = await self._next.get()
        headers = {
            "Lambda-Runtime-Aws-Request-Id": invocation.id,
            "Lambda-Runtime-Deadline-Ms": str(invocation.deadline_ms),
            "Lambda-Runtime-Invoked-Function-Arn": self._function.arn,
        }
        return Response(200, invocation.event, headers)


def _settle(invocation: Invocation, outcome: bytes | FunctionFailed) -> None:
    if invocation.result.done():
        return
    if isinstance(outcome, bytes):
        invocation.result.set_result(outcome)
    else:
        invocation.result.set_exception(outcome)


def _failure(body: bytes) -> FunctionFailed:
    said = json.loads(body or b"{}")
    return FunctionFailed(said.get("errorType", "Unhandled"), said.get("errorMessage", ""))
