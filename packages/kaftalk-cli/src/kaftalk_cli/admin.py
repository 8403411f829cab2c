"""The commands of `kaftalk admin`."""

import sys
from typing import Annotated, Any

import typer

from kaftalk_cli import erasing, people, rooms
from kaftalk_cli.deployment import Deployment, beside
from kaftalk_cli.output import Json, Output

app = typer.Typer(no_args_is_help=True, help="People, rooms, and how far delivery is behind.")

User = Annotated[str, typer.Argument(help="Username or id.")]
Room = Annotated[str, typer.Argument(help="The room's id.")]
Search = Annotated[str, typer.Option("--search", help="Only those with this in a name.")]


def _password() -> str:
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\n")
    return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True))


@app.command("users")
def list_users(search: Search = "", json: Json = False) -> None:
    """List accounts."""
    Output(as_json=json).rows(beside(lambda deployment: people.listed(deployment, search)))


@app.command("create-user")
def create_user(username: str, name: str | None = None, json: Json = False) -> None:
    """Make an account; its password is asked for, or read from standard input."""
    password = _password()
    Output(as_json=json).facts(beside(lambda deployment: people.create(deployment, username, password, name)))


@app.command()
def disable(user: User, json: Json = False) -> None:
    """Sign somebody out everywhere and let her in no more; she stays in her rooms."""
    Output(as_json=json).facts(beside(lambda deployment: people.set_active(deployment, user, active=False)))


@app.command()
def enable(user: User, json: Json = False) -> None:
    """Let somebody in again."""
    Output(as_json=json).facts(beside(lambda deployment: people.set_active(deployment, user, active=True)))


@app.command("set-password")
def set_password(user: User, json: Json = False) -> None:
    """Give somebody another password, asked for or read from standard input, and sign her out everywhere."""
    password = _password()
    Output(as_json=json).facts(beside(lambda deployment: people.set_password(deployment, user, password)))


@app.command("rooms")
def list_rooms(search: Search = "", json: Json = False) -> None:
    """List rooms."""
    Output(as_json=json).rows(beside(lambda deployment: rooms.listed(deployment, search)))


@app.command()
def members(room: Room, json: Json = False) -> None:
    """List who is in a room."""
    Output(as_json=json).rows(beside(lambda deployment: rooms.members(deployment, room)))


@app.command()
def kick(
    room: Room, user: User, ban: Annotated[bool, typer.Option(help="Not let in again.")] = False, json: Json = False
) -> None:
    """Remove somebody from a room, in the name of its owner."""
    Output(as_json=json).facts(beside(lambda deployment: rooms.kick(deployment, room, user, ban=ban)))


@app.command()
def lag(json: Json = False) -> None:
    """Count, by shard, what is in the logs and not yet delivered."""
    Output(as_json=json).rows(beside(rooms.lag))


@app.command()
def erase(
    room: Room,
    by: Annotated[str, typer.Option(help="First delete all that this person (username or id) wrote there.")] = "",
    json: Json = False,
) -> None:
    """Take the content of deleted messages out of Kafka: the room's log is written again, and the old one goes.

    Everything else keeps its seq and its time; clients load a page. The old log is deleted 15 minutes later.
    """

    async def work(deployment: Deployment) -> dict[str, Any]:
        author = deployment.account(by).id if by else None
        return await erasing.erase(deployment, deployment.room(room), author)

    Output(as_json=json).facts(beside(work))
