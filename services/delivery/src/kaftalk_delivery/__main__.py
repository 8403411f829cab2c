"""Start the delivery service."""

from kaftalk_delivery.app import App
from kaftalk_delivery.settings import Settings
from kaftalk_runtime import traces
from kaftalk_runtime.logs import configure
from kaftalk_runtime.serving import serve
from kaftalk_runtime.settings import load


def main() -> int:
    """Run until SIGTERM and return the exit status."""
    settings = load(Settings)
    configure("delivery", settings.instance, settings.log_level)
    traces.configure("delivery", settings)
    return serve(lambda: App(settings), metrics_address=settings.metrics_address)


if __name__ == "__main__":
    raise SystemExit(main())
