"""The commands of `kaftalk`."""

import logging

import structlog
import typer

from kaftalk_cli import admin
from kaftalk_cli.doctor import examine
from kaftalk_cli.findings import Level
from kaftalk_cli.output import Json, Output
from kaftalk_cli.rebuild import rebuild_views
from kaftalk_cli.running import run
from kaftalk_cli.settings import CliSettings
from kaftalk_runtime.settings import load

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False)
app.add_typer(admin.app, name="admin")


@app.callback()
def _say_only_what_was_asked() -> None:
    """Look after a Kaftalk deployment: it reads the same environment variables as the services."""
    logging.disable(logging.CRITICAL)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))


@app.command()
def doctor(json: Json = False) -> None:
    """Check brokers, topics, Redis, clocks, secrets and services; say what to do. Status 1 if something is wrong."""
    findings = run(examine(load(CliSettings)))
    Output(as_json=json).findings(findings)
    if any(finding.level is Level.WRONG for finding in findings):
        raise typer.Exit(1)


@app.command("rebuild-views")
def rebuild(json: Json = False) -> None:
    """Make Redis again from Kafka, beside running services. Status 1 if rooms could not be read."""
    rebuilt = run(rebuild_views(load(CliSettings)))
    Output(as_json=json).facts(rebuilt)
    if rebuilt["rooms_missing"]:
        raise typer.Exit(1)


def main() -> None:
    """Run the command on the command line."""
    app()


if __name__ == "__main__":
    main()
