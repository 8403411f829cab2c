"""The commands of `kaftalk`."""

import asyncio
import logging
import sys
from collections.abc import Coroutine
from typing import Annotated, Any, TypeVar

import structlog
import typer

from kaftalk_cli.doctor import examine
from kaftalk_cli.findings import Level
from kaftalk_cli.output import Output
from kaftalk_cli.rebuild import rebuild_views
from kaftalk_cli.settings import CliSettings
from kaftalk_roomlog.errors import RoomLogError
from kaftalk_runtime.kafka import KafkaUnreachable
from kaftalk_runtime.redis_client import RedisError
from kaftalk_runtime.settings import load

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False)

T = TypeVar("T")
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run until done; what Kafka or Redis refuse ends the tool with status 1 and one line."""
    try:
        return asyncio.run(work)
    except (RoomLogError, KafkaUnreachable, RedisError) as error:
        print(f"not done: {error!r}", file=sys.stderr)
        raise typer.Exit(1) from None


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
