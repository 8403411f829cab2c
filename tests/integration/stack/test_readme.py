"""The README's commands do what it says, in a fresh clone beside whatever else runs."""

import asyncio
import os
import re
import uuid
from pathlib import Path

import httpx
import pytest

from kaftalk_testing.account import Account
from kaftalk_testing.ports import is_free
from kaftalk_testing.tools import repository

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


async def run(command: str, folder: Path, **settings: str) -> str:
    """Run a command as a person would, and give what it printed."""
    own = ("KAFTALK_", "VIRTUAL_ENV", "UV_PROJECT")
    outside = {key: value for key, value in os.environ.items() if not key.startswith(own)}
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_shell(
        command, cwd=folder, env=outside | settings, stdout=pipe, stderr=asyncio.subprocess.STDOUT
    )
    output = (await process.communicate())[0].decode()
    assert process.returncode == 0, output
    return output


def roomy_port() -> int:
    """Find a port below the ephemeral ones with the ports behind it free, too."""
    return next(port for port in range(6_100, 9_900, 250) if all(map(is_free, (port, *range(port + 99, port + 130)))))


def test_both_readmes_name_the_same_two_commands() -> None:
    for page in ("README.md", "README.ko.md"):
        block = re.search(r"```sh\n(.*?)```", (repository() / page).read_text(), re.DOTALL)
        assert block is not None
        assert [line.split("#")[0].strip() for line in block[1].splitlines()] == ["make up", "make test"]


async def test_make_up_serves_a_fresh_clone_and_make_down_ends_it(tmp_path: Path) -> None:
    clone, port = tmp_path / "kaftalk", str(roomy_port())
    await run(f"git clone --quiet {repository()} {clone}", tmp_path)
    try:
        assert f"Kaftalk is ready: http://127.0.0.1:{port}" in await run("make up", clone, KAFTALK_PORT=port)
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=20) as http:
            assert "<title>Kaftalk" in (await http.get("/")).text
            account = await Account.register(http, f"new-{uuid.uuid4().hex[:8]}")
            room = await account.room("첫 방")
            assert [entry["id"] for entry in (await account.call("GET", "/rooms"))["items"]] == [room["id"]]
        assert "already" in await run("make up", clone, KAFTALK_PORT=port)
        assert "running" in await run("make status", clone)
    finally:
        assert "stopped" in await run("make down", clone)
