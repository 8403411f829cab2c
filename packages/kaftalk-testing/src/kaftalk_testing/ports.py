"""Free and taken TCP ports of this machine."""

import os
import random
import socket
from pathlib import Path

# Below the range from which the kernel takes the ports of outgoing connections.
_TEST_PORTS = range(10_240, 20_000)
_given_out: set[int] = set()


def free_port(host: str = "127.0.0.1") -> int:
    """Return a port nobody listens on, and never the same one twice in this process."""
    for port in random.sample(_TEST_PORTS, len(_TEST_PORTS)):
        if port not in _given_out and is_free(port, host):
            _given_out.add(port)
            return port
    raise RuntimeError(f"no free port in {_TEST_PORTS.start}-{_TEST_PORTS.stop - 1}")


def is_free(port: int, host: str = "127.0.0.1") -> bool:
    """Tell whether a listener could bind to the port now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # A port in TIME_WAIT is free for every server that is started here.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True


def listener_on(port: int) -> str:
    """Name the process that listens on the port, as far as this user may see it."""
    inodes = _listening_inodes(port)
    for directory in Path("/proc").glob("[0-9]*"):
        if _open_sockets(directory) & inodes:
            return f"process {directory.name} ({(directory / 'comm').read_text().strip()})"
    return "a process of another user"


def _listening_inodes(port: int) -> set[str]:
    """Return the socket inodes in state LISTEN (0A) on the port; proc_net_tcp(5)."""
    inodes = set()
    for table in (Path("/proc/net/tcp"), Path("/proc/net/tcp6")):
        lines = table.read_text().splitlines()[1:] if table.exists() else []
        for fields in map(str.split, lines):
            if fields[3] == "0A" and int(fields[1].rpartition(":")[2], 16) == port:
                inodes.add(fields[9])
    return inodes


def _open_sockets(process: Path) -> set[str]:
    inodes = set()
    try:
        for descriptor in (process / "fd").iterdir():
            target = os.readlink(descriptor)
            if target.startswith("socket:["):
                inodes.add(target[8:-1])
    except OSError:
        pass  # the process ended meanwhile, or belongs to another user
    return inodes
