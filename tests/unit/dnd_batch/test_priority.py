"""Whoever chats on the same machine goes before a stampede."""

import subprocess
import sys

import pytest

from kaftalk_dnd_batch.__main__ import AUTOGROUP, NICENESS

PROGRAM = f"""
import os, pathlib
from kaftalk_dnd_batch.__main__ import go_behind_others
go_behind_others()
group = pathlib.Path({str(AUTOGROUP)!r})
print(os.nice(0), group.read_text().split()[-1] if group.exists() else "none")
"""


@pytest.mark.parametrize("leads", [True, False])
def test_the_service_goes_behind_others_with_its_session_if_that_is_its_own(leads: bool) -> None:
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM if leads else f"import subprocess, sys; {nested()}"],
        start_new_session=True,
        capture_output=True,
        text=True,
        check=True,
    )
    nice, group = run.stdout.split()
    assert int(nice) >= NICENESS
    assert group in ((str(NICENESS) if leads else "0"), "none")


def nested() -> str:
    """Give a program that runs the first one as another process of the session."""
    return f"subprocess.run([sys.executable, '-c', {PROGRAM!r}], check=True)"
