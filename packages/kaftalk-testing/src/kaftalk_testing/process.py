"""Start a process, wait until it is ready, stop it: one way for `make up` and for the tests.

Libraries that do this (mirakuru among them) end what they started when the interpreter exits and wait
with time.sleep. `make up` must leave its processes running, and a test must not block its event loop.
"""

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from kaftalk_testing.probes import Probe

_POLL_S = 0.05
_START_PAUSE_S = 0.5
_INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "XDG_CACHE_HOME", "SSL_CERT_FILE")


@dataclass(frozen=True, slots=True)
class Program:
    """What to run, under which name, how to tell that it is ready, and what to await before it is started.

    One that ends instead of waiting for what it needs is started up to `starts_max` times.
    """

    name: str
    command: tuple[str, ...]
    ready: Probe
    after: Callable[[], Awaitable[None]] | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    start_timeout_s: float = 60.0
    starts_max: int = 1
    stop_timeout_s: float = 15.0


class StartError(Exception):
    """A program ended or stayed unready while it was started; says which, and ends with its last log lines."""

    def __init__(self, name: str, reason: str, log: Path, *, ended: bool = False) -> None:
        super().__init__(f"{name} {reason}; the end of {log}:\n{last_lines(log)}")
        self.name = name
        self.ended = ended


@dataclass(frozen=True, slots=True)
class ProcessId:
    """A process, told apart from a later one that got the same number."""

    pid: int
    started_ticks: int
    boot_id: str

    @classmethod
    def of(cls, pid: int) -> "ProcessId":
        """Identify a process that runs now. Raises ProcessLookupError."""
        return cls(pid, _stat(pid)[1], _boot_id())

    def alive(self) -> bool:
        """Tell whether this very process runs; a zombie does not."""
        try:
            state, started_ticks = _stat(self.pid)
        except ProcessLookupError:
            return False
        return state != "Z" and started_ticks == self.started_ticks and self.boot_id == _boot_id()

    def signal(self, number: int) -> None:
        """Send a signal to its process group, or nothing if the process has ended."""
        if self.alive():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, number)

    async def stop(self, timeout_s: float) -> bool:
        """End the process; False if it had to be killed because SIGTERM did not help in time."""
        self.signal(signal.SIGTERM)
        self.signal(signal.SIGCONT)
        try:
            async with asyncio.timeout(timeout_s):
                await self._ended()
        except TimeoutError:
            self.signal(signal.SIGKILL)
            await self._ended()
            return False
        return True

    async def _ended(self) -> None:
        while self.alive():
            await asyncio.sleep(_POLL_S)


@dataclass(frozen=True, slots=True)
class Child:
    """A program that runs as a child of this process."""

    program: Program
    id: ProcessId
    popen: "subprocess.Popen[bytes]"

    def alive(self) -> bool:
        """Tell whether it still runs."""
        return self.popen.poll() is None

    def signal(self, number: int) -> None:
        """Send a signal; one that has ended gets none."""
        self.id.signal(number)

    def kill(self) -> None:
        """End it at once (SIGKILL) and wait until the kernel has taken it away."""
        self.signal(signal.SIGKILL)
        self.popen.wait()

    async def stop(self) -> int:
        """End it with SIGTERM, or SIGKILL after the program's time, and return the exit status."""
        await self.id.stop(self.program.stop_timeout_s)
        return self.popen.wait()


async def start(
    program: Program, log: Path, *, tied: bool, spawned: Callable[[Child], None] = lambda _child: None
) -> Child:
    """Run the program and return when it is ready; each process is told to `spawned` at once. Raises StartError."""
    if program.after:
        await program.after()
    for starts_left in reversed(range(program.starts_max)):
        child = spawn(program, log, tied=tied)
        spawned(child)
        try:
            await until_ready(child, log)
            break
        except StartError as error:
            if not (starts_left and error.ended):
                raise
            await asyncio.sleep(_START_PAUSE_S)
    return child


def spawn(program: Program, log: Path, *, tied: bool) -> Child:
    """Run the program in a process group of its own, its output appended to `log`.

    A `tied` child dies with the thread that started it, even when that is killed.
    """
    inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        popen = subprocess.Popen(
            [*(_tie() if tied else ()), *program.command],
            env=inherited | dict(program.env),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    return Child(program, ProcessId.of(popen.pid), popen)


async def until_ready(child: Child, log: Path) -> None:
    """Return when the child is ready; one that is not in time is killed. Raises StartError."""
    program = child.program
    try:
        async with asyncio.timeout(program.start_timeout_s):
            while not await program.ready():
                if not child.alive():
                    raise StartError(program.name, f"ended with status {child.popen.returncode}", log, ended=True)
                await asyncio.sleep(_POLL_S)
    except TimeoutError as error:
        child.kill()
        raise StartError(program.name, f"was not ready after {program.start_timeout_s:g} s", log) from error
    except BaseException:
        child.kill()
        raise


async def together(coroutines: Iterable[Coroutine[object, object, object]]) -> None:
    """Await all of them at once; the first failure cancels the others and is raised as it is."""
    try:
        async with asyncio.TaskGroup() as group:
            for coroutine in coroutines:
                group.create_task(coroutine)
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from None


def last_lines(log: Path, lines: int = 15) -> str:
    """Return the end of a log file."""
    text = log.read_text(errors="replace") if log.exists() else ""
    return "\n".join(text.splitlines()[-lines:])


def _tie() -> tuple[str, ...]:
    setpriv = shutil.which("setpriv")
    return (setpriv, "--pdeathsig", "KILL", "--") if setpriv else ()


def _stat(pid: int) -> tuple[str, int]:
    """Return a process's state and start time in clock ticks after boot; proc_pid_stat(5)."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        raise ProcessLookupError(pid) from None
    return fields[0], int(fields[19])


def _boot_id() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
