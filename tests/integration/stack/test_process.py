"""Starting and ending processes: readiness, failures with their logs, identity across reused numbers."""

import asyncio
import dataclasses
import os
import sys
from pathlib import Path

import pytest

from kaftalk_testing.ports import free_port, is_free, listener_on
from kaftalk_testing.probes import http_ok
from kaftalk_testing.process import Child, ProcessId, Program, StartError, start
from kaftalk_testing.records import Address, Records

IGNORES_SIGTERM = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(100)"
SLEEPS = "import time; time.sleep(100)"


async def at_once() -> bool:
    return True


async def never() -> bool:
    return False


def python(code: str) -> Program:
    return Program("probe", (sys.executable, "-c", code), at_once)


async def run(code: str, folder: Path) -> Child:
    return await start(python(code), folder / "probe.log", tied=True)


async def test_start_returns_when_the_program_answers(tmp_path: Path) -> None:
    port = free_port()
    command = (sys.executable, "-m", "http.server", "--bind", "127.0.0.1", "--directory", str(tmp_path), str(port))
    program = Program("web", command, http_ok(port, "/"))

    child = await start(program, tmp_path / "web.log", tied=True)

    assert await http_ok(port, "/")()
    assert not is_free(port)
    assert listener_on(port).startswith(f"process {child.id.pid} (")
    await child.stop()
    assert is_free(port)


async def test_a_program_that_ends_early_is_reported_with_its_last_words(tmp_path: Path) -> None:
    program = dataclasses.replace(python("print('no such room'); raise SystemExit(3)"), ready=never)

    with pytest.raises(StartError, match=r"(?s)ended with status 3.*no such room"):
        await start(program, tmp_path / "probe.log", tied=True)


async def test_a_program_that_ends_while_it_should_wait_is_started_again(tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    code = f"import pathlib; p = pathlib.Path({str(seen)!r}); seen = p.exists(); p.touch(); seen or exit(1); {SLEEPS}"

    async def has_waited() -> bool:
        return len(spawned) == 2 and spawned[-1].alive()

    spawned: list[Child] = []
    program = dataclasses.replace(python(code), ready=has_waited, starts_max=3)
    child = await start(program, tmp_path / "probe.log", tied=True, spawned=spawned.append)

    assert spawned[-1] is child
    child.kill()


async def test_a_program_that_is_never_ready_is_killed(tmp_path: Path) -> None:
    code = f"import os; print(os.getpid(), flush=True); {SLEEPS}"
    program = dataclasses.replace(python(code), ready=never, start_timeout_s=0.5)

    with pytest.raises(StartError, match=r"not ready after 0\.5 s"):
        await start(program, tmp_path / "probe.log", tied=True)

    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "probe.log").read_text()), 0)


async def test_stop_kills_what_ignores_sigterm(tmp_path: Path) -> None:
    program = dataclasses.replace(python(IGNORES_SIGTERM), stop_timeout_s=0.3)
    child = await start(program, tmp_path / "probe.log", tied=True)
    await asyncio.sleep(0.2)

    assert await child.stop() == -9


async def test_another_process_with_the_same_number_is_neither_alive_nor_signalled(tmp_path: Path) -> None:
    child = await run(SLEEPS, tmp_path)
    earlier = dataclasses.replace(child.id, started_ticks=child.id.started_ticks - 1)
    before_reboot = dataclasses.replace(child.id, boot_id="another")

    for stranger in (earlier, before_reboot):
        assert not stranger.alive()
        stranger.signal(9)

    assert child.alive()
    child.kill()


async def test_a_killed_child_is_not_alive(tmp_path: Path) -> None:
    child = await run(SLEEPS, tmp_path)

    child.kill()

    assert not child.alive()
    assert not child.id.alive()


async def test_records_keep_what_runs_and_forget_what_has_ended(tmp_path: Path) -> None:
    running, ended = await run(SLEEPS, tmp_path), await run(SLEEPS, tmp_path)
    ended.kill()
    records = Records(tmp_path / "run")
    records.set_address(Address("127.0.0.1", 8000, "http://127.0.0.1:8000"))
    records.add("rooms-1", running.id)
    records.add("media-1", ended.id)

    again = Records(tmp_path / "run")

    assert again.running() == {"rooms-1": running.id}
    assert again.address() == Address("127.0.0.1", 8000, "http://127.0.0.1:8000")
    running.kill()
    assert again.running() == {}


async def test_tied_children_die_with_a_killed_parent(tmp_path: Path) -> None:
    code = (
        "import asyncio, pathlib, time\n"
        "from kaftalk_testing.process import Program, start\n"
        "async def at_once(): return True\n"
        f"program = Program('x', ({sys.executable!r}, '-c', {SLEEPS!r}), at_once)\n"
        f"child = asyncio.run(start(program, pathlib.Path({str(tmp_path)!r}) / 'x.log', tied=True))\n"
        "print(child.id.pid, flush=True); time.sleep(100)\n"
    )
    parent = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE)
    assert parent.stdout is not None
    child = ProcessId.of(int(await parent.stdout.readline()))

    parent.kill()
    await parent.wait()

    async with asyncio.timeout(10):
        while child.alive():
            await asyncio.sleep(0.02)
