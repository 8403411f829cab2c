"""Uploads rendered as the thumbnailer renders them: in a child of a process of their own, with its limits."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_RENDERER = """
import json, re, sys
from functools import partial
from pathlib import Path
from kaftalk_thumbnailer.errors import Rejected
from kaftalk_thumbnailer.rendering import renderer_of
from kaftalk_thumbnailer.sandbox import Limits, run_apart

def measured(make, source, folder):
    try:
        return make(Path(source), Path(folder)).as_json()
    finally:
        status = Path("/proc/self/status").read_text()
        Path(source).with_name("peak").write_text(re.search(r"VmHWM:\\s*(\\d+)", status)[1])

for line in sys.stdin:
    kind, source, folder, limits = json.loads(line)
    try:
        answer = {"result": run_apart(partial(measured, renderer_of(kind), source, folder), Limits(**limits))}
    except Rejected as error:
        answer = {"reason": error.reason, "detail": error.detail}
    print(json.dumps(answer), flush=True)
"""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an upload; the child had at most `mib` of memory, shared pages and all."""

    folder: Path
    mib: float
    reason: str | None = None
    detail: str | None = None
    result: dict[str, Any] | None = None

    @property
    def made(self) -> dict[str, Any]:
        """Return the rendition of one that was taken."""
        assert self.result is not None, f"{self.reason}: {self.detail}"
        return self.result

    def content(self, variant: str) -> bytes:
        """Return the bytes of a variant."""
        name: str = self.made["variants"][variant]["file"]
        return (self.folder / name).read_bytes()

    def everything(self) -> bytes:
        """Return all bytes that would be served."""
        return b"".join(path.read_bytes() for path in sorted(self.folder.iterdir()))


Render = Callable[..., Outcome]


class Renderer:
    """The process; it holds less memory than a test run does, and no threads."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def render(self, place: Path, kind: str, content: bytes, **limits: float) -> Outcome:
        """Render the bytes as an upload of a kind, into a folder in `place`; `limits` are those of the sandbox."""
        source, folder, peak = place / "source", place / "made", place / "peak"
        folder.mkdir(exist_ok=True)
        peak.unlink(missing_ok=True)
        source.write_bytes(content)
        asked, answered = self._process.stdin, self._process.stdout
        assert asked
        assert answered
        asked.write(json.dumps([kind, str(source), str(folder), limits]) + "\n")
        asked.flush()
        answer = json.loads(answered.readline())
        return Outcome(folder, int(peak.read_text()) / 1024 if peak.exists() else 0.0, **answer)


@contextmanager
def running_renderer() -> Iterator[Renderer]:
    """Run the process while the block runs."""
    command = [sys.executable, "-c", _RENDERER]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield Renderer(process)
