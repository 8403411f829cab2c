"""Run a decoder in a child process that may die: a bomb or a broken codec ends the child, not the function.

A fork has the libraries loaded already and costs milliseconds. What comes back is JSON: the child has read bytes
that nobody vouches for, and nothing it says is unpickled.
"""

import errno
import json
import logging
import os
import resource
import select
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kaftalk_thumbnailer.errors import Reason, Rejected

_FILE_BYTES_MAX = 320 * 1024 * 1024
_ANSWER_BYTES_MAX = 64 * 1024
# What is wrong with the machine, not with the upload: another try may succeed.
_TROUBLE = frozenset({errno.ENOSPC, errno.EIO, errno.EMFILE, errno.ENFILE, errno.EROFS, errno.EACCES})

_log = logging.getLogger(__name__)


class SandboxTrouble(Exception):
    """The child could not do its work for a reason that is not the upload's."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What the child may use: memory beside what it has from its parent (under 80 MiB of 512), CPU and time."""

    memory_bytes: int = 420 * 1024 * 1024
    cpu_s: int = 20
    wall_s: float = 24.0


def run_apart(work: Callable[[], dict[str, Any]], limits: Limits) -> dict[str, Any]:
    """Return what the work returns.

    Raises Rejected: the work raised it, or used up its memory or CPU, or crashed.
    Raises SandboxTrouble: no time left, or the machine failed it.
    """
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        _be_the_child(work, limits, writer)
    os.close(writer)
    answer = None
    try:
        answer = _read(reader, time.monotonic() + limits.wall_s)
    finally:
        os.close(reader)
        if answer is None:
            os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
    if answer is None:
        raise SandboxTrouble(f"not done after {limits.wall_s:g} s")
    return _result(answer, os.waitstatus_to_exitcode(status))


def _be_the_child(work: Callable[[], dict[str, Any]], limits: Limits, writer: int) -> None:
    """Work, answer, and end without returning: nothing of the parent's may run twice."""
    status = 1
    try:
        _confine(limits)
        os.write(writer, json.dumps(_answer(work)).encode())
        status = 0
    finally:
        os._exit(status)


def _confine(limits: Limits) -> None:
    """Set the limits; RLIMIT_DATA counts private memory that can be written, whoever allocates it (Linux 4.7)."""
    inherited = int(Path("/proc/self/statm").read_text().split()[5]) * resource.getpagesize()
    for name, value in (
        (resource.RLIMIT_DATA, inherited + limits.memory_bytes),
        (resource.RLIMIT_FSIZE, _FILE_BYTES_MAX),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(name, (value, value))
    resource.setrlimit(resource.RLIMIT_CPU, (limits.cpu_s, limits.cpu_s + 1))


def _answer(work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    try:
        return {"result": work()}
    except Rejected as error:
        return {"reason": error.reason, "detail": error.detail}
    except MemoryError:
        return {"reason": Reason.TOO_COMPLEX, "detail": "out of memory"}
    except OSError as error:
        if error.errno in _TROUBLE:
            return {"trouble": str(error)}
        return {"reason": Reason.UNREADABLE, "detail": str(error)[:200]}
    except Exception as error:  # noqa: BLE001 - decoders raise whatever a broken file makes them stumble over
        _log.exception("decoder failed")
        return {"reason": Reason.UNREADABLE, "detail": f"{type(error).__name__}: {error}"[:200]}


def _read(reader: int, deadline: float) -> bytes | None:
    """Read until the child closes its end; None if it does not in time."""
    answer = b""
    while len(answer) <= _ANSWER_BYTES_MAX:
        ready, _, _ = select.select([reader], [], [], max(0.0, deadline - time.monotonic()))
        if not ready:
            return None
        part = os.read(reader, _ANSWER_BYTES_MAX)
        if not part:
            return answer
        answer += part
    return None


def _result(answer: bytes, status: int) -> dict[str, Any]:
    if status != 0:
        reason = Reason.UNREADABLE if -status in {signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE} else Reason.TOO_COMPLEX
        raise Rejected(reason, f"the decoder ended with status {status}")
    said: dict[str, Any] = json.loads(answer)
    if "trouble" in said:
        raise SandboxTrouble(said["trouble"])
    if "reason" in said:
        raise Rejected(Reason(said["reason"]), said["detail"])
    result: dict[str, Any] = said["result"]
    return result
