"""compose.yaml in a project of its own: started, looked at, broken, removed with its volumes."""

import asyncio
import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from typing import Any

from kaftalk_testing.docker_plugins import COMPOSE, plugin_command
from kaftalk_testing.ports import free_port
from kaftalk_testing.tools import repository

_POLL_S = 1.0


class ComposeFailed(Exception):
    """A command ended with an error; holds what it printed."""

    def __init__(self, command: Sequence[str], output: str) -> None:
        super().__init__(f"docker compose {' '.join(command)}: {output.strip()[-3000:]}")
        self.output = output


class Project:
    """A deployment by compose.yaml, beside any other on the machine."""

    def __init__(self, name: str) -> None:
        port, s3_port = free_port(), free_port()
        self.name = name
        self.url = f"http://127.0.0.1:{port}"
        self.ws_url = f"ws://127.0.0.1:{port}/ws"
        self._settings = {
            "COMPOSE_PROJECT_NAME": name,
            "KAFTALK_PORT": str(port),
            "KAFTALK_S3_PORT": str(s3_port),
            "KAFTALK_PUBLIC_URL": self.url,
            "KAFTALK_ORIGINS": self.url,
            "KAFTALK_S3_PUBLIC_ENDPOINT": f"http://127.0.0.1:{s3_port}",
            "KAFTALK_KAFKA_HEAP": "400m",
        }

    async def compose(self, *command: str) -> str:
        """Run `docker compose` and give its output. Raises ComposeFailed."""
        return await asyncio.to_thread(_run, plugin_command(COMPOSE), command, self._settings)

    async def up(self, *more: str) -> None:
        """Start what does not run, from images that are there. Raises ComposeFailed."""
        await self.compose(*more, "up", "--detach", "--no-build", "--quiet-pull")

    async def containers(self) -> list[dict[str, Any]]:
        """Return what `docker compose ps` tells of each container, stopped ones too."""
        lines = (await self.compose("ps", "--all", "--format", "json")).splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    async def healthy(self, timeout_s: float = 180.0) -> None:
        """Wait until everything that has a health check is healthy and everything else runs or is done.

        Raises TimeoutError with who was not.
        """
        ill: list[str] = []
        try:
            async with asyncio.timeout(timeout_s):
                while ill := [found["Service"] for found in await self.containers() if not _well(found)]:
                    await asyncio.sleep(_POLL_S)
        except TimeoutError:
            raise TimeoutError(f"not healthy after {timeout_s:g} s: {', '.join(ill)}") from None


def _run(compose: Sequence[str], command: Sequence[str], settings: Mapping[str, str]) -> str:
    done = subprocess.run(
        [*compose, *command], cwd=repository(), env=os.environ | dict(settings), capture_output=True, text=True
    )
    if done.returncode:
        raise ComposeFailed(command, done.stderr + done.stdout)
    return done.stdout


def _well(container: Mapping[str, Any]) -> bool:
    if container["State"] == "exited":
        return bool(container["ExitCode"] == 0)
    return container["State"] == "running" and container.get("Health") in ("", "healthy")
