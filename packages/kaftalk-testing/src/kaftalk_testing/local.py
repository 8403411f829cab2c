"""`make up`, `make down` and `make status`: Kaftalk on this machine, its state in `.kaftalk/`."""

import argparse
import asyncio
import fcntl
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from kaftalk_testing import plan as plans
from kaftalk_testing.deployment import CannotStart, check_ports, choose_address, plan_deployment
from kaftalk_testing.kafka_files import kafka_files
from kaftalk_testing.process import ProcessId, Program, StartError, start, together
from kaftalk_testing.records import Records
from kaftalk_testing.tools import REDIS, MissingTools, ToolFailed, ensure, repository, venv_program
from kaftalk_testing.web_build import build_web

_LOG_BYTES_MAX = 16 * 1024 * 1024
_STOP_TIMEOUT_S = 30.0


async def up(state: Path) -> None:
    """Start what does not run. Raises CannotStart, MissingTools, StartError, ToolFailed."""
    records = Records(state / "run")
    running = records.running()
    address = choose_address(records.address() if running else None)
    plan = plan_deployment(state, address, os.environ)
    missing = [name for name in plan.names() if name not in running]
    if not missing:
        print(f"Kaftalk is running already: {address.url} (`make down` stops it)")
        return
    check_ports(plan, set(running))
    ensure(REDIS)
    programs = plans.programs(plan, kafka_files())
    with _told("web client"):
        build_web()
    records.set_address(address)
    try:
        for wave in plans.waves(missing):
            await together(_start(programs[name], state / "logs", records) for name in wave)
    except BaseException:
        await _stop({name: process for name, process in records.running().items() if name in missing}, records)
        raise
    print(f"\nKaftalk is ready: {address.url}")


async def down(state: Path) -> None:
    """Stop what `up` has started, and nothing else."""
    records = Records(state / "run")
    running = records.running()
    if not running:
        print("Kaftalk is not running")
    await _stop(running, records)


def status(state: Path) -> None:
    """Print each program with its state."""
    records = Records(state / "run")
    running = records.running()
    address = choose_address(records.address() if running else None)
    for name in plan_deployment(state, address, os.environ).names():
        print(f"{name:14} {f'running, process {running[name].pid}' if name in running else 'not running'}")
    print(f"\nlogs in {state / 'logs'}" + (f", served at {address.url}" if "caddy" in running else ""))


def operate(state: Path, arguments: list[str]) -> int:
    """Run `kaftalk` with the environment of the media service, which has all it needs; returns its status."""
    records = Records(state / "run")
    plan = plan_deployment(state, choose_address(records.address()), os.environ)
    media = plans.service(plan, plan.of("media")[0])
    return subprocess.run(
        [venv_program("kaftalk"), *arguments], env=os.environ | dict(media.env), check=False
    ).returncode


async def _start(program: Program, logs: Path, records: Records) -> None:
    log = logs / f"{program.name}.log"
    if log.exists() and log.stat().st_size > _LOG_BYTES_MAX:
        log.rename(log.with_suffix(".log.1"))
    with _told(program.name):
        await start(program, log, tied=False, spawned=lambda child: records.add(program.name, child.id))


async def _stop(processes: Mapping[str, ProcessId], records: Records) -> None:
    """Stop the proxy first and Kafka last, so that nothing is cut off from what it needs."""
    for wave in reversed(plans.waves(processes)):
        await together(_stop_one(name, processes[name], records) for name in wave)


async def _stop_one(name: str, process: ProcessId, records: Records) -> None:
    in_time = await process.stop(_STOP_TIMEOUT_S)
    records.remove(name)
    print(f"{name:14} stopped" + ("" if in_time else f" by force after {_STOP_TIMEOUT_S:g} s"), flush=True)


@contextmanager
def _told(name: str) -> Iterator[None]:
    """Print that a step is done and how long it took."""
    begun = time.monotonic()
    yield
    print(f"{name:14} ready after {time.monotonic() - begun:.1f} s", flush=True)


@contextmanager
def _alone(state: Path) -> Iterator[None]:
    """Let one command at a time change what runs. Raises CannotStart."""
    state.mkdir(exist_ok=True)
    with (state / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CannotStart("another `make up` or `make down` is under way") from None
        yield


def main() -> None:
    """Start, stop or show the deployment of this source tree."""
    parser = argparse.ArgumentParser(prog="python -m kaftalk_testing.local", description=main.__doc__)
    parser.add_argument("--state", type=Path, default=repository() / ".kaftalk")
    parser.add_argument("command", choices=("up", "down", "status", "kaftalk"))
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="of `kaftalk`")
    arguments = parser.parse_args()
    try:
        if arguments.command == "status":
            status(arguments.state)
        elif arguments.command == "kaftalk":
            sys.exit(operate(arguments.state, arguments.arguments))
        else:
            with _alone(arguments.state):
                asyncio.run({"up": up, "down": down}[arguments.command](arguments.state))
    except (CannotStart, MissingTools, StartError, ToolFailed) as error:
        sys.exit(f"{arguments.command}: {error}")
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
