"""Start the dnd-batch service."""

import contextlib
import gc
import os
from pathlib import Path

from kaftalk_dnd_batch.app import App
from kaftalk_dnd_batch.settings import Settings
from kaftalk_runtime import traces
from kaftalk_runtime.logs import configure
from kaftalk_runtime.serving import serve
from kaftalk_runtime.settings import load

NICENESS = 5
"""A stampede takes a whole core for seconds; on the same machine, whoever chats goes first."""
GC_THRESHOLDS = (10_000, 10, 20)
"""A stampede makes a million objects and no cycles: by Python's own bounds looking for them takes a seventh of it."""
AUTOGROUP = Path("/proc/self/autogroup")


def main() -> int:
    """Run until SIGTERM and return the exit status."""
    go_behind_others()
    gc.set_threshold(*GC_THRESHOLDS)
    settings = load(Settings)
    configure("dnd-batch", settings.instance, settings.log_level)
    traces.configure("dnd-batch", settings)
    return serve(lambda: App(settings), metrics_address=settings.metrics_address)


def go_behind_others() -> None:
    """Lower our priority: where sessions are scheduled as groups, it counts inside of ours only (sched(7))."""
    os.nice(NICENESS)
    if os.getsid(0) == os.getpid():
        with contextlib.suppress(OSError):
            AUTOGROUP.write_text(str(NICENESS))


if __name__ == "__main__":
    raise SystemExit(main())
