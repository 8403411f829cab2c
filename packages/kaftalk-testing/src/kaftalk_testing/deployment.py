"""Where `make up` serves Kaftalk: from the environment, or from what runs already."""

import itertools
import os
import socket
from collections.abc import Mapping
from pathlib import Path

from kaftalk_testing import plan as plans
from kaftalk_testing.plan import Plan
from kaftalk_testing.ports import is_free, listener_on
from kaftalk_testing.records import Address

# The ports of everything behind the proxy follow its own, so that two deployments can run side by side.
_INNER_PORTS_AFTER = 100
_FILES_PORT_AFTER = 99
_PORT_MAX = 65_399
# What the plan decides; any other KAFTALK_ variable of the caller goes to the services.
_PLANNED = {
    f"KAFTALK_{name}"
    for name in ("PORT", "BIND", "INSTANCE", "LISTEN", "INTERNAL_LISTEN", "INTERNAL_ADVERTISE", "METRICS_LISTEN")
} | {f"KAFTALK_{name}" for name in ("PUBLIC_URL", "KAFKA_BOOTSTRAP", "REDIS_URL", "JWT_KEY_FILE", "INTERNAL_KEYS")}
_PLANNED |= {
    f"KAFTALK_S3_{name}" for name in ("ENDPOINT", "BUCKET", "REGION", "ACCESS_KEY", "SECRET_KEY", "EVENTS_TOPIC")
}


class CannotStart(Exception):
    """Something outside stands in the way; says what, and what to do."""


def choose_address(recorded: Address | None) -> Address:
    """Return the address of what runs (`recorded`), else the one the environment asks for. Raises CannotStart."""
    bind = os.environ.get("KAFTALK_BIND", recorded.bind if recorded else "127.0.0.1")
    port = _port(os.environ.get("KAFTALK_PORT", str(recorded.port if recorded else 8000)))
    if recorded and (bind, port) != (recorded.bind, recorded.port):
        raise CannotStart(f"Kaftalk runs at {recorded.url}: `make down` first to serve it at {bind}:{port}")
    return recorded or Address(bind, port, os.environ.get("KAFTALK_PUBLIC_URL") or f"http://{_host(bind)}:{port}")


def plan_deployment(state: Path, address: Address, environment: Mapping[str, str]) -> Plan:
    """Plan two gateways and one instance of every other service, on fixed ports above the public one."""
    ports = itertools.count(address.port + _INNER_PORTS_AFTER)
    kafka_port, controller_port, redis_port = itertools.islice(ports, 3)
    instances = plans.listeners(plans.instance_names({"gateway": 2}), ports)
    s3_port, thumbnailer_port = itertools.islice(ports, 2)
    origins = {address.url, f"http://127.0.0.1:{address.port}", f"http://localhost:{address.port}"}
    return Plan(
        folder=state,
        kafka_port=kafka_port,
        controller_port=controller_port,
        redis_port=redis_port,
        proxy_port=address.port,
        files_port=address.port + _FILES_PORT_AFTER,
        s3_port=s3_port,
        thumbnailer_port=thumbnailer_port,
        instances=instances,
        bind=address.bind,
        public_url=address.url,
        origins=tuple(sorted(origins)),
        settings={k: v for k, v in environment.items() if k.startswith("KAFTALK_") and k not in _PLANNED},
        kafka_heap_mb=768,
        brief=False,
    )


def check_ports(plan: Plan, running: set[str]) -> None:
    """Make sure that what does not run yet finds its ports free. Raises CannotStart."""
    taken = [
        f"port {port} ({what}) is taken by {listener_on(port)}"
        for program, what, port in plan.ports()
        if program not in running and not is_free(port, plan.bind if program == "caddy" else "127.0.0.1")
    ]
    if taken:
        raise CannotStart("\n".join([*taken, "Stop it, or choose other ports: KAFTALK_PORT=9000 make up"]))


def _port(text: str) -> int:
    if not (text.isdecimal() and 0 < int(text) <= _PORT_MAX):
        raise CannotStart(f"KAFTALK_PORT is {text!r}: give a number from 1 to {_PORT_MAX}")
    return int(text)


def _host(bind: str) -> str:
    """Return the address at which a listener is reached: for a wildcard the machine's own."""
    if bind != "0.0.0.0":
        return bind
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # RFC 5737; connecting a datagram socket sends nothing
        except OSError:
            return "127.0.0.1"
        return str(probe.getsockname()[0])
