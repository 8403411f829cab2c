"""Start the Lambda host."""

from kaftalk_lambda_host.app import App
from kaftalk_lambda_host.settings import Settings
from kaftalk_runtime.logs import configure
from kaftalk_runtime.serving import serve
from kaftalk_runtime.settings import load


def main() -> int:
    """Run until SIGTERM and return the exit status."""
    settings = load(Settings)
    configure("lambda-host", settings.instance, settings.log_level)
    return serve(lambda: App(settings), metrics_address=settings.metrics_address)


if __name__ == "__main__":
    raise SystemExit(main())
