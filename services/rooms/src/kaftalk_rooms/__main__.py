"""Run the rooms service: `python -m kaftalk_rooms`."""

from kaftalk_rooms.app import RoomsService
from kaftalk_rooms.settings import RoomsSettings
from kaftalk_runtime import logs, traces
from kaftalk_runtime.serving import serve
from kaftalk_runtime.settings import load


def main() -> int:
    """Run until SIGTERM; gives the exit status."""
    settings = load(RoomsSettings)
    logs.configure("rooms", settings.instance, settings.log_level)
    traces.configure("rooms", settings)
    return serve(lambda: RoomsService(settings), metrics_address=settings.metrics_address)


if __name__ == "__main__":
    raise SystemExit(main())
