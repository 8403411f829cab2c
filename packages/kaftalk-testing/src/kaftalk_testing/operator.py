"""The operator's tool, run beside a stack."""

import json
import os
import subprocess
from dataclasses import dataclass
from typing import Any

from kaftalk_testing.stack import Stack
from kaftalk_testing.tools import venv_program

_TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True)
class Ran:
    """How a command ended, and what it printed."""

    status: int
    out: str
    err: str

    @property
    def answer(self) -> Any:
        """Return what `--json` printed."""
        return json.loads(self.out)


def kaftalk(stack: Stack, *arguments: str, given: str = "", **settings: str) -> Ran:
    """Run `kaftalk` with the environment of the stack's media service, changed by `settings`."""
    environment = os.environ | dict(stack.programs["media-1"].env) | settings
    ran = subprocess.run(
        [venv_program("kaftalk"), *arguments],
        env=environment, input=given, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False,
    )  # fmt: skip
    return Ran(ran.returncode, ran.stdout, ran.stderr)
