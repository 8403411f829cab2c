"""Start the dnd-batch service."""

import os

from kaftalk_dnd_batch.app import App
from kaftalk_dnd_batch.settings import Settings
from kaftalk_runtime import traces
from kaftalk_runtime.logs import configure
from kaftalk_runtime.serving import serve
from kaftalk_runtime.settings import load

NICENESS = 5
"""A stampede takes a whole core for seconds; on the same machine, whoever chats goes first."""


def main() -> int:
    """Run until SIGTERM and return the exit status."""
    os.nice(NICENESS)
    settings = load(Settings)
    configure("dnd-batch", settings.instance, settings.log_level)
    traces.configure("dnd-batch", settings)
    return serve(lambda: App(settings), metrics_address=settings.metrics_address)


if __name__ == "__main__":
    raise SystemExit(main())
