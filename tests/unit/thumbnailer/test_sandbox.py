"""What the child process may do to its parent: nothing. Each case has an interpreter of its own, without threads."""

import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow

_PROGRAM = """
import ctypes, errno, os, signal, sys, time
from kaftalk_thumbnailer.errors import Reason, Rejected
from kaftalk_thumbnailer.sandbox import Limits, SandboxTrouble, run_apart

def refuse():
    raise Rejected(Reason.TOO_LONG, "by hand")

def fill_the_disk():
    raise OSError(errno.ENOSPC, "No space left on device")

def stumble():
    return {}["tag"]

def write_without_end():
    with open(sys.argv[2], "wb") as file:
        while True:
            file.write(bytes(1 << 20))

cases = {
    "answer": lambda: {"peaks": [1, 2]},
    "refuse": refuse,
    "stumble": stumble,
    "crash": lambda: ctypes.string_at(0),
    "be killed": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "allocate": lambda: {"n": len(bytearray(300 << 20))},
    "compute": lambda: max(iter(int, 1)),
    "sleep": lambda: time.sleep(60),
    "fill the disk": fill_the_disk,
    "write without end": write_without_end,
    "chatter": lambda: {"text": "x" * (1 << 20)},
    "exit": lambda: sys.exit(0),
}
# Only who sleeps is to be out of time: on a busy machine a second of work takes many.
limits = Limits(memory_bytes=100 << 20, cpu_s=1, wall_s=2.0 if sys.argv[1] == "sleep" else 50.0)
try:
    print("returned", run_apart(cases[sys.argv[1]], limits))
except Rejected as error:
    print("refused", error.reason)
except SandboxTrouble:
    print("trouble")
try:
    os.waitpid(-1, os.WNOHANG)
except ChildProcessError:
    print("no child is left")
"""


def run(case: str, file: str = "") -> list[str]:
    done = subprocess.run([sys.executable, "-c", _PROGRAM, case, file], capture_output=True, text=True, timeout=60)
    return done.stdout.splitlines()


@pytest.mark.parametrize(
    ("case", "outcome"),
    [
        ("answer", "returned {'peaks': [1, 2]}"),
        ("refuse", "refused too_long"),
        ("stumble", "refused unreadable"),
        ("crash", "refused unreadable"),
        ("be killed", "refused too_complex"),
        ("allocate", "refused too_complex"),
        ("fill the disk", "trouble"),
        ("exit", "refused too_complex"),
        ("chatter", "trouble"),
        pytest.param("compute", "refused too_complex", marks=pytest.mark.slow),
        pytest.param("sleep", "trouble", marks=pytest.mark.slow),
    ],
)
def test_whatever_the_child_does_the_parent_goes_on(case: str, outcome: str) -> None:
    assert run(case) == [outcome, "no child is left"]


@pytest.mark.slow
def test_a_file_that_grows_without_end_is_cut_off(tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("sandbox") / "file"
    assert run("write without end", str(path))[0].startswith("refused")
    assert path.stat().st_size <= 320 << 20
    path.unlink()
