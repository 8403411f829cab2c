"""promtool, which checks what Prometheus is to be told: the machine's own, or unpacked from Debian's package."""

import os
import shutil
import tempfile
from pathlib import Path

from kaftalk_testing.tools import MissingTools, Tool, cache_folder, run

_PACKAGE = "prometheus"
PROMTOOL = Tool("promtool", _PACKAGE, lambda: shutil.which("promtool") or _unpacked())


def promtool() -> str:
    """Return promtool's path; it is fetched once a machine and not installed. Raises MissingTools, ToolFailed."""
    path = PROMTOOL.find()
    if path is None:
        if not (shutil.which("apt-get") and shutil.which("dpkg-deb")):
            raise MissingTools([PROMTOOL])
        _fetch()
        path = PROMTOOL.find()
    if path is None:
        raise MissingTools([PROMTOOL])
    return path


def _unpacked() -> str | None:
    path = cache_folder() / "promtool"
    return str(path) if path.exists() else None


def _fetch() -> None:
    cache_folder().mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache_folder()) as name:
        folder = Path(name)
        # As root, apt downloads as a user of its own.
        folder.chmod(0o777)
        run("apt-get download", ["apt-get", "download", "-q", _PACKAGE], cwd=folder)
        (package,) = folder.glob("*.deb")
        run("dpkg-deb", ["dpkg-deb", "--extract", str(package), name])
        os.replace(folder / "usr/bin/promtool", cache_folder() / "promtool")
