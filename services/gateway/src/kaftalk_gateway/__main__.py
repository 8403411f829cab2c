"""Start the gateway."""

from kaftalk_gateway.app import App
from kaftalk_gateway.settings import GatewaySettings
from kaftalk_runtime import traces
from kaftalk_runtime.logs import configure
from kaftalk_runtime.serving import serve
from kaftalk_runtime.settings import load


def main() -> int:
    """Run until SIGTERM and return the exit status."""
    settings = load(GatewaySettings)
    configure("gateway", settings.instance, settings.log_level)
    traces.configure("gateway", settings)
    return serve(lambda: App(settings), metrics_address=settings.metrics_address, drain_timeout_s=settings.drain_s + 10)


if __name__ == "__main__":
    raise SystemExit(main())
