"""`docker compose up` with real images: it works, loses nothing when parts die, and keeps its secrets to itself."""

import asyncio
import json
import os
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable

import httpx
import pytest

from kaftalk_testing.account import Account
from kaftalk_testing.chat_load import chat_load_at
from kaftalk_testing.compose import Project
from kaftalk_testing.docker_plugins import COMPOSE, plugin_command
from kaftalk_testing.tools import repository
from kaftalk_testing.tryout import show_a_picture, talk

pytestmark = pytest.mark.timeout(900)

SECRETS = ("internal-keys", "redis-url", "s3-secret-key", "jwt.pem")


@pytest.fixture(scope="module")
async def project() -> AsyncIterator[Project]:
    """Start everything, and remove it with its volumes at the end."""
    project = Project(f"kaftalk-test-{os.getpid()}")
    try:
        await project.up()
        await project.healthy()
        yield project
    finally:
        await project.compose("--profile", "*", "down", "--volumes", "--timeout", "30")


def test_the_file_is_taken_without_a_complaint() -> None:
    command = [*plugin_command(COMPOSE), "--profile", "*", "config", "--quiet"]
    done = subprocess.run(command, cwd=repository(), capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


async def test_two_people_talk_and_one_shows_a_picture(project: Project) -> None:
    await talk(project.url)
    shown = await show_a_picture(project.url)
    assert (shown["status"], shown["width"], shown["height"]) == ("ready", 1200, 900)


async def test_the_operators_command_finds_nothing_to_mend(project: Project) -> None:
    found = json.loads(await project.compose("run", "--rm", "--no-TTY", "kaftalk", "doctor", "--json"))
    assert [one for one in found if one["level"] != "good"] == []
    assert {"broker 1", "broker 2", "broker 3", "redis persistence", "broker clock", "s3"} <= {
        one["subject"] for one in found
    }


async def test_no_secret_stands_where_docker_shows_it(project: Project) -> None:
    ids = (await project.compose("ps", "--all", "--quiet")).split()
    inspected = await asyncio.to_thread(subprocess.run, ["docker", "inspect", *ids], capture_output=True, text=True)
    shown = str(inspected.stdout) + await project.compose("logs", "--no-color")
    for name in SECRETS:
        secret = await project.compose("exec", "-T", "rooms", "cat", f"/run/secrets/kaftalk/{name}")
        assert len(secret) >= 32
        assert all(line not in shown for line in secret.splitlines() if "PRIVATE KEY" not in line)


async def test_containers_can_write_nowhere_and_are_nobody(project: Project) -> None:
    for service in ("rooms", "gateway-1", "delivery", "dnd-batch", "media", "lambda-host", "web"):
        assert (await project.compose("exec", "-T", service, "id", "-u")).strip() == "10001"
        status = await project.compose("exec", "-T", service, "sh", "-c", "touch /x 2>/dev/null || echo refused")
        assert status.strip() == "refused"


@pytest.mark.parametrize("services", [("kafka-2",), ("gateway-1", "delivery"), ("redis",), ("rooms", "web")])
async def test_parts_die_under_load_and_nothing_is_lost(project: Project, services: tuple[str, ...]) -> None:
    async def die() -> None:
        await project.compose("kill", *services)
        await asyncio.sleep(1.0)
        await project.up()
        await project.healthy()

    await _chat_through(project, " and ".join(services), die)


async def test_all_is_there_again_after_down_and_up(project: Project) -> None:
    async with httpx.AsyncClient(base_url=project.url, timeout=30) as http:
        account = await Account.register(http)
        room = await account.room("남는 방")
        await project.compose("down")
        await project.up()
        await project.healthy()
        await account.sign_in()
        assert [entry["id"] for entry in (await account.call("GET", "/rooms"))["items"]] == [room["id"]]
    await talk(project.url)


async def _chat_through(project: Project, name: str, trouble: Callable[[], Awaitable[None]]) -> None:
    async with chat_load_at(project.url, [project.ws_url], rooms=3, people=5) as load:
        await load.chat_while(trouble(), per_s=20.0)
        await load.settle()
        assert load.verdict(f"{name} killed") == []
        assert load.failed() == []
