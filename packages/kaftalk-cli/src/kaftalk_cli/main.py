"""The commands of `kaftalk`."""

import logging
from pathlib import Path
from typing import Annotated, Any

import structlog
import typer

from kaftalk_cli import admin
from kaftalk_cli.archive import Archive
from kaftalk_cli.deployment import Deployment, beside
from kaftalk_cli.doctor import examine
from kaftalk_cli.exporting import export_room
from kaftalk_cli.findings import Level
from kaftalk_cli.importing import import_room
from kaftalk_cli.media_files import media_files
from kaftalk_cli.output import Json, Output
from kaftalk_cli.rebuild import rebuild_views
from kaftalk_cli.running import run
from kaftalk_cli.settings import CliSettings
from kaftalk_runtime.settings import load

Room = Annotated[str, typer.Argument(help="The room's id.")]
WithMedia = Annotated[bool, typer.Option(help="With the files of the bucket.")]

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


@app.command("export")
def export(room: Room, folder: Path, media: WithMedia = True, json: Json = False) -> None:
    """Write a room with its people and media into a new folder, every record chained by hashes."""

    async def work(deployment: Deployment) -> dict[str, Any]:
        async with media_files(deployment, with_files=media) as files:
            return await export_room(deployment, files, deployment.room(room), folder)

    Output(as_json=json).facts(beside(work))


@app.command("import")
def import_(folder: Path, media: WithMedia = True, json: Json = False) -> None:
    """Make an exported room again here, under its own id, once the whole folder is proven."""

    async def work(deployment: Deployment) -> dict[str, Any]:
        async with media_files(deployment, with_files=media) as files:
            return await import_room(deployment, files, Archive(folder))

    Output(as_json=json).facts(beside(work))


@app.command()
def verify(folder: Path, json: Json = False) -> None:
    """Prove that an exported folder is as it was written. Compare its hash with the one that you kept."""
    Output(as_json=json).facts(run(_verified(folder)))


async def _verified(folder: Path) -> dict[str, Any]:
    return Archive(folder).verify()


def main() -> None:
    """Run the command on the command line."""
    app()


if __name__ == "__main__":
    main()
