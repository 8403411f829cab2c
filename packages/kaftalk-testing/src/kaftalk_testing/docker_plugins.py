"""Plugins of the docker command: the machine's own, or built from their Go modules, once a machine.

`python -m kaftalk_testing.docker_plugins buildx` prints how `docker buildx` is called here.
"""

import fcntl
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from kaftalk_testing.tools import cache_folder, require, run
from kaftalk_testing.versitygw import GO


@dataclass(frozen=True, slots=True)
class Plugin:
    """A plugin, and where its program lies in which Go module."""

    name: str
    package: str
    version: str


COMPOSE = Plugin("compose", "github.com/docker/compose/v2/cmd", "2.40.3")
BUILDX = Plugin("buildx", "github.com/docker/buildx/cmd/buildx", "0.29.1")


@cache
def plugin_command(plugin: Plugin) -> tuple[str, ...]:
    """Return how `docker <plugin>` is called here. Raises MissingTools, ToolFailed."""
    docker = shutil.which(os.environ.get("DOCKER") or "docker") or "docker"
    if subprocess.run([docker, plugin.name, "version"], capture_output=True).returncode == 0:
        return (docker, plugin.name)
    return (str(_built(plugin)),)


def _built(plugin: Plugin) -> Path:
    home = cache_folder() / f"docker-{plugin.name}-{plugin.version}"
    binary = home / f"docker-{plugin.name}"
    home.mkdir(parents=True, exist_ok=True)
    with (home / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not binary.exists():
            print(f"building docker {plugin.name} {plugin.version} with Go (some minutes)", file=sys.stderr, flush=True)
            # Not `go install`: that refuses a module with directives for its own build.
            (home / "go.mod").write_text("module build\n")
            go, environment = require(GO), os.environ | {"CGO_ENABLED": "0", "GOFLAGS": "-mod=mod"}
            run("go get", [go, "get", f"{plugin.package}@v{plugin.version}"], cwd=home, env=environment)
            command = [go, "build", "-trimpath", "-ldflags=-s -w", "-o", "part", plugin.package]
            run("go build", command, cwd=home, env=environment)
            (home / "part").rename(binary)
    return binary


if __name__ == "__main__":
    print(*plugin_command(next(plugin for plugin in (COMPOSE, BUILDX) if plugin.name == sys.argv[1])))
